"""The AstDB of a PBX: what is in it, and changes that fail where somebody else was faster.

Asterisk keeps one text for each name, `/family/key`; both may hold slashes, so that `/a/b/c` is the key `b/c` of the
family `a` as well as the key `c` of the family `a/b`. Here an entry is identified by its whole name.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from engine import limits
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of, send_all
from engine.mirror.registry import command_handler

# How many entries a page shows, and how many families.
SHOWN = 200
FAMILIES_SHOWN = 300
# How many entries a change may have that can be undone.
UNDOABLE = 5000
# The names of our own refusals; the views put them into words.
CHANGED = "changed meanwhile"
# How long a value is that Asterisk 16 may have cut, in bytes.
_CUT = 255
_NOT_THERE = "Database entry not found"


def name_of(family: str, key: str) -> str:
    """An entry's whole name."""
    return f"/{family}/{key}"


def parts_of(name: str) -> tuple[str, str]:
    """An entry's name → the family and the key to send: nothing before its first slash."""
    family, _slash, key = name.removeprefix("/").partition("/")
    return family, key


def digest(value: str | None) -> str:
    """The digest of a value that somebody has seen; empty for an entry that did not exist."""
    return "" if value is None else hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def complaint(*texts: str) -> str:
    """Why one of these cannot be sent as family, key or value; empty if all can."""
    for text in texts:
        if "\r" in text or "\n" in text or "\0" in text:
            return _("Write it in one line: AMI cannot write line breaks to the AstDB.")
        if text.startswith(" "):
            return _("Begin with something other than a space: AMI drops spaces at the beginning.")
        if len(text.encode("utf-8", "replace")) > limits.ASTDB:
            return _("That is too long: AMI accepts at most %(number)s bytes.") % {"number": limits.ASTDB}
    return ""


