"""The dialplan: it sends channels into extensions and runs their steps one after the other. AMI may add steps to it."""

import random
from collections.abc import Callable, Mapping

from .. import model
from ..expressions import arguments, expand
from ..fixtures import MAILBOXES, Phone
from ..model import Channel, Party, State
from ..schedule import Schedule
from ..states import UNAVAILABLE
from ..switch import Switch
from ..switch.transfers import Destination
from . import applications, confbridge, dial, originate, parking
from .extensions import CONTEXT, OUTSIDE_CONTEXT, Step, is_dialled, steps
from .voicemail import Mailbox


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
        self.schedule, self.chance = schedule, chance
        # The global ones.
        self.variables: dict[str, str] = {}
        # Whose voicemail there is, by number.
        self.mailboxes = {
            number: Mailbox(phones[number].name, new) for number, new in MAILBOXES.items() if number in phones
        }
        self._added: dict[tuple[str, str, int], Step] = {}
        # Each telephone has a hint. Callers from outside come from no address that could be called.
        for number in phones:
            switch.states.add_phone(f"PJSIP/{number}")
            switch.states.add_hint(number, CONTEXT, f"PJSIP/{number}")
        switch.states.add_phone("PJSIP/trunk")
        switch.states.add_phone("PJSIP/outside", UNAVAILABLE)

    # Some of its duties are modules of functions that take the dialplan first. Here they become its methods.

    press = confbridge.press
    originate = originate.originate
    park = parking.park
    answer = dial.answer
    reject = dial.reject
    take = dial.take

    # What there is.

    def exists(self, extension: str, context: str = CONTEXT, priority: int = 1) -> bool:
        """Whether the dialplan has this step of an extension; a telephone need not stand behind it."""
        found = self._step(context, extension, priority)
        return found is not None or (priority == 1 and is_dialled(context, extension))

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
        found = steps(context, extension)
        return found[priority - 1] if 0 < priority <= len(found) else None

    # How channels come into it.

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
        if channel.doomed:
            channel.context, channel.extension, channel.priority = context or channel.context, extension, 0
            self.switch.end_dialplan(channel, channel.doomed)
            return
        self.switch.redirect(channel, extension, context)
        self.run(channel, extension, context)

    def redirect_both(self, first: Channel, second: Channel, places: tuple[Destination, Destination]) -> None:
        """Both go on, each with an extension of its own: neither leaves the other alone."""
        self.switch.redirect_both(first, second, places)
        for channel, (extension, context) in zip((first, second), places, strict=True):
            self.run(channel, extension, context)

    def transfer(self, transferer: Channel, extension: str) -> None:
        """Whoever talks to the transferer goes on with another extension."""
        self.run(self.switch.blind_transfer(transferer, extension, CONTEXT), extension)

    # How they go through it.

    def run(self, channel: Channel, extension: str, context: str = "") -> None:
        """The channel enters the dialplan at this extension, in its own context or another."""
        # Whoever is only sent elsewhere is the same call.
        self.switch.calls_processed += channel.ways == 0
        channel.ways += 1
        channel.next_step, channel.goes_on = None, False
        channel.context = context or channel.context
        if self._step(channel.context, extension, 1) is None and is_dialled(channel.context, extension):
            dial.dial(self, channel, extension)
        else:
            self.go_on(channel, extension, 1)

    def go_on(self, channel: Channel, extension: str, priority: int) -> None:
        """Run the step of this priority, and then the next."""
        channel.next_step, channel.goes_on = None, False
        step = self._step(channel.context, extension, priority)
        if step is None:
            channel.priority = priority
            # A bridge leaves its cause behind.
            self.switch.hang_up(channel, model.NORMAL if channel.was_bridged else model.NO_CAUSE)
            return
        application, template = step
        data = expand(template, lambda name: self._value(channel, name))
        self.switch.run(channel, extension, priority, application, data)
        next_step = self.unless_elsewhere(channel, lambda: self.go_on(channel, extension, priority + 1))
        channel.next_step, channel.goes_on = lambda: self.go_on(channel, extension, priority + 1), False
        applications.execute(self, channel, application, data, next_step)

    def unless_elsewhere(self, channel: Channel, act: Callable[[], None]) -> Callable[[], None]:
        """To be called when an application is over: does nothing for a channel that is gone or was sent elsewhere."""
        way = channel.ways

        def go_on() -> None:
            if not channel.is_gone and channel.ways == way:
                act()

        return go_on

    def tell(self, channel: Channel, data: str) -> None:
        """UserEvent(): a name, and fields such as `Hand: toggle`."""
        name, *fields = arguments(data)
        pairs = (field.partition(":") for field in fields)
        self.switch.user_event(channel, name, [(key.strip(), value.strip()) for key, _, value in pairs])

    # Variables.

    def assign(self, channel: Channel, name: str, value: str) -> None:
        """Set a variable of a channel, whom its party sees as the other side (`CONNECTEDLINE`), or what
        `CONFBRIDGE(user,…)` keeps for its next conference.
        """
        function, *options = arguments(name.replace("(", ",").rstrip(")"))
        if function == "CONNECTEDLINE" and options[:1] in (["name"], ["num"]):
            number, text = channel.connected.number, channel.connected.name
            channel.connected = Party(value, text) if options[0] == "num" else Party(number, value)
            self.switch.set_connected(channel, channel.connected)
        elif function != "CONFBRIDGE":
            channel.variables[name] = value
        elif options[:1] == ["user"] and len(options) == 2:
            if options[1] == "clear":
                channel.conference_settings.clear()
            else:
                channel.conference_settings[options[1]] = value

    def _value(self, channel: Channel, name: str) -> str:
        """What `${…}` stands for: a variable of the channel or a global one, or the length of a text."""
        if name.startswith("LEN(") and name.endswith(")"):
            return str(len(name[4:-1].encode()))
        if name == "EPOCH":
            return str(int(self.switch.now()))
        return channel.variables.get(name, self.variables.get(name, ""))
