"""What is mirrored can be read in the admin, and not edited: the PBX alone changes it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from .models import PBX


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows to whoever has the view permission; nobody adds, edits or deletes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PBX)
class PBXAdmin(ReadOnlyAdmin):
    list_display = ["name", "address", "link", "link_since", "version", "demo"]
