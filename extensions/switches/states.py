"""Whether a switch is on: by its entry of the AstDB, or else by its device."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ..models import Device
from .models import DEVICE_OFF, ON_STATES, Switch, SwitchEntry


@dataclass(frozen=True, slots=True)
class Position:
    """A switch, and whether it is on; None where that is not known."""

    switch: Switch
    is_on: bool | None

    @property
    def key(self) -> str:
        """By which a verb names it."""
        return str(self.switch.pk)

    @property
    def word(self) -> str:
        """How it is, in the words that an administrator chose."""
        return _("not known") if self.is_on is None else self.switch.word(self.is_on)

    @property
    def on_word(self) -> str:
        return self.switch.word(True)

    @property
    def off_word(self) -> str:
        return self.switch.word(False)


def positions(switches: Iterable[Switch]) -> list[Position]:
    """How these are. Queries the database twice."""
    switches = list(switches)
    entries = SwitchEntry.objects.filter(name__in={switch.entry_name for switch in switches})
    devices = Device.objects.filter(name__in={switch.device for switch in switches} - {""})
    held = {(row.pbx_id, row.name): row for row in entries}
    states = {(row.pbx_id, row.name): row.state for row in devices}
    return [
        Position(
            switch,
            by_entry(switch, held.get((switch.pbx, switch.entry_name)))
            if switch.entry
            else by_device(states.get((switch.pbx, switch.device), "")),
        )
        for switch in switches
    ]


def by_entry(switch: Switch, row: SwitchEntry | None) -> bool | None:
    """What its entry says; None where it was not read yet, or says neither."""
    if row is None:
        return None
    if not row.is_there:
        return None if switch.off_value else False
    return True if row.value == switch.on_value else False if row.value == switch.off_value else None


def by_device(state: str) -> bool | None:
    """What a device state says."""
    return True if state in ON_STATES else False if state == DEVICE_OFF else None
