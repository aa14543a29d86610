"""A planned room, and who may see and moderate the conference that is held in it."""

import re
from collections.abc import Collection, Mapping

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from conferences.invitations.models import InviteGroup


class Room(models.Model):
    """A planned room: what is done when its conference starts, and who moderates it."""

    # Its name, not the PBX: a plan outlives one that is taken away for a while.
    pbx = models.CharField(_("PBX"), max_length=32)
    # What the dialplan passes to ConfBridge().
    number = models.CharField(_("number"), max_length=80)
    name = models.CharField(_("name"), max_length=80, blank=True)
    moderators = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="rooms", verbose_name=_("moderators")
    )
    invite_groups = models.ManyToManyField(InviteGroup, blank=True, verbose_name=_("call in at the start"))
    # A line for each who is called in besides, as `conferences.forms.person_of` reads it.
    people = models.TextField(_("people who are called in at the start"), blank=True)
    lecture = models.BooleanField(_("lecture mode"), default=False)
    # Empty: the conference is never locked.
    lock_after = models.PositiveIntegerField(
        _("lock after (minutes)"), null=True, blank=True, validators=[MaxValueValidator(24 * 60)]
    )
    record = models.BooleanField(_("record automatically"), default=False)
    # A sound of Asterisk's, by its name without the format.
    greeting = models.CharField(_("greeting"), max_length=200, blank=True)
    # Who saved it last: people and groups are called in by their dial policy.
    planned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("planned by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ["pbx", "number"]
        constraints = [models.UniqueConstraint(fields=["pbx", "number"], name="one_plan_for_each_room")]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.name else self.number

    @property
    def people_count(self) -> int:
        """How many are called in beside groups."""
        return len(self.people.splitlines())


_ROOM = "conferences.room:"


# As `command_handlers.side_room` names them.
_SIDE_ROOM = re.compile(r"(.+)-aside(?:-[0-9]+)?", re.DOTALL)


def room_of(name: str) -> str:
    """Whose moderators moderate a conference: of a side room those of the room that its people were taken from."""
    found = _SIDE_ROOM.fullmatch(name)
    return found[1] if found else name


def permission_for(pbx: str, name: str) -> str:
    """The permission of those who moderate this conference's room, besides those for all conferences."""
    return f"{_ROOM}{pbx}/{room_of(name)}"


def room_permissions(user_ids: Collection[int]) -> Mapping[int, Collection[str]]:
    """Ids of users → the permissions for the rooms of each who moderates some. Queries the database once."""
    found: dict[int, set[str]] = {}
    for user_id, pbx, number in Room.objects.filter(moderators__in=user_ids).values_list("moderators", "pbx", "number"):
        found.setdefault(user_id, set()).add(f"{_ROOM}{pbx}/{number}")
    return found


def has_rooms(permissions: Collection[str]) -> bool:
    """Whether these contain the permission for any room."""
    return any(permission.startswith(_ROOM) for permission in permissions)


def may_see(user: User, pbx: str, name: str) -> bool:
    """Whether the user may see this conference: all of them, or one of their rooms."""
    return user.has_perm("conferences.see_conferences") or moderates(user, pbx, name)


def may_moderate(user: User, pbx: str, name: str) -> bool:
    """Whether the user may moderate this conference: all of them, or one of their rooms."""
    return user.has_perm("conferences.moderate") or moderates(user, pbx, name)


def moderates(user: User, pbx: str, name: str) -> bool:
    """Whether this is a room of which the user is a moderator, or a side room of one."""
    return user.is_active and Room.objects.filter(pbx=pbx, number=room_of(name), moderators=user.pk).exists()


def room_names_of(pbx: str, numbers: Collection[str]) -> dict[str, str]:
    """Numbers of rooms on a PBX → the names planned for those that have one. Queries the database once."""
    rooms = Room.objects.filter(pbx=pbx, number__in=numbers).exclude(name="")
    return dict(rooms.values_list("number", "name"))
