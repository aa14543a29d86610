"""Which entries of the AstDB hold do not disturb and call forwarding, by the setting `ASTDB_KEYS`.

FreePBX's, and so what stands where nothing is set: `DND/101`, `CF/101`, `CFB/101` and `CFU/101`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Of call forwarding, by the name of its key: in words which calls go to the number in it.
DIVERTED: Mapping[str, Promise] = {
    "always": _("all calls"),
    "busy": _("when busy"),
    "unanswered": _("when nobody answers"),
}
# What stands for the extension in the name of an entry.
EXTENSION = "{}"
# What an entry may hold that says the same as if it were not there.
_NO = frozenset(("", "0", "no", "n", "off", "false", "disabled", "none"))


@dataclass(frozen=True, slots=True)
class Key:
    """The entries of one kind: a family, and before and behind the extension what else is in the name."""

    family: str
    before: str
    behind: str

    def key(self, extension: str) -> str:
        """The key within the family."""
        return f"{self.before}{extension}{self.behind}"

    def extension_in(self, name: str) -> str:
        """`/DND/101` → `101`; empty where that is no such entry."""
        pattern = f"/{re.escape(f'{self.family}/{self.before}')}([^/]+){re.escape(self.behind)}"
        found = re.fullmatch(pattern, name)
        return found[1] if found else ""


def key_of(written: str) -> Key:
    """`AMPUSER/{}/dnd` → its family and the rest."""
    family, _slash, rest = written.partition("/")
    before, _extension, behind = rest.partition(EXTENSION)
    return Key(family, before, behind)


@cache
def _read(written: tuple[tuple[str, str], ...]) -> Mapping[str, Key]:
    return {kind: key_of(text) for kind, text in written}


def keys() -> Mapping[str, Key]:
    """Those that are set, by what they say: `dnd`, `always`, `busy`, `unanswered`."""
    return _read(tuple(settings.ASTDB_KEYS.items()))


def is_on(value: str) -> bool:
    """Whether a value says that it is on: whatever does not say no."""
    return value.strip().lower() not in _NO
