"""The people of the demo: who has which telephone, and who calls from outside."""

from dataclasses import dataclass
from enum import Enum

from .model import NOBODY, Party
from .states import PRESENCE_PROVIDER, Presence


class Habit(Enum):
    """What a telephone does with a call."""

    ANSWERS = "answers"
    BUSY = "busy"
    NEVER_ANSWERS = "never answers"


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone: its number (an extension, or an outside number), its owner, and how it takes calls."""

    number: str
    name: str = ""
    habit: Habit = Habit.ANSWERS
    # How long it always rings before it answers, in seconds; None: one to three.
    rings_for: float | None = None

    @property
    def caller_id(self) -> Party:
        """What the PBX is configured to know of it: number and name, or nothing."""
        return Party(self.number, self.name) if self.name else NOBODY


def habit_of(number: str) -> Habit:
    """By the number's last digit one can see beforehand how it takes a call."""
    return {"4": Habit.BUSY, "5": Habit.NEVER_ANSWERS}.get(number[-1:], Habit.ANSWERS)


# The phone of whoever tries the panel; the life of the demo leaves it alone.
OWN_NUMBER = "100"

_NAMES = (
    "Anna Bergmann", "Jürgen Groß", "李雷", "韩梅梅", "Zoë Zürcher", "Mehmet Yılmaz", "Chloé Lefèvre",
    "王芳", "Oliver Schmidt", "Świętosława Nowak", "Patrick O’Brien", "Aisha Haddad", "陈建国", "Björn Åkesson",
    "Lucía Fernández", "Thomas Weiß", "Priya Natarajan", "刘洋", "Katharina Höß", "Samuel Okafor", "Ngọc Trần",
    "Emma Lindqvist", "赵敏", "Günther Überacker", "Marta Kovács",
)  # fmt: skip

CAST: dict[str, Phone] = {OWN_NUMBER: Phone(OWN_NUMBER, "Demo Operator", rings_for=2.0)} | {
    number: Phone(number, name, habit_of(number))
    for number, name in ((str(101 + place), name) for place, name in enumerate(_NAMES))
}

# Who has voicemail, and how many messages that nobody has heard.
MAILBOXES = {OWN_NUMBER: 2, "101": 0, "103": 0}

# Who says whether they are there, and what they say in turn.
SAYINGS: dict[str, tuple[Presence, ...]] = {
    "101": (Presence("available"), Presence("away", "lunch", "Back at half past one"), Presence("chat")),
    "105": (Presence("dnd", "meeting", "Quarterly figures"), Presence("available")),
}

# Callers from outside; not every carrier delivers a name.
OUTSIDERS: tuple[Phone, ...] = tuple(
    Phone(number, name)
    for number, name in (
        ("+4930901820", "Müller Bürotechnik"),
        ("+498912345670", "Erika Mustermann"),
        ("+862164370000", "上海供应商"),
        ("+8613800138000", "张伟"),
        ("+492219876543", ""),
        ("+447700900123", "Harriet Lowe"),
        ("+4940555012", "Fährkontor Hansen"),
        ("+8675588886666", "深圳办事处"),
        ("+33123456789", "Hôtel Lumière"),
        ("+491711234567", "Jörg (mobil)"),
        ("+8610659852", ""),
        ("+12025550143", "Dana Whitfield"),
        ("+4971198765", "Praxis Dr. Özdemir"),
        ("+41443120", "Bäckerei Stüssi"),
        ("+8657187654321", "杭州客户"),
        ("+43151515", "Café Größenwahn"),
    )
)

# What the AstDB holds: who diverts calls, who does not want to be disturbed, and names for numbers.
ENTRIES: dict[str, str] = {
    "/CFWD/103": "108",
    "/CFWD/112": "+491711234567",
    "/DND/105": "YES",
    "/DND/121": "YES",
    "/CF/104": "102",
    "/DAYNIGHT/C0": "DAY",
    "/AMPUSER/100/cidname": CAST[OWN_NUMBER].name,
    "/AMPUSER/100/language": "en",
    **{f"/AMPUSER/{number}/cidname": CAST[number].name for number in ("101", "102", "103", "104", "105")},
    **{f"/cidname/{phone.number}": phone.name for phone in OUTSIDERS if phone.name},
}

_DIALPLAN = """
[general]
static = yes
writeprotect = yes
autofallthrough = yes

[globals]
OPERATOR = PJSIP/100
TRUNK = PJSIP/trunk
OFFICE_HOURS = 08:00-18:00

[internal]
exten => _1XX,1,Dial(PJSIP/${EXTEN},30)
exten => 600,1,Answer(,i)
same => n,Echo()
exten => 602,1,Answer(,i)
same => n,Wait(3600)
exten => _80XX,1,Answer(,i)
same => n,ConfBridge(${EXTEN},panel_bridge,panel_user,panel_menu)
exten => _81XX,1,Answer(,i)
same => n,ConfBridge(80${EXTEN:2},panel_bridge,panel_admin,panel_menu)
exten => _84XX,1,Answer(,i)
same => n,ConfBridge(80${EXTEN:2},panel_bridge,panel_muted,panel_menu)
exten => _9.,1,Dial(PJSIP/${EXTEN:1}@trunk,30)
exten => 8001,hint,confbridge:8001
exten => 8002,hint,confbridge:8002
exten => 8003,hint,confbridge:8003
"""

_CONFERENCES = """
[general]

[panel_bridge]
type = bridge
max_members = 200
record_conference = no

[quiet](!)
type = user
quiet = yes
announce_only_user = no
talk_detection_events = yes

[panel_user](quiet)
music_on_hold_when_empty = no

[panel_admin](quiet)
admin = yes
marked = yes

[panel_waiting](quiet)
wait_marked = yes
music_on_hold_when_empty = yes

[panel_muted](quiet)
startmuted = yes

[panel_menu]
type = menu
1 = toggle_mute
5 = dialplan_exec(hand,s,1)
"""

_MUSIC = """
[default]
mode = files
directory = moh
sort = random

[reception]
mode = files
directory = moh/reception
"""


def hint_of(number: str) -> str:
    """What the hint of a telephone watches: itself, and what its owner says about being there."""
    presence = f",{PRESENCE_PROVIDER}{number}" if number in SAYINGS else ""
    return f"PJSIP/{number}{presence}"


_HINTS = "".join(f"exten => {number},hint,{hint_of(number)}\n" for number in CAST)
# Its configuration, as far as it can be looked at.
FILES: dict[str, str] = {
    "confbridge.conf": _CONFERENCES,
    "extensions.conf": f"{_DIALPLAN}{_HINTS}\n[hand]\nexten => s,1,UserEvent(PanelHand,Hand: toggle)\n",
    "modules.conf": "[modules]\nautoload = yes\n",
    "musiconhold.conf": _MUSIC,
}
