"""Originate: a channel is called, and once it is up it runs an extension or an application."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import model
from ..fixtures import Habit, Phone
from ..model import NOBODY, Channel, Party, State
from .applications import execute
from .dial import picks_up, ringing_time

if TYPE_CHECKING:
    from .dialplan import Dialplan

# Originate's reasons (include/asterisk/frame.h, AST_CONTROL_…).
FAILED, NOT_ANSWERED, ANSWERED, WAS_BUSY, CONGESTED = 0, 3, 4, 5, 8


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


def originate(dialplan: "Dialplan", request: Originate, outcome: Outcome) -> None:
    """Call a channel; once it is up, it runs the extension. `outcome` hears how it ended, later."""
    later = dialplan.schedule.later
    technology, _, target = request.channel.partition("/")
    if any(given and dialplan.switch.is_known(given) for given in request.uniqueids):
        later(0, lambda: outcome(FAILED, None))
    elif technology == "Local":
        later(0, lambda: _originate_local(dialplan, request, target, outcome))
    elif technology == "PJSIP" and target in dialplan.phones:
        later(0, lambda: _originate_phone(dialplan, request, dialplan.phones[target], outcome))
    else:
        later(0, lambda: outcome(FAILED, None))


# A telephone.


def _originate_phone(dialplan: "Dialplan", request: Originate, phone: Phone, outcome: Outcome) -> None:
    switch = dialplan.switch
    channel = switch.new_channel(
        f"PJSIP/{phone.number}", phone.caller_id, originated=True, uniqueid=request.uniqueids[0]
    )
    switch.run(channel, "s", 1, "AppDial2", "(Outgoing Line)")
    _dress(dialplan, channel, request)
    switch.begin_dial(channel)
    if phone.habit is Habit.BUSY:
        outcome(FAILED, None)
        switch.hang_up(channel, model.BUSY)
        return
    switch.change_state(channel, State.RINGING)
    channel.on_hang_up = lambda: outcome(FAILED, None)
    channel.on_pick_up = lambda picker: _answered(dialplan, picker, request, outcome)
    ringing = ringing_time(dialplan, phone)
    if picks_up(dialplan, phone) and ringing < request.timeout:
        dialplan.schedule.later(ringing, lambda: _picks_up(channel))
    else:
        dialplan.schedule.later(request.timeout, lambda: _not_answered(dialplan, channel, outcome))


def _picks_up(channel: Channel) -> None:
    """Unless the telephone has been told to before, or somebody has picked it up elsewhere."""
    if channel.on_pick_up is not None:
        channel.on_pick_up(channel)


def _answered(dialplan: "Dialplan", channel: Channel, request: Originate, outcome: Outcome) -> None:
    if channel.is_gone:
        return
    channel.on_hang_up = channel.on_pick_up = None
    dialplan.switch.answer(channel)
    outcome(ANSWERED, channel)
    _run_request(dialplan, channel, request)


def _not_answered(dialplan: "Dialplan", channel: Channel, outcome: Outcome) -> None:
    if channel.is_gone:
        return
    channel.on_hang_up = None
    outcome(NOT_ANSWERED, None)
    dialplan.switch.hang_up(channel, model.NO_ANSWER)


# A Local channel.


def _originate_local(dialplan: "Dialplan", request: Originate, target: str, outcome: Outcome) -> None:
    switch = dialplan.switch
    extension, _, context = target.partition("/")[0].partition("@")
    one, two = switch.new_local(extension, context or "default", uniqueids=request.uniqueids)
    switch.run(one, extension, 1, "AppDial2", "(Outgoing Line)")
    _dress(dialplan, one, request)
    switch.copy_to_twin(one)
    two.variables.update((name.lstrip("_"), value) for name, value in request.variables if name.startswith("_"))
    if not dialplan.exists(extension, two.context):
        outcome(FAILED, None)
        switch.hang_up(two, model.NO_CAUSE)
        return
    dialplan.run(two, extension)
    _follow_local(dialplan, one, request, outcome, dialplan.schedule.now() + request.timeout)


def _follow_local(dialplan: "Dialplan", one: Channel, request: Originate, outcome: Outcome, give_up_at: float) -> None:
    """A Local channel answers when its other half does: look, until then."""
    switch, schedule, two = dialplan.switch, dialplan.schedule, one.twin
    if one.state is State.UP and not one.is_gone:
        outcome(ANSWERED, one)
        _run_request(dialplan, one, request)
    elif one.is_gone or two is None:
        outcome(FAILED, None)
    elif two.dials is None and two.application == "Dial":
        outcome(WAS_BUSY if two.state is State.BUSY else CONGESTED, None)
        # It is told whom it would have reached only when it has hung up.
        one.caller = two.connected
        switch.hang_up(one, model.NO_CAUSE)
        switch.set_caller(one, two.connected)
    elif schedule.now() >= give_up_at:
        outcome(NOT_ANSWERED, None)
        switch.hang_up(two, model.NO_ANSWER)
    else:
        schedule.later(0.1, lambda: _follow_local(dialplan, one, request, outcome, give_up_at))


# Either.


def _dress(dialplan: "Dialplan", channel: Channel, request: Originate) -> None:
    """What Originate sets on the new channel: variables first, then account and caller ID."""
    switch = dialplan.switch
    for name, value in request.variables:
        dialplan.assign(channel, name.lstrip("_"), value)
    # Asterisk sets the last variable first.
    for function, party in reversed(request.settings):
        if function == "CALLERID":
            switch.set_caller(channel, party)
        else:
            switch.set_connected(channel, party)
    if request.account_code:
        switch.set_account_code(channel, request.account_code)
    if request.caller:
        switch.set_caller(channel, request.caller)
        switch.set_connected(channel, request.caller)


def _run_request(dialplan: "Dialplan", channel: Channel, request: Originate) -> None:
    if request.extension:
        dialplan.run(channel, request.extension, request.context)
        return
    dialplan.switch.begin(channel, request.application, request.application_data)
    end = dialplan.unless_elsewhere(channel, lambda: dialplan.switch.hang_up(channel, model.NO_CAUSE))
    execute(dialplan, channel, request.application, request.application_data, end)
