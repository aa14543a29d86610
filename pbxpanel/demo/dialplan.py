"""What a dialled number does, how telephones take a call, and Originate.

The same extensions as the dialplan of the test laboratory (tests/lab/conf/extensions.conf): telephones, test
applications, conferences `80XX` (`81XX` joins as admin, `84XX` muted), and an outside line.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import model
from .cast import Habit, Phone, habit_of
from .model import NOBODY, Channel, Party, State, Switch
from .schedule import Schedule

CONTEXT, OUTSIDE_CONTEXT = "internal", "from-outside"
DIAL_SECONDS = 30
# How long Asterisk lets a caller hear the busy tone before it hangs up.
TONE_SECONDS = 10.0
# How long the prompt takes that says the conference is locked.
LOCKED_SECONDS = 3.0
# How long the talker of 608 talks, and is then silent.
TALK_SECONDS = 2.0

# Originate's reasons (include/asterisk/frame.h, AST_CONTROL_…).
FAILED, NOT_ANSWERED, ANSWERED, WAS_BUSY, CONGESTED = 0, 3, 4, 5, 8

_CONFERENCE = re.compile(r"8([014])(\d\d)")
_PROFILES = {"0": "panel_user", "1": "panel_admin", "4": "panel_muted"}
_OUTSIDE = re.compile(r"\+?\d{3,40}")
_APPLICATIONS = {
    "600": (("Answer", ",i"), ("Echo", "")),
    "601": (("Answer", ",i"), ("Milliwatt", "")),
    "602": (("Answer", ",i"), ("Wait", "3600")),
    "608": (("Answer", ",i"), ("PlayTones", "1004/2000,0/2000"), ("Wait", "3600")),
}
# Those of them that are heard: without end, and by turns.
_TALKERS = ("601", "608")


@dataclass(frozen=True, slots=True)
class Originate:
    """What an Originate action asks for. `application` stands in place of an extension."""

    channel: str
    extension: str = ""
    context: str = ""
    application: str = ""
    application_data: str = ""
    timeout: float = 30.0
    caller: Party = NOBODY
    # Dialplan functions that are set on the channel first: `CALLERID` or `CONNECTEDLINE`, and what of it.
    settings: tuple[tuple[str, Party], ...] = ()
    account_code: str = ""
    # What the channel, and the other half of a Local one, are to bear.
    uniqueids: tuple[str, str] = ("", "")


# Called once with Originate's reason, and the channel if it was answered.
Outcome = Callable[[int, Channel | None], None]


class Dialplan:
    """Runs extensions on the channels of a switch. `reluctance` is how often a telephone is left ringing."""

    def __init__(
        self,
        switch: Switch,
        schedule: Schedule,
        phones: Mapping[str, Phone],
        chance: random.Random,
        *,
        reluctance: float = 0.0,
    ) -> None:
        self.switch, self.phones, self.reluctance = switch, phones, reluctance
        self._schedule, self._chance = schedule, chance

    def exists(self, extension: str) -> bool:
        """Whether the dialplan has this extension; a telephone need not stand behind it."""
        return bool(extension in _APPLICATIONS or _CONFERENCE.fullmatch(extension) or _OUTSIDE.fullmatch(extension))

    def call(self, caller: Phone, extension: str) -> Channel:
        """Somebody dials by hand: one of our telephones, or a caller from outside."""
        inside = caller.number in self.phones
        channel = self.switch.new_channel(
            f"PJSIP/{caller.number}" if inside else "PJSIP/outside",
            Party(caller.number, caller.name),
            state=State.RING,
            context=CONTEXT if inside else OUTSIDE_CONTEXT,
            extension=extension,
        )
        self.run(channel, extension)
        return channel

    def cancel(self, caller: Channel) -> None:
        """Somebody who dials by hand puts the receiver down before anybody has answered."""
        if caller.dials is not None:
            self.switch.hang_up(caller.dials, model.INTERWORKING, tech_cause=500, keep_caller=True)
        self.switch.hang_up(caller, model.INTERWORKING, tech_cause=487)

    def redirect(self, channel: Channel, extension: str) -> None:
        """The channel goes on with another extension; whom it leaves alone hangs up."""
        self.switch.redirect(channel, extension)
        self.run(channel, extension)

    def transfer(self, transferer: Channel, extension: str) -> None:
        """Whoever talks to the transferer goes on with another extension."""
        self.run(self.switch.blind_transfer(transferer, extension, CONTEXT), extension)

    def run(self, channel: Channel, extension: str) -> None:
        """The channel enters the dialplan at this extension."""
        self.switch.calls_processed += 1
        conference = _CONFERENCE.fullmatch(extension)
        if conference is not None:
            self._join(channel, extension, f"80{conference[2]}", conference[1])
        elif extension in _APPLICATIONS:
            self._run_applications(channel, extension)
        else:
            self._dial(channel, extension)

    def originate(self, request: Originate, outcome: Outcome) -> None:
        """Call a channel; once it is up, it runs the extension. `outcome` hears how it ended, later."""
        technology, _, target = request.channel.partition("/")
        if technology == "Local":
            self._schedule.later(0, lambda: self._originate_local(request, target, outcome))
        elif technology == "PJSIP" and target in self.phones:
            self._schedule.later(0, lambda: self._originate_phone(request, self.phones[target], outcome))
        else:
            self._schedule.later(0, lambda: outcome(FAILED, None))

    # The applications.

    def _dial(self, channel: Channel, extension: str) -> None:
        number = extension.removeprefix("9") if len(extension) > 3 else extension
        inside = extension in self.phones or re.fullmatch(r"1\d\d", extension) is not None
        data = f"PJSIP/{number},{DIAL_SECONDS}" if inside else f"PJSIP/{number}@trunk,{DIAL_SECONDS}"
        self.switch.run(channel, extension, 1, "Dial", data)
        if inside and extension not in self.phones:
            self._give_tone(channel, model.NO_ROUTE)
            return
        phone = self.phones[extension] if inside else Phone(number, habit=habit_of(number))
        endpoint = f"PJSIP/{number}" if inside else "PJSIP/trunk"
        callee = self.switch.dial(channel, endpoint, phone.caller_id, CONTEXT if inside else OUTSIDE_CONTEXT)
        self._schedule.later(0.1, lambda: self._offer(phone, callee, channel))

    def _offer(self, phone: Phone, callee: Channel, caller: Channel) -> None:
        if callee.is_gone:
            return
        if phone.habit is Habit.BUSY:
            self.switch.hang_up(callee, model.BUSY, keep_caller=True)
            self._give_tone(caller, model.BUSY)
            return
        self.switch.ring(callee)
        if self._picks_up(phone):
            self._schedule.later(self._ringing_time(phone), lambda: self._pick_up(callee))
        else:
            self._schedule.later(DIAL_SECONDS, lambda: self._give_up(callee))

    def _pick_up(self, callee: Channel) -> None:
        if not callee.is_gone:
            self.switch.connect(callee)

    def _give_up(self, callee: Channel) -> None:
        if callee.state is not State.UP:
            self.switch.hang_up(callee, model.NO_CAUSE)

    def _give_tone(self, channel: Channel, cause: int) -> None:
        """The caller hears that it will not be; one whom nobody has answered yet is refused instead."""
        if channel.state is State.RING:
            self.switch.refuse(channel, busy=cause == model.BUSY)
            self._schedule.later(0.1, lambda: self.switch.hang_up(channel, cause))
        else:
            self._schedule.later(TONE_SECONDS, lambda: self.switch.end_dialplan(channel, cause))

    def _join(self, channel: Channel, extension: str, name: str, digit: str) -> None:
        self.switch.run(channel, extension, 1, "Answer", ",i")
        self.switch.answer(channel)
        profile = _PROFILES[digit]
        self.switch.run(channel, extension, 2, "ConfBridge", f"{name},panel_bridge,{profile}")
        admin = digit == "1"
        conference = self.switch.conferences.get(name)
        if conference is not None and conference.locked and not admin:
            self._schedule.later(LOCKED_SECONDS, lambda: self.switch.hang_up(channel, model.NO_CAUSE))
            return
        self.switch.join(channel, name, admin=admin, muted=digit == "4")

    def _run_applications(self, channel: Channel, extension: str) -> None:
        for priority, (application, data) in enumerate(_APPLICATIONS[extension], start=1):
            self.switch.run(channel, extension, priority, application, data)
            self.switch.answer(channel)
        if extension in _TALKERS and channel.twin is not None:
            other_half = channel.twin
            self._schedule.later(0.1, lambda: self._talk(other_half, extension, True))

    def _talk(self, channel: Channel, extension: str, speaks: bool) -> None:
        """What one half of a Local channel plays is the voice of the other half in its conference."""
        if channel.member is None:
            return
        self.switch.speak(channel.member, speaks)
        if extension == "608":
            self._schedule.later(TALK_SECONDS, lambda: self._talk(channel, extension, not speaks))

    # Originate.

    def _originate_phone(self, request: Originate, phone: Phone, outcome: Outcome) -> None:
        channel = self.switch.new_channel(
            f"PJSIP/{phone.number}", phone.caller_id, originated=True, uniqueid=request.uniqueids[0]
        )
        self.switch.run(channel, "s", 1, "AppDial2", "(Outgoing Line)")
        self._dress(channel, request)
        if phone.habit is Habit.BUSY:
            outcome(FAILED, None)
            self.switch.hang_up(channel, model.BUSY)
            return
        self.switch.change_state(channel, State.RINGING)
        channel.on_hang_up = lambda: outcome(FAILED, None)
        ringing = self._ringing_time(phone)
        if self._picks_up(phone) and ringing < request.timeout:
            self._schedule.later(ringing, lambda: self._answered(channel, request, outcome))
        else:
            self._schedule.later(request.timeout, lambda: self._not_answered(channel, outcome))

    def _answered(self, channel: Channel, request: Originate, outcome: Outcome) -> None:
        if channel.is_gone:
            return
        channel.on_hang_up = None
        self.switch.answer(channel)
        outcome(ANSWERED, channel)
        self._run_request(channel, request)

    def _not_answered(self, channel: Channel, outcome: Outcome) -> None:
        if channel.is_gone:
            return
        channel.on_hang_up = None
        outcome(NOT_ANSWERED, None)
        self.switch.hang_up(channel, model.NO_ANSWER)

    def _originate_local(self, request: Originate, target: str, outcome: Outcome) -> None:
        extension, _, context = target.partition("/")[0].partition("@")
        one, two = self.switch.new_local(extension, context or "default", uniqueids=request.uniqueids)
        self.switch.run(one, extension, 1, "AppDial2", "(Outgoing Line)")
        self._dress(one, request)
        self.switch.copy_to_twin(one)
        if not self.exists(extension):
            outcome(FAILED, None)
            self.switch.hang_up(two, model.NO_CAUSE)
            return
        self.run(two, extension)
        self._follow_local(one, request, outcome, self._schedule.now() + request.timeout)

    def _follow_local(self, one: Channel, request: Originate, outcome: Outcome, give_up_at: float) -> None:
        """A Local channel answers when its other half does: look, until then."""
        two = one.twin
        if one.state is State.UP and not one.is_gone:
            outcome(ANSWERED, one)
            self._run_request(one, request)
        elif one.is_gone or two is None:
            outcome(FAILED, None)
        elif two.dials is None and two.application == "Dial":
            outcome(WAS_BUSY if two.state is State.BUSY else CONGESTED, None)
            self.switch.hang_up(one, model.NO_CAUSE)
        elif self._schedule.now() >= give_up_at:
            outcome(NOT_ANSWERED, None)
            self.switch.hang_up(two, model.NO_ANSWER)
        else:
            self._schedule.later(0.1, lambda: self._follow_local(one, request, outcome, give_up_at))

    def _dress(self, channel: Channel, request: Originate) -> None:
        """What Originate sets on the new channel: variables first, then account and caller ID."""
        # Asterisk sets the last variable first.
        for function, party in reversed(request.settings):
            if function == "CALLERID":
                self.switch.set_caller(channel, party)
            else:
                self.switch.set_connected(channel, party)
        if request.account_code:
            self.switch.set_account_code(channel, request.account_code)
        if request.caller:
            self.switch.set_caller(channel, request.caller)
            self.switch.set_connected(channel, request.caller)

    def _run_request(self, channel: Channel, request: Originate) -> None:
        if request.extension:
            self.run(channel, request.extension)
        else:
            self.switch.begin(channel, request.application, request.application_data)
            if request.application == "ConfBridge":
                self._join_by_request(channel, request.application_data)

    def _join_by_request(self, channel: Channel, data: str) -> None:
        """The conference is the first argument; a backslash takes its meaning from what follows."""
        found = re.match(r"(?:[^,\\]|\\.)*", data)
        name = re.sub(r"\\(.)", r"\1", found[0]) if found else ""
        conference = self.switch.conferences.get(name)
        if conference is not None and conference.locked:
            self._schedule.later(LOCKED_SECONDS, lambda: self.switch.hang_up(channel, model.NO_CAUSE))
        else:
            self.switch.join(channel, name)

    # Telephones.

    def _picks_up(self, phone: Phone) -> bool:
        if phone.habit is not Habit.ANSWERS:
            return False
        return phone.rings_for is not None or self._chance.random() >= self.reluctance

    def _ringing_time(self, phone: Phone) -> float:
        return phone.rings_for if phone.rings_for is not None else self._chance.uniform(1.0, 3.0)
