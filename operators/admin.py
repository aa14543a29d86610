"""People in the admin: profiles beside their users; the audit trail to read."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from pbxpanel.mirror.admin import ReadOnlyAdmin

from .models import AuditEntry, Profile


class ProfileInline(admin.StackedInline):
    model = Profile


class OperatorAdmin(UserAdmin):
    inlines = [ProfileInline]
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff"]


admin.site.unregister(User)
admin.site.register(User, OperatorAdmin)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "username", "pbx", "verb", "subject", "status", "answer"]
    list_filter = ["verb", "status"]
    search_fields = ["username", "subject"]
