"""What a dialled number does, how telephones take a call, and Originate.

The same extensions as the dialplan of the test laboratory (tests/lab/conf/extensions.conf): telephones, test
applications, conferences `80XX` (`81XX` joins as admin, `82XX` waits for one, `84XX` muted), `62X` that presses the
key `X`, and an outside line. AMI may add steps to it.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import model
from .expressions import arguments, expand, is_true
from .fixtures import Habit, Phone, habit_of
from .model import NOBODY, Channel, Party, Place, State, Switch
from .schedule import Schedule
from .states import UNAVAILABLE

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

# An application and its data.
Step = tuple[str, str]

_CONFERENCE = re.compile(r"8([0124])(\d\d)")
_KEY = re.compile(r"62(\d)")
_PROFILES = {"0": "panel_user", "1": "panel_admin", "2": "panel_waiting", "4": "panel_muted"}
_OUTSIDE = re.compile(r"\+?\d{3,40}")
_APPLICATIONS: Mapping[str, tuple[Step, ...]] = {
    "600": (("Answer", ",i"), ("Echo", "")),
    "601": (("Answer", ",i"), ("Milliwatt", "")),
    "602": (("Answer", ",i"), ("Wait", "3600")),
    "608": (("Answer", ",i"), ("PlayTones", "1004/2000,0/2000"), ("Wait", "3600")),
}

# The conference's menu, what its key runs for whoever raises his hand or lowers it, and the key that mutes.
MENU, HAND_KEY, MUTE_KEY = "panel_menu", "5", "1"
HAND = Place("hand", "s", 1, "UserEvent", "PanelHand,Hand: toggle")

# The sounds there are, and how long each takes, in seconds.
SOUNDS: Mapping[str, float] = {
    "beep": 0.3, "hello-world": 1.5, "conf-lockednow": 2.0, "conf-unlockednow": 2.0, "conf-onlyperson": 3.0,
    "confbridge-conf-end": 2.0, "vm-goodbye": 0.8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Who enters a conference by it: an admin, one who waits for him, one who is muted."""

    admin: bool = False
    waits: bool = False
    muted: bool = False


