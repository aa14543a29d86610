"""The command handlers of configuration files: name them, read one, and write one that is still as it was read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.envelopes import Fields
from engine.mirror.models import PBX
from engine.mirror.registry import lookup
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, permission, verb

from .file import MODULES, OTHERS, Reading, categories_of

CHANGED = "The file has changed."
"""Said instead of Asterisk's answer where a file is no longer what was shown."""
NOT_AS_PROMISED = "It was written, but does not read back as expected."

_LOADED = re.compile(r"(\S+)\s+(/.*\S)")


@lookup("system.config.files")
async def files(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`config list`: data is the names of the files that modules have loaded from Asterisk's folder."""
    async with ctx.aside() as session:
        answer = await session.ask(actions.command("config list"), timeout=ctx.left)
    return Outcome(outcome_of(answer).status, answer.text, _names(_loaded(answer)))


CHANGE = permission("system.access", "change_config", _("Can edit Asterisk's configuration"), ("Administrator",))
SEE = "system.see_config"
READING = Feature(gettext_noop("reading configuration"), Weight.ADMINISTRATIVE)
FINDING = Feature(gettext_noop("finding a category of the configuration"), Weight.ADMINISTRATIVE)
EDITING = Feature(gettext_noop("editing configuration"), Weight.ADMINISTRATIVE)
# How long reading or writing a file may take, in seconds.
TIMEOUT = 15.0

_verb = partial(verb, target=ON_PBX, timeout=TIMEOUT)


@dataclass(frozen=True, slots=True)
class Category(Parameters):
    """A part of its name."""

    text: str


@_verb(
    "find-config",
    _("Find a category"),
    rule=Rule(SEE),
    parameters=Category,
    actions=[actions.command, actions.list_categories],
    feature=FINDING,
    view="system-config-find",
    describe=lambda pbx, wanted: wanted.text,
    topic=lambda pbx, wanted: "config",
)
async def find(ctx: CommandContext, pbx: PBX, wanted: Category) -> Outcome:
    """`ListCategories` of every file that is loaded: where a category is of which the name holds `text`, in any case.

    Data: for each file that has some, its name and theirs. What cannot be read by itself is skipped.
    """
    text, found = wanted.text.lower(), []
    async with ctx.aside() as session:
        answer = await session.ask(actions.command("config list"), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        for file in _names(_loaded(answer)):
            answer = await session.ask(actions.list_categories(file), timeout=ctx.left)
            if answer.is_denied:  # else it is gone, or holds what is none
                return outcome_of(answer)
            names = [value for key, value in answer.response.pairs() if key.startswith("Category-")]
            if fitting := [name for name in dict.fromkeys(names) if text in name.lower()]:
                found.append([file, fitting])
    return Outcome(Status.DONE, data=found)


@dataclass(frozen=True, slots=True)
class File(Parameters):
    """By its name."""

    file: str


def _file_topic(pbx: PBX, wanted: Any) -> str:
    return f"config/{wanted.file}"


@lookup("system.config.read")
async def read_again(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """As `read`, of a file that somebody has open."""
    return await _whole(ctx, parameters["file"])


@_verb(
    "read-config",
    _("Read the configuration file"),
    rule=Rule(SEE),
    parameters=File,
    actions=[actions.get_config],
    optional=[actions.command],
    feature=READING,
    view="system-config",
    describe=lambda pbx, wanted: wanted.file,
    topic=_file_topic,
)
async def read(ctx: CommandContext, pbx: PBX, wanted: File) -> Outcome:
    """`GetConfig` of a `file`, templates and all, and of those that it includes.

    Data: `fields` of the answer; `included`, a path and the fields of each file that it may include (None instead of
    fields where it cannot be read by itself), or None where Asterisk does not tell.
    """
    return await _whole(ctx, wanted.file)


async def _whole(ctx: CommandContext, file: str) -> Outcome:
    async with ctx.aside() as session:
        answer, data = await _read(session, ctx, file)
    return Outcome(outcome_of(answer).status, answer.text, data)


@_verb(
    "read-config",
    _("Read the configuration file"),
    rule=Rule(SEE),
    parameters=File,
    actions=[actions.get_config_json],
    feature=READING,
    path="read-config-as-json",
    view="system-config-json",
    describe=lambda pbx, wanted: wanted.file,
    topic=_file_topic,
)
async def read_json(ctx: CommandContext, pbx: PBX, wanted: File) -> Outcome:
    """`GetConfigJSON`, in a session of its own."""
    return await ctx.reply_to(actions.get_config_json(wanted.file))


@dataclass(frozen=True, slots=True)
class Update(Parameters):
    """What `write` is to do to a `file`."""

    file: str
    digest: str
    updates: Fields
    promised: str
    unordered: str


@_verb(
    "write-config",
    _("Write the configuration file"),
    rule=Rule(CHANGE),
    parameters=Update,
    actions=[actions.get_config, actions.update_config],
    optional=[actions.command],
    feature=EDITING,
    view="system-config-write",
    topic=_file_topic,
)
async def write(ctx: CommandContext, pbx: PBX, wanted: Update) -> Outcome:
    """`UpdateConfig` of a `file` with these `updates`, if it is still of this `digest`; then it is read again.

    Refused with the text `CHANGED` where it is not. Data is as of `read`, after it was written; the text
    is `NOT_AS_PROMISED` where it is not of the digest `promised`. Of a file that includes others the order of its
    categories may be another, `unordered`.
    """
    file = wanted.file
    async with ctx.aside() as session:
        answer = await session.ask(actions.get_config(file), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        if Reading(categories_of(_fields(answer))).digest != wanted.digest:
            return Outcome(Status.REFUSED, CHANGED)
        updates = [(key, value) for key, value in wanted.updates]
        answer = await session.ask(actions.update_config(file, updates), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        after, data = await _read(session, ctx, file)
    reading = Reading(categories_of(data["fields"]))
    kept = reading.digest == wanted.promised or (
        data["included"] != [] and reading.unordered_digest == wanted.unordered
    )
    return Outcome(Status.DONE, answer.text if after.ok and kept else NOT_AS_PROMISED, data)


async def _read(session: Session, ctx: CommandContext, file: str) -> tuple[Answer, dict[str, Any]]:
    answer = await session.ask(actions.get_config(file), timeout=ctx.left)
    data: dict[str, Any] = {"fields": _fields(answer), "included": None}
    if answer.ok:
        loaded = _loaded(await session.ask(actions.command("config list"), timeout=ctx.left))
        paths = _included(loaded, file)
        if paths is not None:
            data["included"] = [[path, await _alone(session, ctx, path)] for path in paths]
    return answer, data


async def _alone(session: Session, ctx: CommandContext, path: str) -> Fields | None:
    answer = await session.ask(actions.get_config(path), timeout=ctx.left)
    return _fields(answer) if answer.ok else None


def _fields(answer: Answer) -> Fields:
    return [list(pair) for pair in answer.response.pairs()]


def _loaded(answer: Answer) -> list[tuple[str, str]]:
    """Which module loaded which file, by its path, as `config list` says."""
    found = (_LOADED.fullmatch(line.strip()) for line in answer.response.output)
    return [(match[1], match[2]) for match in found if match]


def _names(loaded: list[tuple[str, str]]) -> list[str]:
    """The files in Asterisk's own folder."""
    folder = _folder(loaded)
    names = {path.removeprefix(f"{folder}/") for _by, path in loaded if path.startswith(f"{folder}/")}
    return sorted(name for name in names if "/" not in name)


def _folder(loaded: list[tuple[str, str]]) -> str:
    """Asterisk's folder: where its modules.conf is, which it always loads."""
    return next((path.rpartition("/")[0] for _by, path in loaded if path.endswith("/modules.conf")), "")


def _included(loaded: list[tuple[str, str]], file: str) -> list[str] | None:
    """The paths that a file may include: whoever loaded it loads them too. None where nobody has loaded it."""
    path = f"{_folder(loaded)}/{file}"
    by = {who for who, other in loaded if other == path}
    if not by:
        return None
    main = {f"{_folder(loaded)}/{name}" for name in (*MODULES, *OTHERS)}
    return sorted({other for who, other in loaded if who in by and other != path} - main)
