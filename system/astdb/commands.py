"""The AstDB of a PBX: what is in it, and changes that fail where somebody else was faster.

Asterisk keeps one text for each name, `/family/key`; both may hold slashes, so that `/a/b/c` is the key `b/c` of the
family `a` as well as the key `c` of the family `a/b`. Here an entry is identified by its whole name.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of, send_all
from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, permission, verb

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
            return gettext("Write it in one line: AMI cannot write line breaks to the AstDB.")
        if text.startswith(" "):
            return gettext("Begin with something other than a space: AMI drops spaces at the beginning.")
        if len(text.encode("utf-8", "replace")) > limits.ASTDB:
            return gettext("That is too long: AMI accepts at most %(number)s bytes.") % {"number": limits.ASTDB}
    return ""


CHANGE = permission("system.access", "change_astdb", _("Can change the AstDB"), ("Administrator",))
ASTDB = Feature(gettext_noop("the AstDB"), Weight.ADMINISTRATIVE)
# How long Asterisk may take to list the whole AstDB, or to change a family, in seconds.
_LONG = 20.0

_verb = partial(verb, target=ON_PBX, feature=ASTDB, topic=lambda pbx, wanted: "astdb")
_changes = partial(_verb, rule=Rule(CHANGE))


@dataclass(frozen=True, slots=True)
class Browse(Parameters):
    """A `family`, empty for all of the AstDB, and what is searched for in it."""

    family: str
    search: str = ""


@_verb(
    "read-astdb",
    _("Read the AstDB"),
    rule=Rule("system.see_astdb"),
    parameters=Browse,
    actions=[actions.db_get_tree],
    timeout=_LONG,
    view="system-astdb",
    describe=lambda pbx, wanted: f"/{wanted.family}",
)
async def browse(ctx: CommandContext, pbx: PBX, wanted: Browse) -> Outcome:
    """What is in a `family` (all of the AstDB where it is empty): entries whose name or value holds `search`.

    Data: `families`, the families within and how many entries each has; `total`, how many it has itself; `found`,
    how many of them hold what is searched for; `entries`, name and value of the first `SHOWN` of these (before them the
    entry of just the family's name, if there is one); `beside`, how many others `DBDelTree` would delete.
    """
    family, search = wanted.family, wanted.search.casefold()
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


@dataclass(frozen=True, slots=True)
class Entry(Parameters):
    """The entry `name`, which holds what `was` is the digest of, and a `value` for it."""

    name: str
    was: str
    value: str = ""


def _named(pbx: PBX, entry: Entry) -> str:
    return entry.name


_READS = [actions.db_get, actions.db_get_tree]


@_changes(
    "put-astdb",
    _("Write to the AstDB"),
    parameters=Entry,
    actions=[*_READS, actions.db_put],
    view="system-astdb-put",
    describe=_named,
)
async def put(ctx: CommandContext, pbx: PBX, entry: Entry) -> Outcome:
    """Put `value` at `name`, which holds what `was` is the digest of. Data: `before`, its value until now, or None.

    Refused as `CHANGED` where it holds something else; data is then what it holds, as `now`.
    """
    family, key = parts_of(entry.name)
    return await _change(ctx, entry, actions.db_put(family, key, entry.value))


@_changes(
    "delete-astdb",
    _("Delete from the AstDB"),
    parameters=Entry,
    actions=[*_READS, actions.db_del],
    view="system-astdb-delete",
    describe=_named,
)
async def delete(ctx: CommandContext, pbx: PBX, entry: Entry) -> Outcome:
    """Delete the entry `name`, which holds what `was` is the digest of. As `put`."""
    return await _change(ctx, entry, actions.db_del(*parts_of(entry.name)))


async def _change(ctx: CommandContext, entry: Entry, action: Action) -> Outcome:
    async with ctx.aside() as session:
        refusal, before = await _read(ctx, session, entry.name)
        if refusal:
            return refusal
        if digest(before) != entry.was:
            return Outcome(Status.REFUSED, CHANGED, {"now": before})
        answer = await session.ask(action, timeout=ctx.left)
    return Outcome(outcome_of(answer).status, answer.text, {"before": before})


@dataclass(frozen=True, slots=True)
class Tree(Parameters):
    """A `family`, and the `number` of its entries."""

    family: str
    number: int


@_changes(
    "delete-astdb-tree",
    _("Delete a family from the AstDB"),
    parameters=Tree,
    actions=[*_READS, actions.db_del, actions.db_del_tree],
    timeout=_LONG,
    view="system-astdb-tree",
    describe=lambda pbx, tree: f"/{tree.family}",
)
async def delete_tree(ctx: CommandContext, pbx: PBX, tree: Tree) -> Outcome:
    """Delete the `number` entries of a `family`, and no others: one by one where `DBDelTree` would take more.

    Data: `entries`, name and value of each that is deleted, or None where they are too many to be undone; `deleted`,
    how many they are. These are told too where one of them was refused, as when somebody else has deleted it first.
    Refused as `CHANGED` where the family has another number by now, or is empty; then nothing was done.
    """
    family = tree.family
    async with ctx.aside() as session:
        refusal, everything = await _read_tree(ctx, session, family)
        if refusal:
            return refusal
        entries = {name: value for name, value in everything.items() if name.startswith(f"/{family}/")}
        if not entries or len(entries) != tree.number:
            return Outcome(Status.REFUSED, CHANGED)
        if len(entries) == len(everything):
            answers = [await session.ask(actions.db_del_tree(family), timeout=ctx.left)] * len(entries)
        else:
            answers = await send_all(ctx, session, (actions.db_del(*parts_of(name)) for name in entries))
    deleted = [list(entry) for entry, answer in zip(entries.items(), answers, strict=True) if answer.ok]
    data = {"entries": deleted if len(deleted) <= UNDOABLE else None, "deleted": len(deleted)}
    failure = next((answer for answer in answers if not answer.ok), answers[0])
    return Outcome(outcome_of(failure).status, failure.text, data)


@dataclass(frozen=True, slots=True)
class Undo(Parameters):
    """`entries` as of `system.astdb.models.AstDbChange`, all of them of a `family` where that is not empty."""

    entries: list[Any]
    family: str


@_changes(
    "undo-astdb",
    _("Undo a change to the AstDB"),
    parameters=Undo,
    actions=[*_READS, actions.db_del, actions.db_put],
    timeout=_LONG,
    view="system-astdb-undo",
    describe=lambda pbx, change: f"/{change.family}" if change.family else str(change.entries[0][0]),
)
async def undo(ctx: CommandContext, pbx: PBX, change: Undo) -> Outcome:
    """Give `entries` (name, value before, value after; None: no entry) the value before, if all have that after.

    One that has the value before already is left as it is: an undo that failed halfway is completed by the next.
    Refused as `CHANGED` where one has neither, with its name and value as data; then nothing was done.
    """
    entries, family = change.entries, change.family
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
