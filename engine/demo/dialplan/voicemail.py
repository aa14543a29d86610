"""VoiceMail(): the mailboxes, and the messages that callers leave there.

As Asterisk 22 has it (apps/app_voicemail.c): the caller hears that nobody is there, and is recorded until they hang up.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..expressions import arguments
from ..model import Channel
from ..switch.events import say

if TYPE_CHECKING:
    from .dialplan import Dialplan

# How long a caller hears the greeting, and what is too short to be a message, in seconds.
GREETING, SHORTEST = 12.0, 2.0
# Where the mailboxes are.
CONTEXT = "default"


@dataclass(slots=True)
class Mailbox:
    """Whose it is, and how many messages it holds that nobody has heard."""

    name: str
    new: int = 0


def leave_message(dialplan: "Dialplan", channel: Channel, data: str) -> None:
    """Once the caller hangs up, the mailbox has one more, unless that was too soon."""
    address, options, *_rest = [*arguments(data), "", ""]
    number, _at, context = address.partition("@")
    greeting = 0.0 if "s" in options else GREETING
    mailbox = dialplan.mailboxes.get(number) if context in ("", CONTEXT) else None
    began = dialplan.schedule.now()

    def hung_up() -> None:
        is_there = channel.application == "VoiceMail" and channel.application_data == data
        if mailbox is None or not is_there or dialplan.schedule.now() - began < greeting + SHORTEST:
            return
        mailbox.new += 1
        fields = [("Mailbox", f"{number}@{CONTEXT}"), ("Waiting", "1"), ("New", str(mailbox.new)), ("Old", "0")]
        say(dialplan.switch, "MessageWaiting", channel, *fields)

    channel.on_hang_up = hung_up
