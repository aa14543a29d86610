"""How the switch tells of something: the fields that the events about a channel, a member or a Local channel bear."""

from typing import TYPE_CHECKING

from ..model import Channel, Member, prefixed

if TYPE_CHECKING:
    from .switch import Switch


def say(switch: "Switch", event: str, channel: Channel, *more: tuple[str, str]) -> None:
    switch.emit(event, [*channel.fields(), *more])


def say_extension(switch: "Switch", channel: Channel) -> None:
    """Where in the dialplan a channel is, and what it runs there."""
    application = [("Application", channel.application), ("AppData", channel.application_data)]
    say(switch, "Newexten", channel, ("Extension", channel.extension), *application)


def say_member(switch: "Switch", event: str, member: Member, *more: tuple[str, str]) -> None:
    conference = member.conference
    switch.emit(
        event,
        [("Conference", conference.name), *conference.bridge.fields(), *member.channel.fields(), *more],
    )


def say_local(switch: "Switch", event: str, one: Channel, two: Channel, *more: tuple[str, str]) -> None:
    switch.emit(event, [*prefixed("LocalOne", one.fields()), *prefixed("LocalTwo", two.fields()), *more])
