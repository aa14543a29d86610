"""One reader of the log: what they want of it, how far they have come, and what waits for them."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from engine.limits import FIELD, complaint
from engine.live.fragments import Viewer
from engine.live.people import next_check
from web.problems import bad_input

from .declarations import EventType, event_types
from .models import Event
from .telling import is_told, time_of

# A reader for whom so many events or characters wait reads them from the log instead, once they go on.
QUEUE_LIMIT, QUEUE_SIZE = 500, 2**19
# How many events are sent at a time.
AT_ONCE = 100

# What a stream can be asked for in its address.
PARAMETERS = frozenset(("types", "pbx", "extension", "conference", "call", "after"))

# PBX → the number of the last event that counts as read there.
Position = dict[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is sent, and what it is chosen by."""

    pbx: str
    number: int
    type: EventType
    text: str
    # What else than the type's permission lets a reader have it; empty: nothing.
    also: str
    # What it is about, or who: empty where it is about none.
    extensions: frozenset[str]
    conference: str
    call: str

    @classmethod
    def of(cls, event: Event) -> "Entry | None":
        """None for a type that is not known any more."""
        event_type = event_types.get(event.type)
        if event_type is None:
            return None
        data = json.loads(event.data)
        return cls(
            event.pbx,
            event.number,
            event_type,
            f"event: {event.type}\ndata: {json_of(event.pbx, event.number, event.type, event.at, event.data)}\n\n",
            event_type.also(data),
            _extensions_in(data),
            data.get("conference", ""),
            event.subject if event.type.startswith("call.") else "",
        )


def json_of(pbx: str, number: int, type_name: str, at: datetime, data: str) -> str:
    """An event with what it is wrapped in, as JSON in one line."""
    head = json.dumps({"pbx": pbx, "number": number, "type": type_name, "at": time_of(at)})
    return f'{head[:-1]}, "data": {data}}}'


