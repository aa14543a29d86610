"""Where in the dialplan a channel is, and what it runs there."""

from typing import TYPE_CHECKING

from ..model import Channel, Place
from .events import say_extension

if TYPE_CHECKING:
    from .switch import Switch


def run(switch: "Switch", channel: Channel, extension: str, priority: int, application: str, data: str = "") -> None:
    """The channel begins this application, at this place of the dialplan."""
    is_told = channel.sent_to == (extension, priority)
    channel.sent_to = None
    channel.extension, channel.priority = extension, priority
    channel.application, channel.application_data, channel.in_dialplan = application, data, True
    if not is_told:
        say_extension(switch, channel)


def begin(_switch: "Switch", channel: Channel, application: str, data: str) -> None:
    """The channel begins an application outside the dialplan, of which no event tells."""
    channel.application, channel.application_data, channel.in_dialplan = application, data, False


def leave_dialplan(switch: "Switch", channel: Channel) -> None:
    """Somebody takes the channel out of what it runs: it would go on behind it."""
    channel.ways += 1
    channel.priority += 1
    channel.goes_on = channel.next_step is not None
    begin(switch, channel, "", "")


def go_to(switch: "Switch", channel: Channel, extension: str, context: str = "") -> None:
    """Told before it leaves its bridge, while it still runs what brought it there; if anything did."""
    if channel.place is not None:
        _put(channel, channel.place)
        channel.place = None
    before = channel.context, channel.extension, channel.priority
    channel.context, channel.extension, channel.priority = context or channel.context, extension, 1
    channel.next_step, channel.goes_on = None, False
    if channel.application:
        channel.sent_to = (extension, 1)
        if before != (channel.context, extension, 1):
            say_extension(switch, channel)


def step_aside(switch: "Switch", channel: Channel, place: Place) -> None:
    """A key of the conference's menu runs dialplan. Events and lists show it there until the next change."""
    if channel.place is None:
        channel.place = Place(
            channel.context, channel.extension, channel.priority, channel.application, channel.application_data
        )
        _put(channel, place)
        say_extension(switch, channel)


def show_place(switch: "Switch", channel: Channel) -> None:
    """Tell where a channel is again, after the dialplan that a key of the menu has run."""
    if channel.place is not None:
        _put(channel, channel.place)
        channel.place = None
        say_extension(switch, channel)


def _put(channel: Channel, place: Place) -> None:
    channel.context, channel.extension, channel.priority = place.context, place.extension, place.priority
    channel.application, channel.application_data = place.application, place.application_data
