"""The command handlers of configuration files: name them, read one, and write one that is still as it was read."""

import re
from collections.abc import Mapping
from typing import Any

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.envelopes import Fields
from engine.mirror.registry import command_handler

from .file import MODULES, OTHERS, Reading, categories_of

CHANGED = "The file has changed."
"""Said instead of Asterisk's answer where a file is no longer what was shown."""
NOT_AS_PROMISED = "It was written, but does not read back as expected."

_LOADED = re.compile(r"(\S+)\s+(/.*\S)")


@command_handler("system.config.files")
async def files(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`config list`: data is the names of the files that modules have loaded from Asterisk's folder."""
    async with ctx.aside() as session:
        answer = await session.ask(actions.command("config list"), timeout=ctx.left)
    return Outcome(outcome_of(answer).status, answer.text, _names(_loaded(answer)))


@command_handler("system.config.find")
async def find(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`ListCategories` of every file that is loaded: where a category is of which the name holds `text`, in any case.

    Data: for each file that has some, its name and theirs. What cannot be read by itself is skipped.
    """
    text, found = parameters["text"].lower(), []
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


@command_handler("system.config.read")
async def read(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`GetConfig` of a `file`, templates and all, and of those that it includes.

    Data: `fields` of the answer; `included`, a path and the fields of each file that it may include (None instead of
    fields where it cannot be read by itself), or None where Asterisk does not tell.
    """
    async with ctx.aside() as session:
        answer, data = await _read(session, ctx, parameters["file"])
    return Outcome(outcome_of(answer).status, answer.text, data)


@command_handler("system.config.write")
async def write(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`UpdateConfig` of a `file` with these `updates`, if it is still of this `digest`; then it is read again.

    Refused with the text `CHANGED` where it is not. Data is as of `system.config.read`, after it was written; the text
    is `NOT_AS_PROMISED` where it is not of the digest `promised`. Of a file that includes others the order of its
    categories may be another, `unordered`.
    """
    file = parameters["file"]
    async with ctx.aside() as session:
        answer = await session.ask(actions.get_config(file), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        if Reading(categories_of(_fields(answer))).digest != parameters["digest"]:
            return Outcome(Status.REFUSED, CHANGED)
        updates = [(key, value) for key, value in parameters["updates"]]
        answer = await session.ask(actions.update_config(file, updates), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        after, data = await _read(session, ctx, file)
    reading = Reading(categories_of(data["fields"]))
    kept = reading.digest == parameters["promised"] or (
        data["included"] != [] and reading.unordered_digest == parameters["unordered"]
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
    names = {path.removeprefix(f"{folder}/") for _who, path in loaded if path.startswith(f"{folder}/")}
    return sorted(name for name in names if "/" not in name)


def _folder(loaded: list[tuple[str, str]]) -> str:
    """Asterisk's folder: where its modules.conf is, which it always loads."""
    return next((path.rpartition("/")[0] for _who, path in loaded if path.endswith("/modules.conf")), "")


def _included(loaded: list[tuple[str, str]], file: str) -> list[str] | None:
    """The paths that a file may include: whoever loaded it loads them too. None where nobody has loaded it."""
    path = f"{_folder(loaded)}/{file}"
    by = {who for who, other in loaded if other == path}
    if not by:
        return None
    main = {f"{_folder(loaded)}/{name}" for name in (*MODULES, *OTHERS)}
    return sorted({other for who, other in loaded if who in by and other != path} - main)
