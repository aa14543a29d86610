"""A configuration file as `GetConfig` shows it: categories, what each inherits, and its own lines.

AMI does not show the text itself in full: no comments, not whether a line has `=` or `=>`, and what the file
includes as if it stood in it. Source: main/config.c.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from engine import limits
from engine.mirror.envelopes import Fields

from ..masking import MASK, is_secret, masked_text

# Name and value of one line.
Line = tuple[str, str]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
"""What may be the name of a file: no folder, and nothing that Asterisk would expand."""

_FIELD = re.compile(r"(Category|IsTemplate|Templates|Line)-(\d+)(?:-(\d+))?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_SEMICOLON = re.compile(r"(?<!\\);")
# A manager session reads lines of up to 1,024 bytes; some of them are the field's name.
VALUE_SIZE, NAME_SIZE = limits.CONFIG_VALUE, limits.CONFIG_NAME

# What the lines of a voicemail.conf begin with, which may stand in any file that it includes; and what looks like that
# and is none: steps of a dialplan, and options that are a number.
_PIN = re.compile(r"-?\d+,|-?\d{3,}$")
_NO_MAILBOX = re.compile(
    r"exten|same|(max|min)_.*|.*(port|time|timeout|interval|freq|frequency|expiry|expiration|secs?|seconds|ms|msg|size|"
    r"length|limit|rate|logins|silence|greet|threshold|deleted)",
    re.IGNORECASE,
)


class Malformed(ValueError):
    """What cannot be written to a file; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Category:
    """`[name](parents)`. `inherited` are the lines that it has of its parents, `own` those that stand in it."""

    name: str
    is_template: bool = False
    parents: tuple[str, ...] = ()
    inherited: tuple[Line, ...] = ()
    own: tuple[Line, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines in force in it, as Asterisk reads it."""
        return self.inherited + self.own

    @property
    def options(self) -> str:
        """What stands in brackets behind its name: `(!,parent)`; empty where nothing does."""
        options = ",".join([*(["!"] if self.is_template else []), *self.parents])
        return f"({options})" if options else ""

    @property
    def header(self) -> str:
        return f"[{self.name}]{self.options}"

    @property
    def kind(self) -> str:
        """Its `type`, which distinguishes categories of one name; empty where it has none."""
        return next((value for name, value in self.lines if name.lower() == "type"), "")

    @property
    def title(self) -> str:
        """Its name, with its type where it has one: `[101] type=endpoint`."""
        return f"[{self.name}] type={self.kind}" if self.kind else f"[{self.name}]"


@dataclass(frozen=True, slots=True)
class Included:
    """A file that another one includes: its path, and the categories that it has itself; None if nobody can tell."""

    path: str
    categories: tuple[Category, ...] | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file was when it was read.

    `included` is None where nobody can tell whether it includes others: Asterisk has not loaded it, or does not say.
    """

    categories: tuple[Category, ...] = ()
    included: tuple[Included, ...] | None = field(default=())

    @property
    def digest(self) -> str:
        """The same for the same content: names, templates, lines and their order."""
        return self._digest(self._content)

    @property
    def unordered_digest(self) -> str:
        """The same in whichever order the categories are."""
        return self._digest(sorted(self._content))

    @property
    def _content(self) -> list[str]:
        return [json.dumps([c.name, c.is_template, c.parents, c.lines]) for c in self.categories]

    @staticmethod
    def _digest(content: list[str]) -> str:
        return hashlib.sha256("\n".join(content).encode()).hexdigest()

    def source_of(self, category: Category) -> Included | None:
        """The included file in which a category stands; None where that is the file itself, as far as known."""
        for included in self.included or ():
            for other in included.categories or ():
                if other.name.lower() == category.name.lower() and _holds(category.lines, other.lines):
                    return included
        return None

    @property
    def is_known(self) -> bool:
        """Whether it is known of every category in which file it stands."""
        return self.included is not None and all(other.categories is not None for other in self.included)


def _holds(lines: Sequence[Line], others: Sequence[Line]) -> bool:
    return set(others) <= set(lines) if others else not lines


def reading_of(data: Any) -> Reading:
    """The result of the command `system.config.read` → a reading."""
    included = data["included"]
    return Reading(
        categories_of(data["fields"]),
        None
        if included is None
        else tuple(Included(path, None if fields is None else categories_of(fields)) for path, fields in included),
    )


def categories_of(fields: Fields) -> tuple[Category, ...]:
    """The fields of a GetConfig with `Filter: TEMPLATES=include` → its categories, in order."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in fields:
        match = _FIELD.fullmatch(key)
        if match is None:
            continue
        kind, number = match[1], int(match[2])
        category = found.setdefault(number, {"name": "", "is_template": False, "parents": (), "lines": []})
        if kind == "Category":
            category["name"] = value
        elif kind == "IsTemplate":
            category["is_template"] = True
        elif kind == "Templates":
            category["parents"] = tuple(value.split(","))
        else:
            name, _separator, text = value.partition("=")
            category["lines"].append((name, text))
    categories: list[Category] = []
    for _number, values in sorted(found.items()):
        lines = tuple(values.pop("lines"))
        inherited = _inherited(lines, values["parents"], categories)
        categories.append(Category(**values, inherited=lines[:inherited], own=lines[inherited:]))
    return tuple(categories)


def named(categories: Iterable[Category], name: str) -> Category | None:
    """The first category of a name: what others inherit by it."""
    return next((category for category in categories if category.name.lower() == name.lower()), None)


def _inherited(lines: Sequence[Line], parents: Iterable[str], before: Sequence[Category]) -> int:
    """How many lines at its beginning a category has of its parents: they put theirs there one after another.

    A parent may have got more lines later, by `[parent](+)`.
    """
    at = 0
    for parent in parents:
        base = named(before, parent)
        for line in base.lines if base else ():
            if at >= len(lines) or lines[at] != line:
                break
            at += 1
    return at


# As it is written in a file.


def written(line: Line) -> str:
    """One line as a file has it: `name = value`, a semicolon as `\\;`."""
    name, value = line
    return f"{name} = {value.replace(';', chr(92) + ';')}".rstrip()


def text_of(category: Category) -> str:
    """The own lines of a category, as they are edited."""
    return "\n".join(written(line) for line in category.own)


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as somebody typed it; `arrow` says whether with `=>`."""

    name: str
    value: str
    arrow: bool = False

    @property
    def line(self) -> Line:
        return self.name, self.value


def typed_lines(text: str) -> list[Typed]:
    """What somebody typed into a category, a line each. Raises `Malformed` with a sentence for each wrong line."""
    found, wrong = [], []
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line.strip():
            try:
                found.append(_typed(line.strip()))
            except Malformed as error:
                wrong.append(_("Line %(number)d: %(why)s") % {"number": number, "why": error})
    if wrong:
        raise Malformed("\n".join(wrong))
    return found


def _typed(line: str) -> Typed:
    if _SEMICOLON.search(line):
        raise Malformed(_("a semicolon begins a comment, which cannot be written here; type \\; for one in a value."))
    name, separator, value = line.partition("=")
    if not separator:
        raise Malformed(_("there is no “=”: write it as name = value."))
    arrow = value.startswith(">")
    name, value = name.strip(), value.removeprefix(">").strip().replace("\\;", ";")
    if not name:
        raise Malformed(_("there is no name before the “=”."))
    if name[0] in "[#\\" or name.endswith("+") or ";" in name:
        raise Malformed(
            _("“%(name)s” cannot be the name of a line: it may not begin with [ # \\ nor end with +.") % {"name": name}
        )
    check_size(name)
    check_size(value)
    return Typed(name, value, arrow)


def check_size(text: str) -> None:
    """Raises `Malformed` for what one line of AMI cannot carry."""
    if _CONTROL.search(text):
        raise Malformed(_("it contains a character that cannot be sent, such as a line break."))
    if len(text.encode()) > VALUE_SIZE:
        raise Malformed(_("it is longer than the %(most)d bytes that AMI accepts.") % {"most": VALUE_SIZE})


def check_category_name(name: str) -> None:
    """Raises `Malformed` for what cannot be the name of a category."""
    if not name:
        raise Malformed(_("A category needs a name."))
    if any(character in name for character in "[](),;\"'") or _CONTROL.search(name) or "\t" in name:
        raise Malformed(_("The name of a category cannot contain any of [ ] ( ) , ; or quotes."))
    if len(name.encode()) > NAME_SIZE:
        raise Malformed(_("The name of a category has at most %(most)d bytes.") % {"most": NAME_SIZE})


# What not everybody may read.


def masked(file: str, line: Line) -> Line:
    """A line without what is secret in it."""
    name, value = line
    if not value:
        return line
    if is_secret(name):
        return name, MASK
    is_any = file not in MODULES and file not in OTHERS
    first, separator, rest = value.partition(",")
    if name.lower() == "conf" and (is_any or file == "meetme.conf"):
        return name, first + (f",{MASK}" if separator else "")
    if name.lower() == "agent" and (is_any or file in ("agents.conf", "users.conf")) and separator:
        _secret, separator, last = rest.partition(",")
        return name, f"{first},{MASK}{separator}{last}"
    if (is_any or file == "voicemail.conf") and _is_mailbox(name, value):
        return name, f"{MASK}{separator}{rest}" if first else value
    if name.lower() == "auth" and ":" in value and "@" in value:
        return name, MASK
    return name, masked_text(value)


def _is_mailbox(name: str, value: str) -> bool:
    return name.isdecimal() or (_PIN.match(value) is not None and _NO_MAILBOX.fullmatch(name) is None)


def json_of(file: str, text: str, *, secrets: bool) -> str:
    """What `GetConfigJSON` answered, indented, with its `secrets` or without. Names that are there twice stay twice.

    Raises `ValueError` where it is no JSON.
    """
    categories: list[tuple[str, list[tuple[str, Any]]]] = json.loads(text, object_pairs_hook=list)
    shown = []
    for name, lines in categories:
        inside = [
            f"    {_json(key)}: {_json(value if secrets else _masked_value(file, key, value))}" for key, value in lines
        ]
        content = "{\n" + ",\n".join(inside) + "\n  }" if inside else "{}"
        shown.append(f"  {_json(name)}: {content}")
    return "{\n" + ",\n".join(shown) + "\n}\n" if shown else "{}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _masked_value(file: str, name: str, value: Any) -> Any:
    return masked(file, (name, value))[1] if isinstance(value, str) else value


# The modules that read a file, for the reload after it was written; files that others cannot include.
MODULES = {
    "acl.conf": "acl", "amd.conf": "app_amd.so", "agents.conf": "app_agent_pool.so", "ari.conf": "res_ari.so",
    "ccss.conf": "ccss", "cdr.conf": "cdr", "cel.conf": "cel", "cdr_custom.conf": "cdr_custom.so",
    "chan_dahdi.conf": "chan_dahdi.so", "cli_aliases.conf": "res_clialiases.so", "codecs.conf": "codec_builtin",
    "confbridge.conf": "app_confbridge.so", "dnsmgr.conf": "dnsmgr", "dundi.conf": "pbx_dundi.so",
    "enum.conf": "enum", "extconfig.conf": "extconfig", "extensions.conf": "pbx_config.so",
    "extensions.lua": "pbx_lua.so", "features.conf": "features", "followme.conf": "app_followme.so",
    "func_odbc.conf": "func_odbc.so", "geolocation.conf": "res_geolocation.so", "http.conf": "http",
    "iax.conf": "chan_iax2.so", "indications.conf": "indications", "logger.conf": "logger",
    "manager.conf": "manager", "meetme.conf": "app_meetme.so", "mgcp.conf": "chan_mgcp.so",
    "minivm.conf": "app_minivm.so", "musiconhold.conf": "res_musiconhold.so", "phoneprov.conf": "res_phoneprov.so",
    "pjproject.conf": "res_pjproject.so", "pjsip.conf": "res_pjsip.so", "pjsip_notify.conf": "res_pjsip_notify.so",
    "pjsip_wizard.conf": "res_pjsip_config_wizard.so", "queuerules.conf": "app_queue.so",
    "queues.conf": "app_queue.so", "res_fax.conf": "res_fax.so", "res_odbc.conf": "res_odbc.so",
    "res_parking.conf": "res_parking.so", "res_snmp.conf": "res_snmp.so",
    "res_stun_monitor.conf": "res_stun_monitor.so", "rtp.conf": "res_rtp_asterisk.so",
    "say.conf": "app_playback.so", "sip.conf": "chan_sip.so", "sip_notify.conf": "chan_sip.so",
    "sla.conf": "app_sla.so", "stasis.conf": "stasis", "statsd.conf": "res_statsd.so", "udptl.conf": "udptl",
    "users.conf": "pbx_config.so", "voicemail.conf": "app_voicemail.so", "xmpp.conf": "res_xmpp.so",
}  # fmt: skip
# Read at the start alone, or by commands of their own.
OTHERS = ("asterisk.conf", "modules.conf", "sorcery.conf")


def module_of(file: str) -> str | None:
    """The module to reload after a file was written; empty where it is not known, None where a restart it takes."""
    return None if file in OTHERS else MODULES.get(file, "")
