from typing import Any

from django.apps import AppConfig
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.utils.translation import gettext_lazy as _


class ConferencesConfig(AppConfig):
    name = "conferences"
    verbose_name = _("Conferences")

    def ready(self) -> None:
        from operators import people

        from . import events, fragments, invites, orders, plans  # noqa: F401  they register themselves
        from .models import Room, room_permissions

        people.own_permissions.append(room_permissions)
        post_save.connect(_rooms_changed, Room)
        post_delete.connect(_rooms_changed, Room)
        m2m_changed.connect(_rooms_changed, Room.moderators.through)


def _rooms_changed(**options: Any) -> None:
    """Who moderates which room decides what some may see."""
    from pbxpanel.live.hub import look_at_people

    look_at_people(None)
