"""What calls are made of: channels (the legs), the bridges they meet in, and parked calls. See `calls.call`."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from engine.mirror import dialplan
from engine.mirror.models import Mirrored, Subject
from engine.mirror.registry import mirrored
from engine.mirror.sanitize import shown

# As Asterisk names the states of a channel.
_STATES = {
    "Down": _("Down"),
    "Rsrvd": _("Rsrvd"),
    "OffHook": _("OffHook"),
    "Dialing": _("Dialing"),
    "Ring": _("Ring"),
    "Ringing": _("Ringing"),
    "Up": _("Up"),
    "Busy": _("Busy"),
    "Dialing Offhook": _("Dialing Offhook"),
    "Pre-ring": _("Pre-ring"),
    "Unknown": _("Unknown"),
}
RINGING_STATES = ("Ringing", "Ring", "Dialing", "Dialing Offhook", "Pre-ring")


@mirrored
class Channel(Mirrored):
    """A live channel as Asterisk describes it; the fields are those of its channel snapshots.

    See "Newchannel" and "CoreShowChannel" among Asterisk's AMI events. `call` is the linkedid of the call it
    belongs to: its own, or an older one that a Local channel joins it to (see `calls.events.regroup`).
    """

    indexed_fields = ("bridge", "call", "linkedid", "name")
    compared_fields = (
        "linkedid",
        "call",
        "name",
        "state",
        "caller_number",
        "caller_name",
        "connected_number",
        "connected_name",
        "account_code",
        "context",
        "extension",
        "bridge",
    )
    # An application that ends because its channel was put into a bridge raises no event.
    listed_fields = ("application", "application_data")
    # When a key was last pressed on it, as far as it was seen; not stored.
    pressed_at: datetime | None = None
    # What others were last told of whoever is at it: from what that was made, and the text's beginning; not stored.
    _told: tuple[tuple[Any, ...], str] | None = None
    # See `age`: neither of what it is made of changes.
    _age: tuple[int, int, str] | None = None
    # No list says who holds the call; each channel is queried for it (`calls.events.ask_who_holds`). Nor does one say
    # which tone somebody hears; what began while nobody listened is not known.

    class Tone(models.TextChoices):
        """What somebody hears who is alone on the call."""

        RINGING = "ringing", _("Ringback tone")
        BUSY = "busy", _("Busy tone")
        CONGESTION = "congestion", _("Congestion tone")

    class Recorded(models.TextChoices):
        """What of it is in a recording; of the side that is silent, nothing."""

        ON = "on", _("Recorded")
        PART = "part", _("Recorded, one side silent")
        PAUSED = "paused", _("Recording paused")

    class Muted(models.TextChoices):
        """What somebody at the panel has muted: what comes from it, what goes to it, or both."""

        IN = "in", _("muted")
        OUT = "out", _("hears nothing")
        ALL = "all", _("muted, hears nothing")

    uniqueid = models.CharField(_("unique id"), max_length=150)
    linkedid = models.CharField(_("linked id"), max_length=150)
    call = models.CharField(_("call"), max_length=150)
    name = models.CharField(_("name"), max_length=150)
    endpoint = models.CharField(_("endpoint"), max_length=150, blank=True)
    state = models.CharField(_("state"), max_length=32, blank=True)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    connected_number = models.CharField(_("connected number"), max_length=150, blank=True)
    connected_name = models.CharField(_("connected name"), max_length=150, blank=True)
    account_code = models.CharField(_("account code"), max_length=150, blank=True)
    context = models.CharField(_("context"), max_length=150, blank=True)
    extension = models.CharField(_("extension"), max_length=150, blank=True)
    application = models.CharField(_("application"), max_length=150, blank=True)
    application_data = models.CharField(_("application data"), max_length=150, blank=True)
    bridge = models.CharField(_("bridge"), max_length=150, blank=True)
    on_hold = models.BooleanField(_("on hold"), default=False)
    hears = models.CharField(_("tone"), max_length=10, blank=True, choices=Tone.choices)
    recorded = models.CharField(_("recorded"), max_length=10, blank=True, choices=Recorded.choices)
    # The name of the file, without its folder.
    recording_file = models.CharField(_("recording file"), max_length=255, blank=True)
    muted = models.CharField(_("muted"), max_length=3, blank=True, choices=Muted.choices)
    # Its names and numbers without accents where they have some: `zoe`, for a search.
    folded = models.TextField(_("without accents"), blank=True)
    created_at = models.DateTimeField(_("since"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["created_at", "uniqueid"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_channel_for_each_uniqueid")]
        indexes = [
            # With the time, so that of many calls the oldest are found in it alone.
            models.Index(fields=["pbx", "call", "created_at"], name="channel_of_call"),
            models.Index(fields=["endpoint"], name="channel_of_endpoint"),
            models.Index(fields=["state"], name="channel_in_state"),
        ]
        permissions = [("see_calls", _("Can see calls"))]

    def __str__(self) -> str:
        return shown(self.name)

    def subjects(self) -> set[Subject]:
        return {("call", self.call), ("phone", self.endpoint)} if self.endpoint else {("call", self.call)}

    @property
    def is_local(self) -> bool:
        """Whether this is half of a Local channel, which is not a telephone."""
        return self.name.startswith("Local/")

    @property
    def place(self) -> str:
        """Where in the dialplan it is, unless that is dialplan of the panel's own."""
        return f"{self.extension or '—'}@{self.context}" if self.context != dialplan.CONTEXT else "—"

    @property
    def is_of_ours(self) -> bool:
        """Whether this is half of a Local channel into dialplan of the panel's own."""
        return self.is_local and f"@{dialplan.CONTEXT}-" in self.name

    @property
    def other_half(self) -> str:
        """The name of the other half of a Local channel; empty where this is none."""
        if not self.is_local or self.name[-2:] not in (";1", ";2"):
            return ""
        return self.name[:-1] + ("2" if self.name.endswith("1") else "1")

    @property
    def age(self) -> tuple[int, int, str]:
        """To sort by: the oldest first."""
        if self._age is None:
            self._age = age_of(self.uniqueid, self.created_at)
        return self._age

    @property
    def label(self) -> str:
        """By what people know whoever is at it."""
        return shown(self.caller_name) or shown(self.caller_number) or shown(self.name)

    @property
    def is_up(self) -> bool:
        return self.state == "Up"

    @property
    def state_name(self) -> str:
        """The state in the active language, in Asterisk's own word in English."""
        return str(_STATES.get(self.state, self.state))

    @property
    def is_ringing(self) -> bool:
        return self.state in RINGING_STATES


