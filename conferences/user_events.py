"""What dialplan made for the panel tells by `UserEvent`: raised hands, and sounds that could not be played."""

from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.registry import on
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State

from .models import VOICE, Participant


@on("UserEvent", required=CHANNEL_FIELDS)
def raises_a_hand(state: State, event: Message) -> None:
    """A ConfBridge menu runs dialplan that sends `UserEvent(PanelHand)`: `Hand` is raise, lower or (else) toggle."""
    if event.get("UserEvent") != "PanelHand":
        return
    row = state.table(Participant).get(exact(event.get("Uniqueid")))
    if row is None:
        return
    wanted = {"raise": True, "lower": False}.get(event.get("Hand").lower(), row.hand_at is None)
    if wanted != (row.hand_at is not None):
        state.table(Participant).change(row, hand_at=state.now() if wanted else None)


@on("UserEvent", required=CHANNEL_FIELDS)
def has_said(state: State, event: Message) -> None:
    """The dialplan of `commands.play` tells whether a sound could be played, and to whom to say so."""
    if event.get("UserEvent") == "PanelSaid" and exact(event.get("Channel")).startswith(VOICE):
        user_id = event.get("User")
        if user_id.isdecimal() and event.get("Status") != "SUCCESS":
            state.notices.append((int(user_id[:18]), "not-said", {"sound": clean(event.get("Sound"))}))
