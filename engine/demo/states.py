"""Who is busy: the states of devices, the hints of the dialplan that watch them, and what people say of themselves.

As Asterisk 22 has it (main/devicestate.c, main/presencestate.c, channels/chan_pjsip.c): told is what has changed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

Fields = list[tuple[str, str]]
Emit = Callable[[str, Fields], None]

NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE, ONHOLD = (
    "NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"
)  # fmt: skip
# Of several the last one here prevails.
_ORDER = (INVALID, UNAVAILABLE, NOT_INUSE, ONHOLD, RINGING, INUSE, BUSY, RINGINUSE)
# A device's state → that of a hint which watches it: number and text.
_OF_HINT = {
    NOT_INUSE: ("0", "Idle"), INUSE: ("1", "InUse"), BUSY: ("2", "Busy"), INVALID: ("4", "Unavailable"),
    UNAVAILABLE: ("4", "Unavailable"), RINGING: ("8", "Ringing"), RINGINUSE: ("9", "InUse&Ringing"),
    ONHOLD: ("16", "Hold"),
}  # fmt: skip
DEVICE_STATES = tuple(_OF_HINT)
_NO_HINT = ("-1", "Unknown")
PRESENCE_PROVIDER = "CustomPresence:"
PRESENCES = ("not_set", "unavailable", "available", "away", "xa", "chat", "dnd")


def combined(states: set[str]) -> str:
    """The state of something that is in all these at once."""
    if RINGING in states and states & {INUSE, ONHOLD, BUSY}:
        return RINGINUSE
    return max(states, key=_ORDER.index, default=INVALID)


@dataclass(frozen=True, slots=True)
class Presence:
    """What somebody says about being there."""

    state: str = "not_set"
    subtype: str = ""
    message: str = ""

    def fields(self) -> Fields:
        return [("Status", self.state), ("Subtype", self.subtype), ("Message", self.message)]


class States:
    """All devices, hints and presences of one PBX. `emit` is called with each event, as the switch does.

    A telephone that nobody has added has no state, so thousands of them cost nothing.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        # The devices whose state is remembered, and all presences that anybody has ever told.
        self.devices: dict[str, str] = {}
        self.presences: dict[str, Presence] = {}
        # Of a telephone: its state without calls, and what its channels are in.
        self._resting: dict[str, str] = {}
        self._engaged: dict[str, Counter[str]] = {}
        # Hints by extension and context, the state of each, and who watches a device or a presence.
        self._hints: dict[tuple[str, str], str] = {}
        self._hint_states: dict[tuple[str, str], tuple[str, str]] = {}
        self._watchers: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)

    # Devices.

    def add_phone(self, device: str, resting: str = NOT_INUSE) -> None:
        """A telephone, such as `PJSIP/101`, and its state without calls. Add it before the hints that name it."""
        self._resting[device], self._engaged[device] = resting, Counter()
        self.devices[device] = resting

    def engage(self, device: str, before: str, now: str) -> None:
        """One of a telephone's channels goes from this state to that; "" is none."""
        engaged = self._engaged.get(device)
        if engaged is None:
            return
        engaged[before] -= 1
        engaged[now] += 1
        states = {state for state, channels in engaged.items() if state and channels > 0}
        self.set_device(device, combined(states) if states else self._resting[device])

    def set_device(self, device: str, state: str) -> None:
        if self.devices.get(device) == state:
            return
        self.devices[device] = state
        self._emit("DeviceStateChange", [("Device", device), ("State", state)])
        for place in self._watchers.get(device, ()):
            self._look_at(place)

    # Hints.

    def add_hint(
        self, extension: str, context: str, hint: str, *, replace: bool = False, is_told: bool = False
    ) -> bool:
        """A hint such as `PJSIP/101&PJSIP/102,CustomPresence:101`. False where one is that may not be replaced.

        Its state is told of one that is added while the PBX runs, not of one that the dialplan has from the beginning.
        """
        place = (extension, context)
        if place in self._hints and not replace:
            return False
        for watched in _watched(self._hints.get(place, "")):
            self._watchers[watched].discard(place)
        self._hints[place] = hint
        for watched in _watched(hint):
            self._watchers[watched].add(place)
        self._look_at(place, is_told=is_told)
        return True

    def hint_fields(self, extension: str, context: str) -> Fields:
        """What is told of an extension's hint, also if it has none."""
        place = (extension, context)
        status, text = self._hint_states.get(place, _NO_HINT)
        return [
            ("Exten", extension),
            ("Context", context),
            ("Hint", self._hints.get(place, "")),
            ("Status", status),
            ("StatusText", text),
        ]

    def hints(self) -> list[Fields]:
        return [self.hint_fields(*place) for place in self._hints]

    def _look_at(self, place: tuple[str, str], *, is_told: bool = True) -> None:
        devices = self._hints[place].partition(",")[0].split("&")
        now = _OF_HINT[combined({self.devices.get(device, INVALID) for device in devices})]
        before, self._hint_states[place] = self._hint_states.get(place), now
        if is_told and now != before:
            self._emit("ExtensionStatus", self.hint_fields(*place))

    # Presence.

    def set_presence(self, presentity: str, presence: Presence) -> None:
        """Somebody, such as `CustomPresence:101`, says this about being there; told even if it was said before."""
        before, self.presences[presentity] = self.presences.get(presentity, Presence()), presence
        self._emit("PresenceStateChange", [("Presentity", presentity), *presence.fields()])
        if presence == before:
            return
        for place in self._watchers.get(presentity, ()):
            where = self.hint_fields(*place)[:3]
            self._emit("PresenceStatus", [*where, *presence.fields()])


def _watched(hint: str) -> list[str]:
    """The devices that a hint names, and whose presence."""
    devices, _, presentity = hint.partition(",")
    return [name for name in (*devices.split("&"), presentity) if name]
