"""People in the admin: profiles beside their users, dial policies beside their groups, logins; the audit trail to read.

Only a superuser gives anybody more than they have themselves. A group gives more than its permissions: a
dial policy, CLI rules. So they put people only into groups that they are in, change only accounts all of whose
groups they are in (or they would give one a new password and be it), and leave their own groups as they are (one may
refuse what another allows). Nor do they change a group that has a permission which they lack, or give it one.
"""

from typing import Any

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.mirror.admin import BoundedSearch, ReadOnlyAdmin

from .confirmation import ConfirmedAdmin, password_confirmed
from .forms import ProfileAdminForm, SharedPhoneForm
from .models import DialPolicy, Profile, SharedPhone


class ProfileInline(admin.StackedInline):
    model = Profile
    form = ProfileAdminForm


class DialPolicyInline(admin.StackedInline):
    model = DialPolicy
    formfield_overrides = {models.TextField: {"widget": forms.Textarea({"rows": 6, "cols": 40, "spellcheck": "false"})}}


class OperatorAdmin(ConfirmedAdmin, BoundedSearch, UserAdmin):
    inlines = [ProfileInline]
    list_display = ["username", "first_name", "last_name", "is_active"]
    list_filter = ["is_superuser", "is_active", "groups"]
    # Nothing depends on being “staff” (see `site`).
    fieldsets = [
        (title, {**options, "fields": [field for field in options["fields"] if field != "is_staff"]})
        for title, options in UserAdmin.fieldsets or ()
    ]

    @method_decorator(password_confirmed)
    def user_change_password(self, *arguments: Any, **parameters: Any) -> HttpResponse:
        return super().user_change_password(*arguments, **parameters)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str] | tuple[str, ...]:
        fields = [*super().get_readonly_fields(request, obj)]
        if is_superuser(request):
            return fields
        own = ["groups"] if obj is not None and obj.pk == request.user.pk else []
        return [*fields, *own, "is_superuser", "user_permissions"]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups" and not is_superuser(request):
            kwargs["queryset"] = Group.objects.filter(user=request.user.pk)
            kwargs["help_text"] = _("The groups that you are in yourself. Only a superuser can add users to any group.")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user = self.get_object(request, unquote(object_id))
        if user is not None and request.method == "GET" and self._is_beyond(request, user):
            text = _(
                "You can only view this account. Unless you are a superuser, you can change an account only if you "
                "are in all of its groups."
            )
            self.message_user(request, text, messages.WARNING)
        return super().change_view(request, object_id, form_url, extra_context)

    def _is_beyond(self, request: HttpRequest, user: User) -> bool:
        """Whether somebody may change people, but not this one."""
        return super().has_change_permission(request, user) and not _is_within(request, user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))


class PolicyGroupAdmin(ConfirmedAdmin, BoundedSearch, GroupAdmin):
    inlines = [DialPolicyInline]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if db_field.name == "permissions" and request is not None and not is_superuser(request):
            kwargs["queryset"] = Permission.objects.exclude(pk__in=beyond(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or _is_within(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its dial policy, which may refuse its members something, goes with it."""
        allowed: bool = super().has_delete_permission(request, obj)
        if obj is not None and hasattr(obj, "dial_policy") and not request.user.has_perm("accounts.delete_dialpolicy"):
            return False
        return allowed and (obj is None or _is_within(request, obj))


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def beyond(request: HttpRequest) -> QuerySet[Permission]:
    """The permissions that the requesting user lacks."""
    return Permission.objects.exclude(Q(group__user=request.user) | Q(user=request.user))


def _is_within(request: HttpRequest, whom: User | Group) -> bool:
    """Whether a user, active or not, or a group has no permissions that the requesting user lacks."""
    if is_superuser(request):
        return True
    if isinstance(whom, Group):
        return not beyond(request).filter(group=whom).exists()
    groups = whom.groups.exclude(pk__in=Group.objects.filter(user=request.user.pk))
    return not (whom.is_superuser or groups.exists() or beyond(request).filter(user=whom).exists())


admin.site.unregister(User)
admin.site.register(User, OperatorAdmin)
admin.site.unregister(Group)
admin.site.register(Group, PolicyGroupAdmin)


# The names that axes uses on these pages: it has no Chinese of its own.
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


@admin.register(SharedPhone)
class SharedPhoneAdmin(BoundedSearch, admin.ModelAdmin):
    form = SharedPhoneForm
    list_display = ["endpoint", "name", "extension", "pbx_id"]
    search_fields = ["endpoint", "name", "extension"]
    filter_horizontal = ["users"]


class LoginFailureAdmin(AccessAttemptAdmin, BoundedSearch):  # type: ignore[misc]
    """Who gave a wrong password, from where. Deleting an entry unlocks."""

    actions = ["unlock"]
    list_display = ["username", "ip_address", "failures_since_start", "attempt_time", "path_info"]
    list_filter = ["attempt_time"]
    fieldsets = None
    fields = ["username", "ip_address", "failures_since_start", "attempt_time", "path_info", "user_agent"]

    @admin.action(description=_("Unlock: clear these failures"), permissions=["delete"])
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