@command_handler("system.astdb.browse")
async def browse(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """What is in a `family` (all of the AstDB where it is empty): entries whose name or value holds `search`.

    Data: `families`, the families within and how many entries each has; `total`, how many it has itself; `found`,
    how many of them hold what is searched for; `entries`, name and value of the first `SHOWN` of these (before them the
    entry of just the family's name, if there is one); `beside`, how many others `DBDelTree` would delete.
    """
    family, search = parameters["family"], parameters.get("search", "").casefold()
    beneath, itself = (f"/{family}/" if family else "/"), f"/{family}"
    families: Counter[str] = Counter()
    entries: list[tuple[str, str]] = []
    total = found = beside = 0

    def fold(item: Message) -> None:
        nonlocal total, found, beside
        name, value = item.get("Key"), item.get("Val")
        if not name.startswith(beneath):
            beside += 1
            if name == itself:
                entries.insert(0, (name, value))
            return
        total += 1
        first, slash, _rest = name.removeprefix(beneath).partition("/")
        if slash:
            families[first] += 1
        if search and search not in name.casefold() and search not in value.casefold():
            return
        found += 1
        if len(entries) < SHOWN:
            entries.append((name, value))

    async with ctx.aside() as session:
        answer = await session.ask(actions.db_get_tree(family), timeout=ctx.left, is_list=True, on_item=fold)
    data = {
        "families": [[name, number] for name, number in sorted(families.items()) if name or family],
        "total": total, "found": found, "entries": [list(entry) for entry in entries], "beside": beside,
    }  # fmt: skip
    return Outcome(outcome_of(answer).status, answer.text, data)


@command_handler("system.astdb.put")
async def put(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Put `value` at `name`, which holds what `was` is the digest of. Data: `before`, its value until now, or None.

    Refused as `CHANGED` where it holds something else; data is then what it holds, as `now`.
    """
    family, key = parts_of(parameters["name"])
    return await _change(ctx, parameters, actions.db_put(family, key, parameters["value"]))


@command_handler("system.astdb.delete")
async def delete(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Delete the entry `name`, which holds what `was` is the digest of. As `put`."""
    return await _change(ctx, parameters, actions.db_del(*parts_of(parameters["name"])))


async def _change(ctx: CommandContext, parameters: Mapping[str, Any], action: Action) -> Outcome:
    async with ctx.aside() as session:
        refusal, before = await _read(ctx, session, parameters["name"])
        if refusal:
            return refusal
        if digest(before) != parameters["was"]:
            return Outcome(Status.REFUSED, CHANGED, {"now": before})
        answer = await session.ask(action, timeout=ctx.left)
    return Outcome(outcome_of(answer).status, answer.text, {"before": before})


@command_handler("system.astdb.delete-tree")
async def delete_tree(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Delete the `number` entries of a `family`, and no others: one by one where `DBDelTree` would take more.

    Data: `entries`, name and value of each that is deleted, or None where they are too many to be undone; `deleted`,
    how many they are. These are told too where one of them was refused, as when somebody else has deleted it first.
    Refused as `CHANGED` where the family has another number by now, or is empty; then nothing was done.
    """
    family = parameters["family"]
    async with ctx.aside() as session:
        refusal, everything = await _read_tree(ctx, session, family)
        if refusal:
            return refusal
        entries = {name: value for name, value in everything.items() if name.startswith(f"/{family}/")}
        if not entries or len(entries) != parameters["number"]:
            return Outcome(Status.REFUSED, CHANGED)
        if len(entries) == len(everything):
            answers = [await session.ask(actions.db_del_tree(family), timeout=ctx.left)] * len(entries)
        else:
            answers = await send_all(ctx, session, (actions.db_del(*parts_of(name)) for name in entries))
    deleted = [list(entry) for entry, answer in zip(entries.items(), answers, strict=True) if answer.ok]
    data = {"entries": deleted if len(deleted) <= UNDOABLE else None, "deleted": len(deleted)}
    failure = next((answer for answer in answers if not answer.ok), answers[0])
    return Outcome(outcome_of(failure).status, failure.text, data)


@command_handler("system.astdb.undo")
async def undo(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Give `entries` (name, value before, value after; None: no entry) the value before, if all have that after.

    One that has the value before already is left as it is: an undo that failed halfway is completed by the next.
    Refused as `CHANGED` where one has neither, with its name and value as data; then nothing was done.
    """
    entries, family = parameters["entries"], parameters["family"]
    async with ctx.aside() as session:
        if family:
            refusal, current = await _read_tree(ctx, session, family)
        else:
            refusal, value = await _read(ctx, session, entries[0][0])
            current = {} if value is None else {entries[0][0]: value}
        if refusal:
            return refusal
        left = [entry for entry in entries if current.get(entry[0]) != entry[1]]
        for name, _before, after in left:
            if current.get(name) != after:
                return Outcome(Status.REFUSED, CHANGED, {"name": name, "now": current.get(name)})
        answers = await send_all(ctx, session, (_restoring(name, before) for name, before, _after in left))
    failure = next((answer for answer in answers if not answer.ok), None)
    return outcome_of(failure) if failure else Outcome(Status.DONE)


def _restoring(name: str, value: str | None) -> Action:
    family, key = parts_of(name)
    return actions.db_del(family, key) if value is None else actions.db_put(family, key, value)


async def _read(ctx: CommandContext, session: Session, name: str) -> tuple[Outcome | None, str | None]:
    """A refusal, if any, and the value of an entry; None where it is not there."""
    family, key = parts_of(name)
    answer = await session.ask(actions.db_get(family, key), timeout=ctx.left, is_list=True)
    if not answer.ok:
        return (None, None) if answer.text == _NOT_THERE else (outcome_of(answer), None)
    value = answer.events[0].get("Val") if answer.events else None
    if value is not None and len(value.encode()) >= _CUT:
        refusal, near = await _read_tree(ctx, session, family, key)
        return refusal, near.get(name)
    return None, value


async def _read_tree(
    ctx: CommandContext, session: Session, family: str, key: str = ""
) -> tuple[Outcome | None, dict[str, str]]:
    """A refusal, if any, and everything that `DBDelTree` would delete."""
    found: dict[str, str] = {}

    def fold(item: Message) -> None:
        found[item.get("Key")] = item.get("Val")

    action = actions.db_get_tree(family, key)
    answer = await session.ask(action, timeout=ctx.left, is_list=True, on_item=fold)
    return (None if answer.ok else outcome_of(answer)), found
