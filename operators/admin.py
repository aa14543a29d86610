"""People in the admin: profiles beside their users; the audit trail to read."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from pbxpanel.mirror.admin import ReadOnlyAdmin

from .models import AuditEntry, Profile


class ProfileInline(admin.StackedInline):
    model = Profile


class OperatorAdmin(UserAdmin):
    inlines = [ProfileInline]
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff"]

    # An administrator of the panel makes and changes users, but no superuser, and not himself into one.

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str] | tuple[str, ...]:
        fields = [*super().get_readonly_fields(request, obj)]
        return fields if is_superuser(request) else [*fields, "is_superuser", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or is_superuser(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or is_superuser(request))


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


admin.site.unregister(User)
admin.site.register(User, OperatorAdmin)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "username", "pbx", "verb", "subject", "status", "answer"]
    list_filter = ["verb", "status"]
    search_fields = ["username", "subject"]
