"""The little of Asterisk's dialplan language that the panel writes: variables, a comparison, arguments."""

import re
from collections.abc import Callable

_COMPARISON = re.compile(r"\s*(-?\d+)\s*([<>=])\s*(-?\d+)\s*")
_DIFFERENCE = re.compile(r"\s*(\d+)\s+-\s+(\d+)(?=\s|$)")
_SAMENESS = re.compile(r'\s*("[^"]*")\s*(!?=)\s*("[^"]*")\s*')


def expand(text: str, value_of: Callable[[str], str]) -> str:
    """Put a value in the place of each `${…}` and `$[…]`, the inner ones first. What a value holds stays as it is."""
    done, position = [], 0
    while position < len(text):
        opening = text[position : position + 2]
        end = _closing(text, position + 1) if opening in ("${", "$[") else -1
        if end < 0:
            done.append(text[position])
            position += 1
            continue
        inner = expand(text[position + 2 : end], value_of)
        done.append(value_of(inner) if opening == "${" else _compare(inner))
        position = end + 1
    return "".join(done)


def arguments(text: str, separator: str = ",") -> list[str]:
    """The arguments of an application: a comma within quotes or brackets, or behind a backslash, is none.

    Quotes and backslashes are taken away (main/app.c, __ast_app_separate_args).
    """
    found, depth, quoted, characters = [""], 0, False, iter(text)
    for character in characters:
        if character == "\\":
            found[-1] += next(characters, "")
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted and depth <= 0:
            found.append("")
        else:
            depth += (character in "([") - (character in ")]")
            found[-1] += character
    return found


def is_true(text: str) -> bool:
    """Whether a condition holds: neither empty nor zero."""
    return text.strip() not in ("", "0")


def _closing(text: str, start: int) -> int:
    """Where the bracket closes that opens at `start`; -1 where it does not."""
    opening, closing = text[start], "}" if text[start] == "{" else "]"
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if depth == 0:
            return position
    return -1


def _compare(text: str) -> str:
    """`12 > 0`, `12 - 3 < 10` or `"a" != "b"` → `1`; anything that is no comparison of two stays as it is."""
    same = _SAMENESS.fullmatch(text)
    if same is not None:
        return str(int((same[1] == same[3]) == (same[2] == "=")))
    text = _DIFFERENCE.sub(lambda found: str(int(found[1]) - int(found[2])), text)
    match = _COMPARISON.fullmatch(text)
    if match is None:
        return text.strip()
    one, other = int(match[1]), int(match[3])
    return str(int({"<": one < other, ">": one > other, "=": one == other}[match[2]]))
