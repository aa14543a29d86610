"""Which commands of Asterisk's CLI a user may run: only the rules, without the database.

A rule is written as the command is, word by word. `*` as the last word stands for any more words, or none; within a
word it stands for any text. Words are compared as Asterisk does: whole, and in upper or lower case.

    core show *        every command that begins with these two words
    module reload      this command, and nothing behind it
    queue pause *      with whatever behind it
    database show panel*   a family whose name begins so

The words of a command are checked, and what is sent is written anew from these words
(`line_of`): so quotation marks, backslashes and blanks cannot make Asterisk read another command than was checked.
Source: parse_args and find_cli in Asterisk's main/cli.c.
"""

import functools
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from engine import limits

_TO_QUOTE = re.compile(r'[ \t"\\]')
_LOOKING = frozenset(("show", "list", "showkey", "get", "status", "help"))


class Malformed(ValueError):
    """A command or a rule that cannot be one; the first argument is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the members of a group may use, and the exceptions."""

    allowed: Sequence[str] = ()
    refused: Sequence[str] = ()

    def allows(self, words: Sequence[str]) -> bool:
        return any(matches(rule, words) for rule in self.allowed)

    def refuses(self, words: Sequence[str]) -> bool:
        return any(matches(rule, words) for rule in self.refused)


EVERYBODY = Rules(
    allowed=(
        "acl show *",
        "bridge show *",
        "bridge technology show",
        "cdr show *",
        "cel show *",
        "confbridge list *",
        "confbridge show menu *",
        "confbridge show menus",
        "core show *",
        "devstate list",
        "dialplan show *",
        "features show",
        "group show channels *",
        "http show status",
        "iax2 show *",
        "indication show *",
        "local show channels",
        "logger show *",
        "manager show command *",
        "manager show commands",
        "manager show connected",
        "manager show event *",
        "manager show events",
        "module show *",
        "moh show *",
        "parking show *",
        "pjsip list *",
        "pjsip show *",
        "presencestate list",
        "queue show *",
        "rtp show *",
        "sip show *",
    ),
    # These show passwords, or variables that may hold some.
    refused=(
        "core show channel *",
        "dialplan show globals *",
        "dialplan show chanvar *",
        "iax2 show users *",
        "pjsip show auth *",
        "sip show users *",
    ),
)
"""What whoever may open the page may use. The rules of a group may allow what is refused here."""


def words_of(command: str) -> list[str]:
    """The words of a command, as they are written in Asterisk's CLI: with quotation marks round a word with blanks.

    Raises `Malformed`.
    """
    too_long = _("A command of more than 400 characters or 60 words cannot be run here.")
    # Before it is parsed, which takes long for a long one.
    if len(command) > limits.COMMAND:
        raise Malformed(too_long)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character != "\t" for character in command):
        raise Malformed(_("A command is one line: it cannot contain line breaks or control characters."))
    lexer = shlex.shlex(command, posix=True)
    lexer.whitespace, lexer.whitespace_split = " \t", True
    lexer.quotes = lexer.escapedquotes = '"'
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        raise Malformed(_("A quotation mark is not closed, or nothing follows a backslash.")) from None
    if not words:
        raise Malformed(_("Enter a command, such as core show channels."))
    if words[0].startswith("!"):
        raise Malformed(_("Commands of the system's shell cannot be run here."))
    if len(words) > limits.COMMAND_WORDS or len(line_of(words)) > limits.COMMAND:
        raise Malformed(too_long)
    return words


def line_of(words: Iterable[str]) -> str:
    """A command line that Asterisk parses into exactly these words."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word and not _TO_QUOTE.search(word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def changes(words: Sequence[str]) -> bool:
    """Whether a command may change or end something: all but those that only show, as their second word says."""
    looks = len(words) > 1 and words[1].lower() in _LOOKING
    return not looks and not EVERYBODY.allows(words)


def allows(groups: Iterable[Rules], words: Sequence[str]) -> bool:
    """Whether a user with these rules may run this command."""
    groups = list(groups)
    if any(rules.refuses(words) for rules in groups):
        return False
    everybody = EVERYBODY.allows(words) and not EVERYBODY.refuses(words)
    return everybody or any(rules.allows(words) for rules in groups)


def may_begin(groups: Iterable[Rules], words: Sequence[str]) -> bool:
    """Whether a command that they permit begins with these words."""
    groups = list(groups)
    if any(rules.refuses(words) for rules in groups):
        return False
    if any(_begins(rule, words) for rules in groups for rule in rules.allowed):
        return True
    return any(_begins(rule, words) for rule in EVERYBODY.allowed) and not EVERYBODY.refuses(words)


def matches(rule: str, words: Sequence[str]) -> bool:
    """Whether a rule matches a command of these words."""
    expressions, has_rest = _expressions(rule)
    if len(words) < len(expressions) or (len(words) > len(expressions) and not has_rest):
        return False
    return all(expression.fullmatch(word) for expression, word in zip(expressions, words, strict=False))


def _begins(rule: str, words: Sequence[str]) -> bool:
    expressions, has_rest = _expressions(rule)
    if len(words) > len(expressions) and not has_rest:
        return False
    return all(expression.fullmatch(word) for expression, word in zip(expressions, words, strict=False))


@functools.lru_cache(maxsize=1000)
def _expressions(rule: str) -> tuple[list[re.Pattern[str]], bool]:
    words = rule.split()
    has_rest = words[-1] == "*"
    fixed = words[:-1] if has_rest else words
    texts = [".*".join(map(re.escape, word.split("*"))) for word in fixed]
    return [re.compile(text, re.IGNORECASE | re.DOTALL) for text in texts], has_rest


def check_rule(rule: str) -> None:
    """Raises `Malformed` for what cannot be a rule."""
    if re.search(r'["\\]', rule) or not rule.isprintable():
        raise Malformed(_("Separate words with single spaces, without quotation marks or backslashes."))
    if rule.startswith("!"):
        raise Malformed(_("Commands of the system's shell cannot be allowed."))