def _extensions_in(data: Mapping[str, Any]) -> frozenset[str]:
    """The extensions and numbers of those whom an event is about, and the names of their telephones."""
    found = set[str]()
    for part in (data, *data.get("parties", ()), data.get("party") or {}, data.get("to", {})):
        found.update((part.get("extension", ""), part.get("number", ""), part.get("endpoint", "").partition("/")[2]))
    return frozenset(found - {""})


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader wants: events for which each of these holds that is given. `types` is complete."""

    types: frozenset[str]
    pbxs: frozenset[str]
    extensions: frozenset[str]
    conferences: frozenset[str]
    calls: frozenset[str] = frozenset()

    @classmethod
    def read(cls, asked: Mapping[str, Collection[str]], pbxs: Collection[str]) -> "Filter":
        """From the parameters of an address, each of which may come several times; types and PBXs also in one, with
        commas between. `pbxs` are those that there are. Raises `Problem`.
        """
        if unknown := asked.keys() - PARAMETERS:
            raise bad_input(min(unknown)[:80], _("There is no field of this name here."))
        for name, values in asked.items():
            if words := next(filter(None, (complaint(value, FIELD) for value in values)), ""):
                raise bad_input(name, words)
        if unknown := set(_words(asked.get("pbx", ()))).difference(pbxs):
            told = {"name": min(unknown)[:80], "names": ", ".join(pbxs)}
            raise bad_input("pbx", _("There is no PBX %(name)s. There are: %(names)s.") % told)
        types = set[str]()
        for word in _words(asked.get("types", ())):
            if word in event_types:
                if not is_told(event_types[word]):
                    told = {"name": word, "setting": event_types[word].setting}
                    raise bad_input("types", _("%(name)s is told only where %(setting)s is on.") % told)
                types.add(word)
                continue
            group = {name for name in _usual() if word.endswith(".*") and name.startswith(word[:-1])}
            if not group:
                told = {"name": word[:80], "names": ", ".join(event_types)}
                raise bad_input("types", _("There is no type %(name)s. There are: %(names)s.") % told)
            types |= group
        return cls(
            frozenset(types or _usual()),
            frozenset(_words(asked.get("pbx", ()))),
            frozenset(asked.get("extension", ())),
            frozenset(asked.get("conference", ())),
            frozenset(asked.get("call", ())),
        )

    def is_of(self, pbx: str) -> bool:
        """Whether anything of this PBX is wanted."""
        return not self.pbxs or pbx in self.pbxs

    def fits(self, entry: Entry) -> bool:
        return (
            entry.type.name in self.types
            and self.is_of(entry.pbx)
            and (not self.extensions or not self.extensions.isdisjoint(entry.extensions))
            and (not self.conferences or entry.conference in self.conferences)
            and (not self.calls or entry.call in self.calls)
        )


def _usual() -> set[str]:
    """The types that are sent to who names none."""
    return {name for name, event_type in event_types.items() if not event_type.setting}


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.split(",") if word]


def position_in(text: str) -> Position:
    """What a stream has given as an id → the position; empty for what is none."""
    position: Position = {}
    for part in text.split(","):
        pbx, colon, number = part.partition(":")
        if not (pbx and colon and number.isascii() and number.isdecimal() and len(number) < 19):
            return {}
        position[pbx] = int(number)
    return position


def text_of(position: Position) -> str:
    """A position, as the id of an event has it: `main:12,branch:7`."""
    return ",".join(f"{pbx}:{number}" for pbx, number in position.items())


def may_read(viewer: Viewer) -> bool:
    """Whether there is anything that they may see."""
    return bool(viewer.permissions)


def may_see(viewer: Viewer, event_type: EventType, also: str) -> bool:
    """Whether they may see an event of this type; `also` is what the type says of its data."""
    permissions = viewer.permissions
    return event_type.permission in permissions or (bool(also) and also in permissions)


class Reader:
    """One reader: `viewer` is who it is, `position` how far they were sent everything that they want.

    One who `is_behind` reads from the log; the others get what comes by `put`. One who begins has no position yet
    (None), one who comes back with what is none an empty one. `again` says, in a thread, who they are now; None: nobody
    who may be here.
    """

    def __init__(
        self, wanted: Filter, viewer: Viewer, again: Callable[[], Viewer | None], position: Position | None
    ) -> None:
        self.wanted, self.viewer, self.again = wanted, viewer, again
        self.position: Position = position or {}
        self.is_behind, self.is_over = position is not None, False
        self.check_at = next_check()
        self.wake = asyncio.Event()
        self._queue: deque[Entry] = deque()
        self._size = 0
        # Up to where it was seen what there is, though not all of it was sent yet.
        self._seen: Position = {}

    def go_live(self, position: Position) -> None:
        """From here on everything comes by `put`; all before this position was sent, or is not wanted."""
        self.position, self._seen, self.is_behind = dict(position), dict(position), False

    def check(self) -> None:
        """See whether they may still be here. Queries the database: in a thread."""
        self.check_at = next_check()
        viewer = self.again()
        if viewer is not None and may_read(viewer):
            self.viewer = viewer
        else:
            self.end()

    def end(self) -> None:
        self.is_over = True
        self.wake.set()

    def may_have(self, entry: Entry) -> bool:
        """Whether they want it, and may see it."""
        return may_see(self.viewer, entry.type, entry.also) and self.wanted.fits(entry)

    def put(self, entries: Iterable[Entry], seen: Position) -> None:
        """What has come; with these all was seen up to there."""
        if self.is_behind:
            return
        for entry in entries:
            if entry.number <= self._seen.get(entry.pbx, 0) or not self.may_have(entry):
                continue
            self._queue.append(entry)
            self._size += len(entry.text)
        self._seen |= {pbx: number for pbx, number in seen.items() if number > self._seen.get(pbx, 0)}
        if len(self._queue) > QUEUE_LIMIT or self._size > QUEUE_SIZE:
            self.fall_behind()
        elif self._queue:
            self.wake.set()
        else:
            self.position = dict(self._seen)

    def fall_behind(self) -> None:
        """What waits, and what comes now, is read from the log."""
        self._queue.clear()
        self._size = 0
        self.is_behind = True
        self.wake.set()

    def take(self) -> str:
        """What is to be sent next; empty when nothing waits."""
        texts: list[str] = []
        while self._queue and len(texts) < AT_ONCE:
            entry = self._queue.popleft()
            self._size -= len(entry.text)
            texts.append(self.passes(entry))
        if not self._queue:
            self.position = dict(self._seen)
        return "".join(texts)

    def passes(self, entry: Entry) -> str:
        """An event as it is sent to this reader, who has come to it by now."""
        self.position[entry.pbx] = entry.number
        return f"id: {text_of(self.position)}\n{entry.text}"
