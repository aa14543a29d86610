"""How long what comes from outside may be, and how much of it: all limits in one place.

Which field of which form has which of them, `pbxpanel/field_limits.py` says.

Each is checked before any work is done on what came. Lengths are in characters unless stated otherwise.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# A request, as it is read (pbxpanel/serving.py): its body in bytes, and how long it may take to come, in seconds.
BODY = 2**20
REQUEST_TIME = 60.0
# How long whoever reads an answer that comes in pieces may read nothing of it, in seconds.
STALLED = 60.0
# How long the rest of a request that was refused is read and dropped, so that whoever sends it gets the answer.
DRAIN_TIME = 5.0

# A socket: what a browser sends in one message, and how many of these may wait; what the panel sends in one (the board
# of a large conference), both in bytes; and what a page's address says of itself.
MESSAGE, MESSAGES_WAITING = 4096, 200
BOARD = 4 * 2**20
SOCKET_KEY = 200
# The filter of the stream of events, as JSON, in which a quotation mark takes two: three boxes of 200.
EVENT_FILTER = 2000

# A telephone number as somebody types it, a name, and whom to call: `Name <number>`.
NUMBER, NAME, PERSON = 80, 80, 160
# What a program that has a call placed calls it by, and the key by which it asks a second time for the same.
REFERENCE, KEY = 200, 200
# The origin of a web page: scheme, host and port.
ORIGIN = 280
# How many people are called at a time, or are in a group.
PEOPLE = 200
# How many extensions, or conferences, a webhook can be limited to.
NAMED = 50
# What is searched for on a page that does not cut it by itself.
SEARCH = 200
# A command of the CLI, in characters and words. The audit trail keeps it, and it is found by again in the history.
COMMAND, COMMAND_WORDS = 400, 60
# The name of a conference to which somebody is moved, and of a sound.
CONFERENCE, SOUND = 80, 100
# An extension, a context or a presentity, as Asterisk is asked about them.
ADDRESS = 80
# What one line of AMI carries beside the longest name of a field, in bytes: into the AstDB, into a variable, and into a
# line of a configuration file (of which the category's name has a limit of its own).
ASTDB, VARIABLE, CONFIG_VALUE, CONFIG_NAME = 1014, 1000, 950, 79
# The steps of one write of a configuration file: Asterisk takes 128 lines, of which six are needed for the rest.
CONFIG_STEPS = 128 - 6
# An AMI action with all its fields, and what the audit trail keeps of any command.
SUBJECT = 16_000
# The patterns or rules of a group, as they are typed.
RULES = 20_000
USER_NAME = 150
PASSWORD = 1000

# Any field of a form or of an address that is not named here.
FIELD = 2000


def key_in(text: str) -> int:
    """The key of a row of the database, as an address or a cursor says it; 0, which no row has, for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def complaint(text: str, most: int) -> str:
    """That a text is too long, in words; empty where it is not."""
    if len(text) <= most:
        return ""
    return ngettext(
        "This is too long, so nothing was done: at most %(most)s character is accepted here, and it has %(length)s.",
        "This is too long, so nothing was done: at most %(most)s characters are accepted here, and it has %(length)s.",
        most,
    ) % {"most": most, "length": len(text)}


def body_complaint() -> str:
    """That a request is too large, in words."""
    return _("This request is too large, so nothing was done: at most %(most)s MiB is accepted at a time.") % {
        "most": BODY // 2**20
    }


def time_complaint() -> str:
    """That a request took too long to come, in words."""
    return _("This request took longer than %(most)s seconds to arrive, so nothing was done. Try again.") % {
        "most": int(REQUEST_TIME)
    }
