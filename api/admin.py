"""Tokens in the admin, to read, and to delete with their owner: they are made and revoked on their own page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from engine.mirror.admin import ReadOnlyAdmin

from .models import MANAGE, Token


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "public_id", "owner", "made_by", "made_at", "expires_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "public_id", "owner__username"]
    exclude = ["hash", "page"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MANAGE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MANAGE)