@mirrored
class Bridge(Mirrored):
    """A place where channels meet. See "BridgeCreate" among Asterisk's AMI events."""

    compared_fields = ("kind", "creator", "name")
    # No event tells that a bridge has changed its technology (a call of two goes from simple_bridge to native_rtp).
    listed_fields = ("technology",)

    uniqueid = models.CharField(_("unique id"), max_length=150)
    kind = models.CharField(_("kind"), max_length=150, blank=True)
    technology = models.CharField(_("technology"), max_length=150, blank=True)
    creator = models.CharField(_("creator"), max_length=150, blank=True)
    name = models.CharField(_("name"), max_length=150, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("bridge")
        verbose_name_plural = _("bridges")
        ordering = ["pbx", "uniqueid"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_bridge_for_each_uniqueid")]

    def __str__(self) -> str:
        return shown(self.name) if self.name else self.uniqueid

    def subjects(self) -> set[Subject]:
        return set()  # the channels in it are what is seen

    @property
    def is_talk(self) -> bool:
        """Whether those who are in it are with each other: neither waiting or parked, nor in a conference."""
        return self.technology != "holding_bridge" and self.creator != "ConfBridge"


@mirrored
class ParkedCall(Mirrored):
    """A channel that waits on a parking space. See "ParkedCall" among Asterisk's AMI events."""

    # Not `timeout`: a list tells how long is left, and in the last second that nothing is.
    compared_fields = ("lot", "space", "parked_by")

    uniqueid = models.CharField(_("unique id"), max_length=150)
    lot = models.CharField(_("parking lot"), max_length=150)
    space = models.CharField(_("parking space"), max_length=150)
    # In seconds; 0: never.
    timeout = models.PositiveIntegerField(_("returns after"), default=0)
    parked_by = models.CharField(_("parked by"), max_length=150, blank=True)
    parked_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("parked call")
        verbose_name_plural = _("parked calls")
        ordering = ["lot", "space"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_parked_call_for_each_uniqueid")]

    def __str__(self) -> str:
        return f"{self.space}@{self.lot}"

    @property
    def back_to(self) -> str:
        """Whom it comes back to when its time is over, by the name of their phone; empty where it never does."""
        return shown(self.parked_by.partition("/")[2] or self.parked_by) if self.timeout else ""

    @property
    def back_at(self) -> datetime:
        """When that is."""
        return self.parked_at + timedelta(seconds=self.timeout)

    def subjects(self) -> set[Subject]:
        return {("parked", self.uniqueid)}


@mirrored
class Transfer(Mirrored):
    """A call of two of whom one waits with music: just on hold, or while the other talks to a third, `number`. Or one
    that was sent to the number, and comes back if nobody answers there.

    `held` and `mine` are the unique ids of who was put on hold, and of the phone of whoever asked for it; `target` is
    that of the channel by which the number is reached, once it has answered. Of one that was sent only `held` is known.
    """

    class State(models.TextChoices):
        """What the phone does meanwhile; or whoever was sent."""

        HELD = "held", _("on hold")
        RINGING = "ringing", _("ringing")
        TALKING = "talking", _("talking")
        # With who was put on hold first, while the target waits.
        SWAPPED = "swapped", _("back with the caller")
        SENT = "sent", _("being transferred")
        RECALL = "recall", _("called back")
        # The phone did not answer when it was called back: whoever was put on hold hears music again.
        UNANSWERED = "unanswered", _("not answered")

    CALLED_BACK = (State.RECALL, State.UNANSWERED)

    # Whether the two have been seen apart since, whether somebody is being moved just now, and of whoever was sent the
    # bridge that they are to leave and whether they have been seen on the way; the step of what was told last. Not
    # stored.
    apart: bool = False
    moves: bool = False
    leaves: str = ""
    on_the_way: bool = False
    told: int = 0

    key_field = "code"
    inherited = True
    indexed_fields = ("held", "mine", "target")

    code = models.CharField(_("code"), max_length=32)
    held = models.CharField(_("on hold"), max_length=150)
    mine = models.CharField(_("phone"), max_length=150, blank=True)
    target = models.CharField(_("target"), max_length=150, blank=True)
    # The call that it is drawn on.
    call = models.CharField(_("call"), max_length=150)
    number = models.CharField(_("number"), max_length=150, blank=True)
    context = models.CharField(_("context"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.HELD)
    user_id = models.PositiveIntegerField(_("asked by"), default=0)
    started_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ["started_at", "code"]
        constraints = [models.UniqueConstraint(fields=["pbx", "code"], name="one_transfer_for_each_code")]

    def __str__(self) -> str:
        return f"{self.held} → {self.number}" if self.number else self.held

    def subjects(self) -> set[Subject]:
        return {("call", self.call)}

    @property
    def by_turns(self) -> bool:
        """Whether the phone is with one of the two while the other waits."""
        return self.state in (self.State.TALKING, self.State.SWAPPED)


@mirrored
class CampOn(Mirrored):
    """A call that is placed as soon as both are free: the `phone` of whoever asked for it, and a number."""

    # The number behind the directory's name for it; set where the row is drawn.
    label = ""

    key_field = "code"
    inherited = True

    code = models.CharField(_("code"), max_length=32)
    phone = models.CharField(_("phone"), max_length=80)
    number = models.CharField(_("number"), max_length=150)
    context = models.CharField(_("context"), max_length=80)
    user_id = models.PositiveIntegerField(_("asked by"), default=0)
    started_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("camp-on")
        verbose_name_plural = _("camp-ons")
        ordering = ["started_at", "code"]
        constraints = [models.UniqueConstraint(fields=["pbx", "code"], name="one_camp_on_for_each_code")]

    def __str__(self) -> str:
        return f"{self.phone} → {self.number}"

    def subjects(self) -> set[Subject]:
        return {("phone", self.phone)}


def endpoint_of(channel: str) -> str:
    """The name of a channel → the endpoint it belongs to: `PJSIP/101-0000002a` → `PJSIP/101`; none for Local."""
    if channel.startswith("Local/"):
        return ""
    endpoint, _separator, _serial = channel.rpartition("-")
    return endpoint


def stands_for(channel: str) -> str:
    """What a channel without a name stands for: `Local/8001@internal-0000002a;1` → `8001@internal`."""
    return shown(channel.removeprefix("Local/").rpartition("-")[0])


def age_of(uniqueid: str, seen: datetime) -> tuple[int, int, str]:
    """To sort by: `1732451234.12`, perhaps behind the name of a system, is when a channel began and a serial number. Of
    an id that is no time, when it was seen counts.
    """
    seconds, _separator, serial = uniqueid.rpartition("-")[2].partition(".")
    if seconds.isdecimal() and serial.isdecimal():
        return (int(seconds[:18]), int(serial[:18]), uniqueid)
    # Before those of the same second: who gives an id of their own begins the call.
    return (int(seen.timestamp()), seen.microsecond - 10**6, uniqueid)


# Django finds the models of an app here.
from .records import models as _records  # noqa: E402,F401
