"""How people are drawn on the wall: a tile each, with a lamp, live."""

import functools
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer
from engine.mirror.sanitize import unaccented

from ..fragments import flags_of, look_of, shown_elsewhere
from ..models import Device, Extension
from ..presence.fragments import Beside, beside, of_person
from .models import (
    MANAGE,
    OF_DEPARTMENT,
    SEE,
    Person,
    PersonNumber,
    PersonPhone,
    numbers_for,
    own_departments,
    permissions_for,
    restricted_departments,
    seen_with,
)
from .own import favourites_of
from .talks import SEE_CALLS, Lines, Talk, people_at, talks_of

# So many tiles are on the wall: a board is a message to a browser, which has its limit.
MOST = 1500
# By what people can stand on it, the usual first.
BY = ("department", "tag")
_UNREACHABLE = 4
_UNKNOWN: Mapping[str, Any] = {"css": "is-unknown", "icon": "circle-minus", "words": [_("unknown")]}


@dataclass(slots=True)
class Tile:
    """A person, their numbers, and the flags of the states of their phones; None where nobody knows. What goes on at
    these is there for whoever may see calls.
    """

    person: Person
    numbers: list[PersonNumber]
    flags: int | None
    talk: Talk | None = None
    beside: Beside = field(default_factory=Beside)

    @property
    def look(self) -> Mapping[str, Any]:
        return _UNKNOWN if self.flags is None else look_of(self.flags)

    @property
    def number(self) -> str:
        """Which is called first."""
        return self.numbers[0].number if self.numbers else ""

    @property
    def folded(self) -> str:
        """By what it is found on the wall, by everybody."""
        return self.person.folded[: self.person.private_at - 1]

    @property
    def tag(self) -> str:
        """Which of its tags it stands under, where the wall is by tag: the first."""
        return self.person.tags[0] if self.person.tags else ""

    @property
    def groups(self) -> Mapping[str, str]:
        """By what it stands with others, of `BY`."""
        return {"department": unaccented(self.person.department), "tag": unaccented(self.tag)}

    @property
    def lines(self) -> Lines:
        """By what calls of the person are known."""
        extensions = frozenset(number.number for number in self.numbers if number.kind == "extension")
        return Lines(self.person.pbx, extensions, frozenset(phone.endpoint for phone in self.person.phones.all()))

    @property
    def seen(self) -> tuple[object, ...]:
        """What it is drawn from."""
        person = self.person
        return (
            person.name,
            person.title,
            person.department,
            self.tag,
            self.folded,
            person.photo,
            self.number,
            self.flags,
            self.talk,
            self.beside,
        )


@dataclass(slots=True)
class Group:
    """A department or a tag and its tiles; or favourites. `key` is what its tiles have among their `groups`."""

    name: str
    key: str = ""
    tiles: list[Tile] = field(default_factory=list)
    is_favourites: bool = False


# What else the menu of a tile offers, from the apps above: a user and the tile → HTML in the active language.
menu_parts: list[Callable[[User, Tile], str]] = []


def on_the_wall(permissions: Collection[str] = ()) -> QuerySet[Person]:
    """Those who have an extension or a phone, of whom somebody with these permissions may see, beside seeing people."""
    extensions = PersonNumber.objects.filter(person=OuterRef("pk"), kind="extension")
    phones = PersonPhone.objects.filter(person=OuterRef("pk"))
    return Person.objects.filter(seen_with(permissions), Exists(extensions) | Exists(phones), hidden=False)


def own_permissions(user_ids: Collection[int]) -> Mapping[int, Collection[str]]:
    """Ids of users → the permissions for people of their own departments. Queries the database twice."""
    found: dict[int, set[str]] = {}
    restricted = list(own_departments(user_ids).values_list("key", flat=True))
    members = Person.objects.filter(user__in=user_ids, owner=None, department_key__in=restricted)
    for user_id, key in members.values_list("user", "department_key"):
        found.setdefault(user_id, set()).add(f"{OF_DEPARTMENT}{key}")
    return found


