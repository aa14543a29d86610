"""What an administrator pastes into Asterisk's configuration, so that a room can be moderated by the panel.

Asterisk 16 and 22 both load it. What is the same for all rooms is in docs/conferences.md too.
"""

import secrets
from dataclasses import dataclass

from django.utils.translation import gettext as _

from engine.mirror.dialplan import argument
from engine.mirror.sanitize import shown

from .models import Room

# Raises a hand, or lowers it: run by the menu for whoever has pressed the keys.
HAND = """\
[panel-hand]
exten => s,1,UserEvent(PanelHand,Hand: toggle)
"""

PROFILES = """\
[pbxpanel_bridge]
type = bridge

[pbxpanel_user]
type = user
; The panel shows who talks, and for how long.
talk_detection_events = yes
; Without this, the first participant hears a prompt before they join.
announce_only_user = no
music_on_hold_when_empty = yes

; Whoever leads.
[pbxpanel_admin](pbxpanel_user)
admin = yes
marked = yes

; *1 mutes and unmutes oneself, *5 raises and lowers one's hand.
[pbxpanel_menu]
type = menu
*1 = toggle_mute
*5 = dialplan_exec(panel-hand,s,1)
"""

PIN_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text for one of Asterisk's files, and where in the file it belongs."""

    id: str
    file: str
    place: str
    text: str


def new_pin() -> str:
    """A suggestion; it is not stored."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"


def entries(number: str, name: str, pin: str) -> str:
    """The extensions by which a room is entered: by everybody, and by whoever leads and knows the PIN."""
    title = f"{' '.join(shown(name).split())} ({number})" if name else number
    room = argument(number)
    return f"""\
; {title}: to take part, dial {number}.
exten => {number},1,Answer()
 same => n,ConfBridge({room},pbxpanel_bridge,pbxpanel_user,pbxpanel_menu)
; To lead, dial *{number} and the PIN {pin}.
exten => *{number},1,Answer()
 same => n,Authenticate({pin},,{len(pin)})
 same => n,ConfBridge({room},pbxpanel_bridge,pbxpanel_admin,pbxpanel_menu)
"""


def snippets_of(room: Room) -> list[Snippet]:
    """What a room needs, with a different PIN each time."""
    context = _("in the context in which your phones dial")
    return [
        Snippet("entries", "extensions.conf", context, entries(room.number, room.name, new_pin())),
        Snippet("hand", "extensions.conf", _("at the end, once for all rooms"), HAND),
        Snippet("profiles", "confbridge.conf", _("once for all rooms"), PROFILES),
    ]