DEFAULT_PROFILE = "default_user"
_USER_PROFILES: Mapping[str, UserProfile] = {
    DEFAULT_PROFILE: UserProfile(),
    "panel_user": UserProfile(),
    "panel_admin": UserProfile(admin=True),
    "panel_waiting": UserProfile(waits=True),
    "panel_muted": UserProfile(muted=True),
}


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
    # What is set on the channel first: dialplan functions `CALLERID` or `CONNECTEDLINE`, and what of it; variables.
    settings: tuple[tuple[str, Party], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    account_code: str = ""
    # The unique ids of the channel, and of the other half of a Local one; empty: any.
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
        # The global ones.
        self.variables: dict[str, str] = {}
        self._added: dict[tuple[str, str, int], Step] = {}
        # Each telephone has a hint. Callers from outside come from no address that could be called.
        for number in phones:
            switch.states.add_phone(f"PJSIP/{number}")
            switch.states.add_hint(number, CONTEXT, f"PJSIP/{number}")
        switch.states.add_phone("PJSIP/trunk")
        switch.states.add_phone("PJSIP/outside", UNAVAILABLE)

    def exists(self, extension: str, context: str = CONTEXT) -> bool:
        """Whether the dialplan has this extension; a telephone need not stand behind it."""
        return self._step(context, extension, 1) is not None or _is_dialled(context, extension)

    @property
    def contexts(self) -> list[str]:
        """The names of all contexts."""
        return sorted({CONTEXT, OUTSIDE_CONTEXT, *(context for context, _extension, _priority in self._added)})

    def add(self, context: str, extension: str, priority: int, step: Step, *, replace: bool) -> bool:
        """Add a step. False where one is there that may not be replaced."""
        place = (context, extension, priority)
        if place in self._added and not replace:
            return False
        self._added[place] = step
        return True

    def _step(self, context: str, extension: str, priority: int) -> Step | None:
        added = self._added.get((context, extension, priority))
        if added is not None or (context, extension, 1) in self._added:
            return added
        steps = _steps(context, extension)
        return steps[priority - 1] if priority <= len(steps) else None

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

    def redirect(self, channel: Channel, extension: str, context: str = "") -> None:
        """The channel goes on with another extension; whom it leaves alone hangs up."""
        self.switch.redirect(channel, extension, context)
        self.run(channel, extension, context)

    def transfer(self, transferer: Channel, extension: str) -> None:
        """Whoever talks to the transferer goes on with another extension."""
        self.run(self.switch.blind_transfer(transferer, extension, CONTEXT), extension)

    def run(self, channel: Channel, extension: str, context: str = "") -> None:
        """The channel enters the dialplan at this extension, in its own context or another."""
        # Whoever is only sent elsewhere is the same call.
        self.switch.calls_processed += channel.ways == 0
        channel.ways += 1
        channel.context = context or channel.context
        if self._step(channel.context, extension, 1) is None and _is_dialled(channel.context, extension):
            self._dial(channel, extension)
        else:
            self._go_on(channel, extension, 1)

    def press(self, channel: Channel, digit: str) -> None:
        """The channel's party presses a key, to which the menu of his conference listens."""
        self.switch.press(channel, digit)
        member = channel.member
        if member is None or not member.has_joined or member.menu != MENU:
            return
        if digit == MUTE_KEY:
            self.switch.mute(member, not member.muted)
        elif digit == HAND_KEY:
            self.switch.calls_processed += 1
            self.switch.step_aside(channel, HAND)
            self._tell(channel, HAND.application_data)

    def assign(self, channel: Channel, name: str, value: str) -> None:
        """Set a variable of a channel, or what `CONFBRIDGE(user,…)` keeps for its next conference."""
        function, *options = arguments(name.replace("(", ",").rstrip(")"))
        if function != "CONFBRIDGE":
            channel.variables[name] = value
        elif options[:1] == ["user"] and len(options) == 2:
            if options[1] == "clear":
                channel.conference_settings.clear()
            else:
                channel.conference_settings[options[1]] = value

    def originate(self, request: Originate, outcome: Outcome) -> None:
        """Call a channel; once it is up, it runs the extension. `outcome` hears how it ended, later."""
        technology, _, target = request.channel.partition("/")
        if any(given and self.switch.is_known(given) for given in request.uniqueids):
            self._schedule.later(0, lambda: outcome(FAILED, None))
        elif technology == "Local":
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
        channel.variables["DIALSTATUS"] = ""
        if inside and extension not in self.phones:
            channel.variables["DIALSTATUS"] = "CHANUNAVAIL"
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
            self._end_dial(caller, callee, "BUSY")
            self.switch.hang_up(callee, model.BUSY, keep_caller=True)
            self._give_tone(caller, model.BUSY)
            return
        self.switch.ring(callee)
        if self._picks_up(phone):
            self._schedule.later(self._ringing_time(phone), lambda: self._pick_up(callee))
        else:
            self._schedule.later(DIAL_SECONDS, lambda: self._give_up(callee))

    def _pick_up(self, callee: Channel) -> None:
        if callee.dialled_by is not None:
            self._end_dial(callee.dialled_by, callee, "ANSWER")
        if not callee.is_gone:
            self.switch.connect(callee)

    def _give_up(self, callee: Channel) -> None:
        if callee.state is not State.UP:
            if callee.dialled_by is not None:
                self._end_dial(callee.dialled_by, callee, "NOANSWER")
            self.switch.hang_up(callee, model.NO_CAUSE)

    def _end_dial(self, caller: Channel, callee: Channel, status: str) -> None:
        if not caller.is_gone and not callee.is_gone:
            caller.variables["DIALSTATUS"] = status
            self.switch.end_dial(caller, callee, status)

    def _give_tone(self, channel: Channel, cause: int) -> None:
        """The caller hears that it will not be; one whom nobody has answered yet is refused instead."""
        if channel.state is State.RING:
            self.switch.refuse(channel, busy=cause == model.BUSY)
            self._schedule.later(0.1, lambda: self.switch.hang_up(channel, cause))
        else:
            self._schedule.later(TONE_SECONDS, lambda: self.switch.end_dialplan(channel, cause))

    def _go_on(self, channel: Channel, extension: str, priority: int) -> None:
        """Run the step of this priority, and then the next."""
        step = self._step(channel.context, extension, priority)
        if step is None:
            channel.priority = priority
            # A bridge leaves its cause behind.
            self.switch.hang_up(channel, model.NORMAL if channel.was_bridged else model.NO_CAUSE)
            return
        application, template = step
        data = expand(template, lambda name: self._value(channel, name))
        self.switch.run(channel, extension, priority, application, data)
        self._execute(
            channel,
            application,
            data,
            self._unless_elsewhere(channel, lambda: self._go_on(channel, extension, priority + 1)),
        )

    def _value(self, channel: Channel, name: str) -> str:
        """What `${…}` stands for: a variable of the channel or a global one, or the length of a text."""
        if name.startswith("LEN(") and name.endswith(")"):
            return str(len(name[4:-1].encode()))
        return channel.variables.get(name, self.variables.get(name, ""))

    def _unless_elsewhere(self, channel: Channel, act: Callable[[], None]) -> Callable[[], None]:
        """To be called when an application is over: does nothing for a channel that is gone or was sent elsewhere."""
        way = channel.ways

        def go_on() -> None:
            if not channel.is_gone and channel.ways == way:
                act()

        return go_on

    def _execute(self, channel: Channel, application: str, data: str, go_on: Callable[[], None]) -> None:
        """What an application does; `go_on` is called when it is over."""
        match application:
            case "Answer":
                self.switch.answer(channel)
                go_on()
            case "Set":
                name, _, value = data.partition("=")
                self.assign(channel, name, value)
                go_on()
            case "ExecIf":
                condition, _, then = data.partition("?")
                name, _, inner = then.partition("(")
                if is_true(condition):
                    self._execute(channel, name, inner.removesuffix(")"), lambda: None)
                go_on()
            case "Wait":
                self._schedule.later(float(data), go_on)
            case "Playback":
                seconds = SOUNDS.get(data)
                channel.variables["PLAYBACKSTATUS"] = "FAILED" if seconds is None else "SUCCESS"
                self._schedule.later(seconds or 0.0, go_on)
            case "UserEvent":
                self._tell(channel, data)
                go_on()
            case "Read":  # nobody at the demo's telephones keys anything in
                variable, *_options, time = [*arguments(data), *[""] * 6][:6]
                channel.variables.update({variable: "", "READSTATUS": "TIMEOUT"})
                self._schedule.later(float(time or 6), go_on)
            case "SendDTMF":
                if channel.twin is not None:
                    for digit in data:
                        self.press(channel.twin, digit)
                self._schedule.later(0.35 * len(data), go_on)
            case "ConfBridge":
                self._enter_conference(channel, data)
            case "Milliwatt" | "PlayTones":
                if channel.twin is not None:
                    other_half, by_turns = channel.twin, application == "PlayTones"
                    self._schedule.later(0.1, lambda: self._talk(other_half, True, by_turns=by_turns))
                if application == "PlayTones":
                    go_on()
            case "Echo":
                pass
            case _:
                self.switch.hang_up(channel, model.NO_CAUSE)

    def _enter_conference(self, channel: Channel, data: str) -> None:
        name, bridge, user, menu = [*arguments(data), "", "", "", ""][:4]
        settings = channel.conference_settings
        user = settings.get("template", DEFAULT_PROFILE) if settings else user or DEFAULT_PROFILE
        profile = _USER_PROFILES.get(user)
        if not name or profile is None or menu not in ("", MENU):
            self.switch.end_dialplan(channel)
            return
        conference = self.switch.conferences.get(name)
        if conference is not None and conference.locked and not profile.admin:
            leave = self._unless_elsewhere(channel, lambda: self.switch.hang_up(channel, model.NO_CAUSE))
            self._schedule.later(LOCKED_SECONDS, leave)
            return
        member = self.switch.join(
            channel,
            name,
            admin=profile.admin,
            muted=profile.muted and settings.get("startmuted") != "no",
            wait_marked=profile.waits and settings.get("wait_marked") != "no",
        )
        member.bridge_profile, member.user_profile, member.menu = bridge or "default_bridge", user, menu

    def _tell(self, channel: Channel, data: str) -> None:
        """UserEvent(): a name, and fields such as `Hand: toggle`."""
        name, *fields = arguments(data)
        pairs = (field.partition(":") for field in fields)
        self.switch.user_event(channel, name, [(key.strip(), value.strip()) for key, _, value in pairs])

    def _talk(self, channel: Channel, speaks: bool, *, by_turns: bool) -> None:
        """What one half of a Local channel plays is the voice of the other half in its conference."""
        if channel.member is None:
            return
        self.switch.speak(channel.member, speaks)
        if by_turns:
            self._schedule.later(TALK_SECONDS, lambda: self._talk(channel, not speaks, by_turns=True))

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
        two.variables.update((name.lstrip("_"), value) for name, value in request.variables if name.startswith("_"))
        if not self.exists(extension, two.context):
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
            # It is told whom it would have reached only when it has hung up.
            one.caller = two.connected
            self.switch.hang_up(one, model.NO_CAUSE)
            self.switch.set_caller(one, two.connected)
        elif self._schedule.now() >= give_up_at:
            outcome(NOT_ANSWERED, None)
            self.switch.hang_up(two, model.NO_ANSWER)
        else:
            self._schedule.later(0.1, lambda: self._follow_local(one, request, outcome, give_up_at))

    def _dress(self, channel: Channel, request: Originate) -> None:
        """What Originate sets on the new channel: variables first, then account and caller ID."""
        for name, value in request.variables:
            self.assign(channel, name.lstrip("_"), value)
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
            self.run(channel, request.extension, request.context)
            return
        self.switch.begin(channel, request.application, request.application_data)
        end = self._unless_elsewhere(channel, lambda: self.switch.hang_up(channel, model.NO_CAUSE))
        self._execute(channel, request.application, request.application_data, end)

    # Telephones.

    def _picks_up(self, phone: Phone) -> bool:
        if phone.habit is not Habit.ANSWERS:
            return False
        return phone.rings_for is not None or self._chance.random() >= self.reluctance

    def _ringing_time(self, phone: Phone) -> float:
        return phone.rings_for if phone.rings_for is not None else self._chance.uniform(1.0, 3.0)


def _is_dialled(context: str, extension: str) -> bool:
    """Whether this is a telephone's number, ours or outside."""
    return context in (CONTEXT, OUTSIDE_CONTEXT) and _OUTSIDE.fullmatch(extension) is not None


def _steps(context: str, extension: str) -> tuple[Step, ...]:
    """The steps of an extension that is there from the beginning; none for a number that is dialled."""
    conference, key = _CONFERENCE.fullmatch(extension), _KEY.fullmatch(extension)
    if context not in (CONTEXT, OUTSIDE_CONTEXT):
        return ()
    if conference is not None:
        data = f"80{conference[2]},panel_bridge,{_PROFILES[conference[1]]},{MENU}"
        return (("Answer", ",i"), ("ConfBridge", data))
    if key is not None:
        return (("Answer", ",i"), ("Wait", "1"), ("SendDTMF", key[1]), ("Wait", "3600"))
    return _APPLICATIONS.get(extension, ())
