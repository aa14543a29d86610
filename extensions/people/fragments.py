"""How people are drawn on the wall: a tile each, with a lamp, live."""

import functools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer
from engine.mirror.sanitize import unaccented

from ..fragments import flags_of, look_of, shown_elsewhere
from ..models import Device, Extension
from ..presence.fragments import Beside, beside, of_person
from .models import SEE, Person, PersonNumber, PersonPhone

# So many tiles are on the wall: a board is a message to a browser, which has its limit.
MOST = 1500
_UNREACHABLE = 4
_UNKNOWN: Mapping[str, Any] = {"css": "is-unknown", "icon": "circle-minus", "words": [_("unknown")]}


@dataclass(slots=True)
class Tile:
    """A person, their numbers, and the flags of the states of their phones; None where nobody knows."""

    person: Person
    numbers: list[PersonNumber]
    flags: int | None
    beside: Beside = field(default_factory=Beside)

    @property
    def look(self) -> Mapping[str, Any]:
        return _UNKNOWN if self.flags is None else look_of(self.flags)

    @property
    def number(self) -> str:
        """Which is called first."""
        return self.numbers[0].number if self.numbers else ""

    @property
    def seen(self) -> tuple[object, ...]:
        """What it is drawn from."""
        person = self.person
        return person.name, person.title, person.department, person.folded, self.number, self.flags, self.beside


@dataclass(slots=True)
class Group:
    """A department and its tiles."""

    name: str
    tiles: list[Tile] = field(default_factory=list)


def on_the_wall() -> QuerySet[Person]:
    """Those whom everybody may see who may see people, and who have an extension or a phone."""
    extensions = PersonNumber.objects.filter(person=OuterRef("pk"), kind="extension")
    phones = PersonPhone.objects.filter(person=OuterRef("pk"))
    return Person.objects.filter(Exists(extensions) | Exists(phones), owner=None, hidden=False)


def tiles_of(people: QuerySet[Person] | Iterable[Person]) -> list[Tile]:
    """What is drawn of people. Queries the database for all of them at a time: seven times, or five times where their
    numbers and phones were fetched with them.
    """
    if isinstance(people, QuerySet):
        people = people.prefetch_related("numbers", "phones")
    numbers = {person: person.all_numbers for person in people}
    extensions = {
        person: {number.number for number in found if number.kind == "extension"} for person, found in numbers.items()
    }
    phones = {person: {phone.endpoint for phone in person.phones.all()} for person in numbers}
    hints, devices = _states_of(Extension, "extension", extensions), _states_of(Device, "name", phones)
    known = beside(extensions, of_person)
    return [
        Tile(
            person,
            found,
            _joined(_of(person, extensions[person], hints) or _of(person, phones[person], devices)),
            known.get(person, Beside()),
        )
        for person, found in numbers.items()
    ]


# Name of an extension or a device → PBX → its flags.
_States = Mapping[str, Mapping[str, list[int]]]


def _states_of(model: type[Extension] | type[Device], column: str, wanted: Mapping[Person, set[str]]) -> _States:
    names: set[str] = set().union(*wanted.values())
    found: dict[str, dict[str, list[int]]] = {}
    for row in model.objects.filter(**{f"{column}__in": names}) if names else ():
        flags = flags_of(row) if isinstance(row, Device) else row.state if row.state >= 0 else None
        if flags is not None:
            found.setdefault(getattr(row, column), {}).setdefault(row.pbx_id, []).append(flags)
    return found


def _of(person: Person, names: Collection[str], states: _States) -> list[int]:
    """The flags of these, on the PBX of the person or on any."""
    return [
        flags
        for name in names
        for pbx, found in states.get(name, {}).items()
        if person.pbx in ("", pbx)
        for flags in found
    ]


def _joined(states: list[int]) -> int | None:
    """Who is reached by one of several phones is reached."""
    reached = [flags for flags in states if not flags & _UNREACHABLE]
    if not states:
        return None
    return functools.reduce(operator.or_, reached) if reached else _UNREACHABLE


@fragments.renders("person")
def person_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """Tiles of people whose keys these are. One that looks as it did is not drawn again."""
    for tile in tiles_of(on_the_wall().filter(pk__in=keys)):
        if fragments.is_news(tile.person.dom_id, tile.seen):
            html = fragments.draw("extensions/people/_tile.html", {"tile": tile})
            yield Row(tile.person.dom_id, "person", html, {}, SEE)


def _people_with(pbx: str, kind: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """Whose tiles show the state of these extensions or devices."""
    if kind == "presence":
        return  # see `presence.fragments`
    if kind == "extension":
        having = PersonNumber.objects.filter(kind="extension", number__in=names)
    else:
        having = PersonPhone.objects.filter(endpoint__in=names)  # type: ignore[assignment]
    shared = having.filter(Q(person__pbx=pbx) | Q(person__pbx=""), person__owner=None)
    for key in shared.values_list("person", flat=True):
        yield "person", str(key)


shown_elsewhere.append(_people_with)


def groups() -> list[Group]:
    """The wall: people by department, those of none at the end."""
    people = list(on_the_wall().prefetch_related("numbers", "phones")[:MOST])
    people.sort(key=lambda person: (unaccented(person.name), person.pk))
    found: dict[str, Group] = {}
    for tile in tiles_of(people):
        found.setdefault(unaccented(tile.person.department), Group(tile.person.department)).tiles.append(tile)
    return [found[name] for name in sorted(found, key=lambda name: (not name, name))]


def board() -> str:
    """The inside of the wall, in the active language."""
    return render_to_string("extensions/people/_groups.html", {"groups": groups()}).strip()


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"people": board()}


fragments.live_pages["people"] = LivePage("people", frozenset([SEE]), {"person": "people"}, _board)
