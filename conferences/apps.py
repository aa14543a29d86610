from typing import Any

from django.apps import AppConfig
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.utils.translation import gettext_lazy as _


class ConferencesConfig(AppConfig):
    name = "conferences"
    verbose_name = _("Conferences")

    def ready(self) -> None:
        from accounts import identity

        # They register themselves. Where several are called for one event or row, the records' are the first.
        from .records import events as _records  # noqa: F401  isort: skip
        from . import commands, events, fragments, moving, muting, profiles, recording, snapshot, talking, user_events  # noqa: F401
        from . import bringing as _bringing  # noqa: F401  isort: skip
        from . import event_types as _event_types  # noqa: F401  isort: skip
        from .invitations import commands as _inviting  # noqa: F401
        from .invitations import events as _invitations  # noqa: F401
        from .rooms import events as _rooms  # noqa: F401
        from .rooms.models import Room, room_permissions

        identity.own_permissions.append(room_permissions)
        post_save.connect(_rooms_changed, Room)
        post_delete.connect(_rooms_changed, Room)
        m2m_changed.connect(_rooms_changed, Room.moderators.through)


def _rooms_changed(**options: Any) -> None:
    """Which room users moderate decides what some of them may see."""
    from engine.live.hub import look_at_people

    look_at_people(None)
