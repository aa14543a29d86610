"""Text that came over the phone network, made fit to be stored and shown. It stays hostile: templates escape it."""

import functools
import re
import unicodedata
from datetime import timedelta

# Control and format characters, halves of surrogate pairs, and separators of lines and paragraphs. Among the format
# characters are those that turn the writing direction, which could make a name show as another than it is.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
# Format characters that emoji, Persian and the scripts of India are spelled with.
_JOINERS = "\u200c\u200d"
# Combining marks of a letter: as many as any script uses stay, a tower of them does not.
_MARKS = frozenset(("Mn", "Me"))
_MARKS_ON_A_LETTER = 4
# Letters and symbols that leave the paper white.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_TEN_YEARS = 10 * 365 * 24 * 3600
# Asterisk's words for a name or number that is not set.
_UNKNOWN = frozenset(("<unknown>", "<no name>"))
# What main/utils.c's ast_escape_c() writes for each character.
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# A terminal's sequences, such as those that set a colour.
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_KEPT_IN_COLUMNS = frozenset(("\t", *_JOINERS))
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# The accents of Latin, Greek and Cyrillic letters. The dot above an i is none: of a Turkish İ it is what makes it one.
_ACCENTS = re.compile("(?<!i)\u0307|[\u0300-\u0306\u0308-\u036f]")


@functools.lru_cache(maxsize=10_000)  # the same few texts come again and again
def clean(text: str, limit: int = 150) -> str:
    """The visible part of a text, at most `limit` characters; empty where Asterisk knows nothing."""
    if not text.isascii() or not text.isprintable():
        text = _seen(text)
    text = text.strip()[:limit].rstrip()
    return "" if text in _UNKNOWN else text


@functools.lru_cache(maxsize=10_000)
def clean_name(text: str, limit: int = 150) -> str:
    """`clean` for a name of a caller or of a connected line: Asterisk sends only these with C's escapes."""
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)
    return clean(text, limit)


@functools.lru_cache(maxsize=10_000)
def unaccented(text: str) -> str:
    """In lower case and without accents, as some people type: `Zoë` → `zoe`. The same as in panel/search.js."""
    text = text.lower()
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def exact(text: str, limit: int = 150) -> str:
    """An id, or a name by which Asterisk is asked for a thing: spelled exactly as Asterisk does."""
    return text.replace("\0", "")[:limit]


def shown(text: str) -> str:
    """What people read for an `exact` text; its code points where there is nothing to see."""
    seen = _seen(text).strip()
    return seen or " ".join(f"U+{ord(character):04X}" for character in text[:8])


def columns(text: str) -> str:
    """A line as a terminal would show it, with its columns: without colours and other invisible characters."""
    if not text.isascii() or not text.isprintable():
        text = _COLOUR.sub("", text)
        text = "".join([c for c in text if c in _KEPT_IN_COLUMNS or unicodedata.category(c) not in _UNSEEN])
    return text


def _seen(text: str) -> str:
    """Without invisible characters, and with no more marks on a letter than a script needs; empty if all is blank."""
    kept, marks, is_blank = [], 0, True
    for character in text:
        category = unicodedata.category(character)
        if category in _UNSEEN and character not in _JOINERS:
            continue
        marks = marks + 1 if category in _MARKS else 0
        if marks > _MARKS_ON_A_LETTER:
            continue
        kept.append(character)
        if category[0] not in "MZ" and character not in _BLANK and character not in _JOINERS:
            is_blank = False
    return "" if is_blank else "".join(kept)


def duration(text: str) -> timedelta:
    """`HH:MM:SS` (the hours may have more digits) or seconds → how long, nothing where the text is something else.

    What would be more than ten years is ten years.
    """
    parts = text.split(":")
    if len(parts) not in (1, 3) or not all(part.isascii() and part.isdecimal() for part in parts):
        return timedelta()
    # No more digits than can matter: the longest number Python reads, or a date holds, is soon passed.
    numbers = [min(int(part[:12]), _TEN_YEARS) for part in parts]
    seconds = sum(number * unit for number, unit in zip(reversed(numbers), (1, 60, 3600), strict=False))
    return timedelta(seconds=min(seconds, _TEN_YEARS))