def tiles_of(people: QuerySet[Person] | Iterable[Person], user: User | None = None) -> list[Tile]:
    """What is drawn of people for a user; without one, for everybody. Queries the database for all of them at a time:
    seven times, or five times where their numbers and phones were fetched with them.
    """
    if isinstance(people, QuerySet):
        people = people.prefetch_related("numbers", "phones")
    numbers = {person: numbers_for(user, person) for person in people}
    extensions = {
        person: {number.number for number in found if number.kind == "extension"} for person, found in numbers.items()
    }
    phones = {person: {phone.endpoint for phone in person.phones.all()} for person in numbers}
    hints, devices = _states_of(Extension, "extension", extensions), _states_of(Device, "name", phones)
    known = {person: found.for_everybody() for person, found in beside(extensions, of_person).items()}
    return [
        Tile(
            person,
            found,
            _joined(_of(person, extensions[person], hints) or _of(person, phones[person], devices)),
            beside=known.get(person, Beside()),
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


def with_talks(tiles: list[Tile]) -> list[Tile]:
    """The same, with what goes on at their phones. Queries the database for all of them at a time."""
    talks = talks_of({tile.person.pk: tile.lines for tile in tiles})
    return [replace(tile, talk=talks.get(tile.person.pk)) for tile in tiles]


@fragments.renders("person")
def person_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """Tiles of people whose keys these are: of who is in a call one for whoever may see calls, and one for the others.
    One that looks as it did is not drawn again.
    """
    restricted = restricted_departments()
    for tile in with_talks(tiles_of(on_the_wall([MANAGE]).filter(pk__in=keys))):
        needed = permissions_for(tile.person, restricted)
        plain = replace(tile, talk=None)
        is_news = fragments.is_news(tile.person.dom_id, (*plain.seen, *needed))
        is_news_of_calls = fragments.is_news(f"{tile.person.dom_id} with calls", (*tile.seen, *needed))
        if tile.talk is None and is_news:
            yield _row(plain, {}, *needed)
            continue
        if is_news_of_calls:
            yield _row(tile, {"calls": True}, *needed)
        if is_news:
            yield _row(plain, {"calls": False}, *needed)


def _row(tile: Tile, facets: Mapping[str, Any], permission: str, also: str) -> Row:
    html = fragments.draw("extensions/people/_tile.html", {"tile": tile})
    return Row(tile.person.dom_id, "person", html, facets, permission, also)


def _people_with(pbx: str, kind: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """Whose tiles show the state of these extensions or devices."""
    if kind == "phone":
        yield from people_at(pbx, names)
        return
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


def groups(permissions: Collection[str] = (), favourites: Sequence[int] = (), by: str = BY[0]) -> list[Group]:
    """The wall of somebody with these permissions: people by department or by tag, those of none at the end, each once.
    Favourites stand before all, in this order, and not in their group, which may be left with nobody.
    """
    there = on_the_wall(permissions).prefetch_related("numbers", "phones")
    people = list(there[:MOST])
    left_off = set(favourites) - {person.pk for person in people}
    if left_off:
        people += there.filter(pk__in=left_off)
    people.sort(key=lambda person: (unaccented(person.name), person.pk))
    tiles = tiles_of(people)
    first, found = Group("", is_favourites=True), dict[str, Group]()
    for tile in with_talks(tiles) if SEE_CALLS in permissions else tiles:
        key, name = tile.groups[by], tile.tag if by == "tag" else tile.person.department
        group = found.setdefault(key, Group(name, key))
        (first if tile.person.pk in favourites else group).tiles.append(tile)
    first.tiles.sort(key=lambda tile: favourites.index(tile.person.pk))
    others = [found[name] for name in sorted(found, key=lambda name: (not name, name))]
    return [first, *others] if others else []


def board(user_id: int, permissions: Collection[str], by: str = BY[0]) -> str:
    """The inside of the wall of a user with these permissions, in the active language."""
    context = {"groups": groups(permissions, favourites_of(user_id), by), "by": by}
    return render_to_string("extensions/people/_groups.html", context).strip()


def by_in(text: str) -> str:
    """Which of `BY` a text means: the usual, unless it is another."""
    return text if text in BY else BY[0]


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"people": board(viewer.user_id, viewer.permissions, by_in(key))}


def _place(row: Row, viewer: Viewer, key: str) -> str | None:
    """Of who is in a call the tile of those who may see calls, or that of the others."""
    calls = row.facets.get("calls")
    return "people" if calls is None or calls == (SEE_CALLS in viewer.permissions) else None


fragments.live_pages["people"] = LivePage("people", frozenset([SEE]), {"person": "people"}, _board, _place)
