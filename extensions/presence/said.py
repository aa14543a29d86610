"""What somebody says of being there: a presence as Asterisk keeps it, and as people read it.

Until when it counts stands in the subtype, `until 2026-11-30T14:30Z`: so it is kept by the PBX, with the presence
itself, and is gone with it when a telephone or the dialplan sets another.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engine import limits

PROVIDER = "CustomPresence:"
AVAILABLE, AWAY, DND = "available", "away", "dnd"
# What people choose from: state, icon and word.
CHOICES: tuple[tuple[str, str, Promise], ...] = (
    (AVAILABLE, "circle-check", gettext_lazy("Available")),
    (AWAY, "clock", gettext_lazy("Away")),
    (DND, "circle-minus", gettext_lazy("Do not disturb")),
)
# What a device state says of each: a lamp that is lit is one that says so.
DEVICES = {AVAILABLE: "NOT_INUSE", AWAY: "INUSE", DND: "BUSY"}
# How long a note may be: as base64 it is to fit into a line of AMI, and into Asterisk's memory of it.
NOTE = limits.NAME
# How far ahead somebody may say when they are back.
FARTHEST = timedelta(days=366)
_UNTIL, _WRITTEN = "until ", "%Y-%m-%dT%H:%MZ"


@dataclass(frozen=True, slots=True)
class Said:
    """A presence: Asterisk's state, a note, and when it ends by itself."""

    state: str
    note: str = ""
    until: datetime | None = None

    @property
    def value(self) -> str:
        """What `PRESENCE_STATE` is set to. (Subtype and message are in base64: a comma would end them.)"""
        subtype = until_written(self.until) if self.until else ""
        return ",".join((self.state, _in_base64(subtype), _in_base64(self.note), "e"))


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def until_written(until: datetime) -> str:
    """As it stands in the subtype."""
    return f"{_UNTIL}{until.astimezone(UTC).strftime(_WRITTEN)}"


def until_in(subtype: str) -> datetime | None:
    """The time in a subtype; None for any other subtype."""
    if not subtype.startswith(_UNTIL):
        return None
    try:
        return datetime.strptime(subtype.removeprefix(_UNTIL), _WRITTEN).replace(tzinfo=UTC)
    except ValueError:
        return None


def moment_in(typed: str, now: datetime) -> datetime:
    """What an ISO 8601 time with its offset means, to the minute. Raises `ValueError` with a sentence."""
    try:
        moment = datetime.fromisoformat(typed.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            _("“%(typed)s” is no time: write date, time and offset, such as 2026-11-30T14:30+01:00.")
            % {"typed": typed[:40]}
        )
    if moment <= now:
        raise ValueError(_("This time has passed: enter when they will be back."))
    if moment > now + FARTHEST:
        raise ValueError(_("This is too far ahead: at most a year."))
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
