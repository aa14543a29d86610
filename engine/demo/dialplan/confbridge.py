"""ConfBridge(): who enters a conference by which profile, and what the keys of its menu do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import model
from ..expressions import arguments
from ..model import Channel, Place
from .extensions import MENU

if TYPE_CHECKING:
    from .dialplan import Dialplan

# How long the prompt takes that says the conference is locked.
LOCKED_SECONDS = 3.0
# What a key of the menu runs for whoever raises a hand or lowers it, and the key that mutes.
HAND_KEY, MUTE_KEY = "5", "1"
HAND = Place("hand", "s", 1, "UserEvent", "PanelHand,Hand: toggle")


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Who enters a conference by it: an admin, one who waits for an admin, one who is muted."""

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


def enter_conference(dialplan: "Dialplan", channel: Channel, data: str) -> None:
    switch = dialplan.switch
    name, bridge, user, menu = [*arguments(data), "", "", "", ""][:4]
    settings = channel.conference_settings
    user = settings.get("template", DEFAULT_PROFILE) if settings else user or DEFAULT_PROFILE
    profile = _USER_PROFILES.get(user)
    if not name or profile is None or menu not in ("", MENU):
        switch.end_dialplan(channel)
        return
    conference = switch.conferences.get(name)
    if conference is not None and conference.locked and not profile.admin:
        leave = dialplan.unless_elsewhere(channel, lambda: switch.hang_up(channel, model.NO_CAUSE))
        dialplan.schedule.later(LOCKED_SECONDS, leave)
        return
    member = switch.join(
        channel,
        name,
        admin=profile.admin,
        muted=profile.muted and settings.get("startmuted") != "no",
        wait_marked=profile.waits and settings.get("wait_marked") != "no",
    )
    member.bridge_profile, member.user_profile, member.menu = bridge or "default_bridge", user, menu


def press(dialplan: "Dialplan", channel: Channel, digit: str, milliseconds: int = 100) -> None:
    """The channel's party presses a key, to which the menu of its conference listens."""
    dialplan.switch.press(channel, digit, milliseconds)
    member = channel.member
    if member is None or not member.has_joined or member.menu != MENU:
        return
    if digit == MUTE_KEY:
        dialplan.switch.mute(member, not member.muted)
    elif digit == HAND_KEY:
        dialplan.switch.calls_processed += 1
        dialplan.switch.step_aside(channel, HAND)
        dialplan.tell(channel, HAND.application_data)
