"""People in the admin: profiles beside their users, dial policies beside their groups, logins; the audit trail to read.

Nobody but a superuser gives anybody more than he has himself: he neither changes an account or a group that may
more than he, nor puts anybody into such a group, nor gives a group a permission that he lacks.
"""

from typing import Any

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from pbxpanel.mirror.admin import BoundedSearch, ReadOnlyAdmin

from .models import AuditEntry, DialPolicy, Profile


class ProfileInline(admin.StackedInline):
    model = Profile


class DialPolicyInline(admin.StackedInline):
    model = DialPolicy
    formfield_overrides = {models.TextField: {"widget": forms.Textarea({"rows": 6, "cols": 40, "spellcheck": "false"})}}


class OperatorAdmin(BoundedSearch, UserAdmin):
    inlines = [ProfileInline]
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str] | tuple[str, ...]:
        fields = [*super().get_readonly_fields(request, obj)]
        return fields if is_superuser(request) else [*fields, "is_superuser", "user_permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups" and not is_superuser(request):
            kwargs["queryset"] = Group.objects.exclude(permissions__in=beyond(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))


class PolicyGroupAdmin(BoundedSearch, GroupAdmin):
    inlines = [DialPolicyInline]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if db_field.name == "permissions" and request is not None and not is_superuser(request):
            kwargs["queryset"] = Permission.objects.exclude(pk__in=beyond(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def beyond(request: HttpRequest) -> QuerySet[Permission]:
    """The permissions that he who asks does not have."""
    return Permission.objects.exclude(Q(group__user=request.user) | Q(user=request.user))


def _is_within(request: HttpRequest, whom: User | Group) -> bool:
    """Whether a user, active or not, or the members of a group may nothing that he who asks may not."""
    if is_superuser(request):
        return True
    if isinstance(whom, Group):
        return not beyond(request).filter(group=whom).exists()
    return not whom.is_superuser and not beyond(request).filter(Q(group__user=whom) | Q(user=whom)).exists()


admin.site.unregister(User)
admin.site.register(User, OperatorAdmin)
admin.site.unregister(Group)
admin.site.register(Group, PolicyGroupAdmin)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "username", "pbx", "what", "beginning", "outcome", "words"]
    list_filter = ["verb", "status"]
    search_fields = ["username", "subject"]
    fields = ["at", "username", "pbx", "what", "subject", "outcome", "words"]
    readonly_fields = ["what", "outcome", "words"]

    @admin.display(description=_("on whom"), ordering="subject")
    def beginning(self, entry: AuditEntry) -> str:
        return Truncator(entry.subject).chars(200)

    @admin.display(description=_("what"), ordering="verb")
    def what(self, entry: AuditEntry) -> str:
        return entry.what

    @admin.display(description=_("outcome"), ordering="status")
    def outcome(self, entry: AuditEntry) -> str:
        return entry.outcome

    @admin.display(description=_("answer"), ordering="answer")
    def words(self, entry: AuditEntry) -> str:
        return entry.answer_in_words


# What axes calls what these pages show: it has no Chinese of its own.
AXES_WORDS = (
    gettext_noop("access attempt"),
    gettext_noop("access attempts"),
    gettext_noop("access log"),
    gettext_noop("access logs"),
    gettext_noop("Attempt Time"),
    gettext_noop("Failed Logins"),
    gettext_noop("IP Address"),
    gettext_noop("Logout Time"),
    gettext_noop("Path"),
    gettext_noop("User Agent"),
    gettext_noop("Username"),
)


class LoginFailureAdmin(AccessAttemptAdmin, BoundedSearch):  # type: ignore[misc]
    """Who gave a wrong password from where. To forget it is to unlock."""

    actions = ["unlock"]
    list_display = ["username", "ip_address", "failures_since_start", "attempt_time", "path_info"]
    list_filter = ["attempt_time"]
    fieldsets = None
    fields = ["username", "ip_address", "failures_since_start", "attempt_time", "path_info", "user_agent"]

    @admin.action(description=_("Unlock: forget these failures"), permissions=["delete"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        queryset.delete()
        self.message_user(request, _("Unlocked."), messages.SUCCESS)


class LoginAdmin(ReadOnlyAdmin):
    """Who logged in, and out, from where."""

    list_display = ["attempt_time", "logout_time", "username", "ip_address", "path_info"]
    fields = ["attempt_time", "logout_time", "username", "ip_address", "path_info", "user_agent"]
    search_fields = ["username", "ip_address"]


admin.site.unregister([AccessAttempt, AccessFailureLog, AccessLog])
admin.site.register(AccessAttempt, LoginFailureAdmin)
admin.site.register(AccessLog, LoginAdmin)
