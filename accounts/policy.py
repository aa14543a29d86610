"""Who may call whom, from which phone and as whom: the rules alone, without the database.

A number is matched by a pattern as Asterisk's dialplan matches an extension, so an administrator writes one language:

    X, Z, N     a digit 0–9, 1–9, 2–9
    [13-5*]     one of these
    .           one or more characters of any kind; only at the end
    !           none or more; only at the end
    -           nothing: it only groups what is written

The underscore in front, which the dialplan needs, may stand or be left out. Source: _extension_match_core in
Asterisk's main/pbx.c; tests/accounts/test_policy.py compares this module with a real one.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]"}
_LITERALS = "0123456789*#+"
_SET = re.compile(r"(?:[0-9]-[0-9]|[0-9*#+])+")
_RANGE = re.compile(r"([0-9])-([0-9])")

CALLS_PER_MINUTE, CALLS_PER_DAY = 10, 500


class Malformed(ValueError):
    """A pattern that cannot be one; the first argument is a sentence that says why."""


class Part(StrEnum):
    """What of a call can be refused."""

    PHONE = "phone"
    CONTEXT = "context"
    CALLER_ID = "caller_id"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that somebody wants to place: their phone, the context, the number they present and the one they dial.

    What is empty is not asked about.
    """

    phone: str = ""
    context: str = ""
    caller_id: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the members of a group may: patterns of numbers, and wildcards for names."""

    allowed: Sequence[str] = ()
    refused: Sequence[str] = ()
    phones: Sequence[str] = ()
    contexts: Sequence[str] = ()
    caller_ids: Sequence[str] = ()
    calls_per_minute: int = CALLS_PER_MINUTE
    calls_per_day: int = CALLS_PER_DAY
    # Whether a phone that is allowed, and nobody's, becomes somebody's without proof.
    free_choice: bool = False

    def allows(self, part: Part, text: str) -> bool:
        match, patterns = _RULES[part](self)
        return any(match(pattern, text) for pattern in patterns)


_RULES: dict[Part, Callable[[Policy], tuple[Callable[[str, str], bool], Sequence[str]]]] = {
    Part.PHONE: lambda policy: (names, policy.phones),
    Part.CONTEXT: lambda policy: (names, policy.contexts),
    Part.CALLER_ID: lambda policy: (matches, policy.caller_ids),
    Part.NUMBER: lambda policy: (matches, policy.allowed),
}


def refused_part(policies: Iterable[Policy], call: Call) -> Part | None:
    """What of the call is not allowed; None where one policy allows all of it and none refuses the number."""
    policies = list(policies)
    left = policies
    for part in Part:
        text = getattr(call, part.value)
        if text:
            left = [policy for policy in left if policy.allows(part, text)]
            if not left:
                return part
    if any(matches(pattern, call.number) for policy in policies for pattern in policy.refused):
        return Part.NUMBER
    return None


def lines(text: str) -> tuple[str, ...]:
    """The patterns in a text, one on each line; what follows a semicolon is a note."""
    found = (line.partition(";")[0].strip() for line in text.splitlines())
    return tuple(pattern for pattern in found if pattern)


def matches(pattern: str, number: str) -> bool:
    """Whether a number is meant by a dialplan pattern. Raises `Malformed`."""
    return _number_expression(pattern).fullmatch(number) is not None


def names(pattern: str, name: str) -> bool:
    """Whether a name is meant by a wildcard: `*` is any text, `?` one character.

    Neither stands for `@`, `/` or `:`, with which a channel's name tells whom else to dial: `PJSIP/0900123@trunk`.
    """
    return _name_expression(pattern).fullmatch(name) is not None


def check_number_pattern(pattern: str) -> None:
    """Raises `Malformed` for what is no dialplan pattern."""
    _number_expression(pattern)


def check_context_pattern(pattern: str) -> None:
    """Raises `Malformed` for what cannot name a context."""
    if not re.fullmatch(r"[A-Za-z0-9_.*?#+-]+", pattern):
        raise Malformed(_("Use letters, digits and . _ - only, and * or ? as wildcards."))


def check_phone_pattern(pattern: str) -> None:
    """Raises `Malformed` for what cannot name a phone. The technology is no wildcard: Local/ would be among them."""
    if not re.fullmatch(r"[A-Za-z0-9]+/[A-Za-z0-9_.*?+-]+", pattern) or _dials(pattern):
        raise Malformed(
            _("Write it as technology and name, such as PJSIP/101, PJSIP/1?? or PJSIP/*: no host, and never Local/.")
        )


def is_phone(name: str) -> bool:
    """Whether a channel's name, such as `PJSIP/101`, can be that of a phone: none that would dial by itself.

    Behind an `@`, or in a `Local/`, it says whom else to dial. That there is such an endpoint only the PBX can tell.
    """
    return re.fullmatch(r"[A-Za-z0-9]+/[\w.+-]+", name) is not None and not _dials(name)


def _dials(name: str) -> bool:
    return name.partition("/")[0].lower() == "local"


@functools.lru_cache(maxsize=1000)
def _name_expression(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": r"[\w.*#+-]*", "?": r"[\w.*#+-]"}
    return re.compile("".join(wildcards.get(character, re.escape(character)) for character in pattern))


@functools.lru_cache(maxsize=1000)
def _number_expression(pattern: str) -> re.Pattern[str]:
    rest = pattern.removeprefix("_")
    if not rest.strip("-"):
        raise Malformed(_("A pattern needs a digit or another character that stands for one."))
    expression = ""
    while rest:
        character, rest = rest[0], rest[1:]
        if character in ".!":
            if rest:
                raise Malformed(_("“.” and “!” match all the rest, so nothing can follow them."))
            expression += ".+" if character == "." else ".*"
        elif character == "[":
            members, bracket, rest = rest.partition("]")
            if not bracket:
                raise Malformed(_("The “[” has no “]”."))
            expression += _set_expression(members)
        elif character.upper() in _CLASSES:
            expression += _CLASSES[character.upper()]
        elif character in _LITERALS:
            expression += re.escape(character)
        elif character != "-":
            raise Malformed(
                _("“%(character)s” is not allowed in a number: use digits, * # +, and X Z N [1-5] . ! as wildcards.")
                % {"character": character}
            )
    return re.compile(expression, re.DOTALL)


def _set_expression(members: str) -> str:
    if not _SET.fullmatch(members):
        raise Malformed(_("Between “[” and “]”, use digits, * # + or ranges such as 1-5."))
    if any(first > last for first, last in _RANGE.findall(members)):
        raise Malformed(_("A range in “[%(members)s]” runs backwards.") % {"members": members})
    return f"[{members}]"
