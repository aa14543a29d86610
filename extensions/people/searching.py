"""By what a person is found: the words of name, department, title and tags, initials, pinyin, and digits."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from engine.mirror.sanitize import unaccented

# What is searched for is no longer than this, in characters and in words.
SIZE, WORDS = 80, 6
_WORD = re.compile(r"\w+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
# What is typed for a number.
_DIGITS = re.compile(r"[+\d][\d\s()/.*#-]*")


def folded(names: Iterable[str], numbers: Iterable[str]) -> str:
    """The text in which a person is searched for: each word begins after a blank, and numbers stand behind a tab."""
    words: dict[str, None] = {}
    for name in names:
        words.update(dict.fromkeys(_spellings(unicodedata.normalize("NFKC", name))))
    digits = " ".join(dict.fromkeys(filter(None, map(digits_of, numbers))))
    return f" {' '.join(words)} \t{digits}"


def words_of(text: str) -> list[str]:
    """What somebody types → the words that are to be found, each as `folded` has it."""
    typed = unicodedata.normalize("NFKC", text.replace("\0", ""))[:SIZE].strip()
    if _DIGITS.fullmatch(typed):
        return [digits_of(typed)] if digits_of(typed) else []
    return list(dict.fromkeys(_WORD.findall(unaccented(typed))))[:WORDS]


def digits_of(number: str) -> str:
    """A number without what makes it easier to read."""
    return "".join(character for character in unicodedata.normalize("NFKC", number) if character in "0123456789*#")


def _spellings(name: str) -> Iterator[str]:
    """The words of a name; its initials; and a Chinese part in pinyin, and its initials."""
    words = _WORD.findall(unaccented(name))
    yield from words
    if len(words) > 1:
        yield "".join(word[0] for word in words)
    for part in _HAN.findall(name):
        syllables = _pinyin(part)
        yield "".join(syllables)
        if len(syllables) > 1:
            yield from syllables
            yield "".join(syllable[0] for syllable in syllables)


@functools.lru_cache(maxsize=10_000)  # few surnames and departments, again and again
def _pinyin(part: str) -> list[str]:
    # Its tables take a while to be read, and most installations have no Chinese name.
    from pypinyin import lazy_pinyin

    return [syllable.lower() for syllable in lazy_pinyin(part) if syllable]
