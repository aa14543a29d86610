"""Notifies the sockets at once when a user logs out, gets a new password, is deactivated, or has other permissions."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.utils import timezone

from engine.live.hub import look_at_people

from .models import Profile

_CHANGED = ("post_add", "post_remove", "post_clear")


def watch() -> None:
    """Connect what is below to Django's signals."""
    post_save.connect(_user_saved, User)
    post_delete.connect(_user_deleted, User)
    post_save.connect(_profile_changed, Profile)
    post_delete.connect(_profile_changed, Profile)
    post_delete.connect(_session_ended, Session)
    post_delete.connect(_everybody, Group)
    m2m_changed.connect(_rights_changed, User.groups.through)
    m2m_changed.connect(_rights_changed, User.user_permissions.through)
    m2m_changed.connect(_rights_changed, Group.permissions.through)


def _user_saved(instance: User, created: bool, update_fields: Collection[str] | None, **options: Any) -> None:
    # Every login writes its time.
    if not created and set(update_fields or ()) != {"last_login"}:
        look_at_people([instance.pk])


def _user_deleted(instance: User, **options: Any) -> None:
    look_at_people([instance.pk])


def _profile_changed(instance: Profile, **options: Any) -> None:
    look_at_people([instance.user_id])


def _session_ended(instance: Session, **options: Any) -> None:
    """Somebody logged out, or has a new session in place of this one. (Of one that has expired no socket is left.)"""
    user_id = instance.get_decoded().get(SESSION_KEY)
    if user_id is not None and instance.expire_date > timezone.now():
        look_at_people([int(user_id)])


def _everybody(**options: Any) -> None:
    look_at_people(None)


def _rights_changed(action: str, instance: Any, reverse: bool, pk_set: set[int] | None, **options: Any) -> None:
    """Groups or permissions were given or taken: to one user, to some users of a group, or to all in a group."""
    if action not in _CHANGED:
        return
    if isinstance(instance, User):
        look_at_people([instance.pk])
    else:
        look_at_people(pk_set if reverse and isinstance(instance, Group) else None)
