"""What stands for a person who has no photo: initials in a circle, in a colour by the name."""

import re
import unicodedata
import zlib
from dataclasses import dataclass

# So many colours are in people.css.
COLOURS = 8
_WORD = re.compile(r"\w+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True, slots=True)
class Avatar:
    """Initials, and the number of a colour."""

    initials: str
    colour: int


def avatar_of(name: str) -> Avatar:
    """The same for the same name everywhere. A Chinese name is known by its last two characters."""
    name = unicodedata.normalize("NFC", name)
    colour = zlib.crc32(name.casefold().encode()) % COLOURS
    if (han := _HAN.findall(name)) and _HAN.match(name):
        return Avatar("".join(han)[-2:], colour)
    words = _WORD.findall(name)
    if not words:
        return Avatar(name[:1] or "?", colour)
    ends = words if len(words) == 1 else [words[0], words[-1]]
    return Avatar("".join(word[0] for word in ends).upper(), colour)
