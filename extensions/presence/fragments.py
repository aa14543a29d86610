"""How presences and call forwarding are drawn: on a tile, in the page's head for oneself, on the page of a person."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy

from engine import limits
from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer

from ..fragments import PRESENCES, shown_elsewhere
from ..models import Extension, Presence
from ..people.models import (
    MANAGE,
    SEE,
    SEE_PRIVATE,
    Person,
    PersonNumber,
    permissions_for,
    restricted_departments,
    seen_with,
)
from ..people.numbers import keys_of
from .holders import holder_for, people_with, presentity_in
from .keys import DIVERTED, keys
from .models import Forwarding
from .said import AVAILABLE, PROVIDER, until_in

K = TypeVar("K")
# What stands for a number that a reader may not see.
PRIVATE_NUMBER = gettext_lazy("a private number")
# The most telling first.
_ORDER = ("dnd", "xa", "away", "unavailable", "chat", "available", "not_set")


@dataclass(frozen=True, slots=True)
class Shown:
    """A presence as people read it."""

    state: str = "not_set"
    note: str = ""
    until: datetime | None = None

    @property
    def icon(self) -> str:
        return PRESENCES.get(self.state, ("info-circle", self.state))[0]

    @property
    def word(self) -> str:
        return str(PRESENCES.get(self.state, ("", self.state))[1])

    @property
    def is_news(self) -> bool:
        """Whether it is shown beside a lamp: it says more than that somebody is there."""
        return self.state not in ("not_set", AVAILABLE) or bool(self.note)


@dataclass(frozen=True, slots=True)
class Diverted:
    """What the PBX does with somebody's calls."""

    do_not_disturb: bool = False
    always: str | Promise = ""
    busy: str | Promise = ""
    unanswered: str | Promise = ""
    # Those kinds whose number not everybody may see, since the directory has it as a private one.
    private: frozenset[str] = frozenset()

    def for_everybody(self, instead: str | Promise = PRIVATE_NUMBER) -> "Diverted":
        """That calls go to a private number is told without the number: this stands there `instead`."""
        hidden: dict[str, Any] = dict.fromkeys(self.private, instead)
        return replace(self, **hidden)

    @property
    def lines(self) -> list[tuple[str, Promise, str | Promise]]:
        """Kind, which calls, and the number to which they go."""
        return [(kind, words, getattr(self, kind)) for kind, words in DIVERTED.items()]

    @property
    def set(self) -> list[tuple[Promise, str | Promise]]:
        """Those that are forwarded."""
        return [(words, number) for _kind, words, number in self.lines if number]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is shown of a person beside their lamp."""

    said: Shown = Shown()
    diverted: Diverted = Diverted()

    def for_everybody(self) -> "Beside":
        """Without the numbers that not everybody may see."""
        return replace(self, diverted=self.diverted.for_everybody()) if self.diverted.private else self

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to show."""
        return self.said.is_news or self.diverted.do_not_disturb or bool(self.diverted.set)


def shown(row: Presence) -> Shown:
    """How a presence is shown."""
    return Shown(row.state, row.message, until_in(row.subtype))


def _telling(row: Presence) -> int:
    return _ORDER.index(row.state) if row.state in _ORDER else 0


def of_person(person: Person) -> str:
    """On which PBX a person's extensions are looked for; empty: on each."""
    return person.pbx


def beside(extensions: Mapping[K, Collection[str]], pbx_of: Callable[[K], str]) -> dict[K, Beside]:
    """Extensions of people, and the PBX of each (empty: any) → what is shown beside the lamp of each. Queries the
    database thrice, and once more where calls are forwarded.
    """
    numbers: set[str] = set().union(*extensions.values())
    if not numbers:
        return {}
    hints: dict[tuple[str, str], list[Extension]] = {}
    for row in Extension.objects.filter(extension__in=numbers, hint__contains=","):
        hints.setdefault((row.pbx_id, row.extension), []).append(row)
    named = {row.presentity for rows in hints.values() for row in rows}
    presentities = named | {f"{PROVIDER}{number}" for number in numbers}
    presences = {(row.pbx_id, row.presentity): row for row in Presence.objects.filter(presentity__in=presentities)}
    forwarding = {(row.pbx_id, row.extension): row for row in Forwarding.objects.filter(extension__in=numbers)}
    private = _private_among({getattr(row, kind) for row in forwarding.values() for kind in DIVERTED} - {""})
    pbxs = {pbx for pbx, _name in (*presences, *forwarding)}
    found = {}
    for key, own in extensions.items():
        wanted = pbx_of(key)
        places = [(pbx, number) for pbx in pbxs if wanted in ("", pbx) for number in sorted(own)]
        found[key] = _beside(places, hints, presences, forwarding, private)
    return found


def _private_among(numbers: Collection[str]) -> Collection[str]:
    """Those of these numbers that the directory has as private ones."""
    keys = {number: keys_of(number) for number in numbers}
    rows = PersonNumber.objects.filter(key__in=set().union(*keys.values()), kind__in=PersonNumber.PRIVATE)
    private = set(rows.filter(person__owner=None).values_list("key", flat=True)) if keys else set()
    return {number for number, own in keys.items() if not private.isdisjoint(own)}


def _beside(
    places: Sequence[tuple[str, str]],
    hints: Mapping[tuple[str, str], list[Extension]],
    presences: Mapping[tuple[str, str], Presence],
    forwarding: Mapping[tuple[str, str], Forwarding],
    private: Collection[str],
) -> Beside:
    names = [(pbx, presentity_in(hints.get((pbx, number), []), number)) for pbx, number in places]
    told = sorted((presences[name] for name in names if name in presences), key=_telling)
    rows = [forwarding[place] for place in places if place in forwarding]
    to = {kind: next((number for row in rows if (number := getattr(row, kind))), "") for kind in DIVERTED}
    diverted = Diverted(
        any(row.do_not_disturb for row in rows),
        **to,
        private=frozenset(kind for kind, number in to.items() if number in private),
    )
    return Beside(shown(told[0]) if told else Shown(), diverted)


def _extensions_of(person: Person) -> set[str]:
    return {number.number for number in person.all_numbers if number.kind == "extension"}


def beside_one(person: Person) -> Beside:
    """The same of one person."""
    return beside({person: _extensions_of(person)}, of_person).get(person, Beside())


# Who is drawn anew.


def _people(pbx: str, extensions: set[str]) -> Iterator[tuple[str, str]]:
    for person, user in people_with(pbx, extensions).values_list("pk", "user"):
        yield "person", str(person)
        yield "presence-of", str(person)
        if user is not None:
            yield "my-presence", str(user)


@fragments.renders("forwarding")
def forwarding_rows(pbx: str, keys: set[str]) -> Iterator[tuple[str, str]]:
    """The people whose extensions these are."""
    yield from _people(pbx, keys)


def _with_presence(pbx: str, kind: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """Whose presences these are."""
    if kind != "presence":
        return
    hinted = Extension.objects.filter(pbx=pbx, hint__contains=",")
    extensions = {row.extension for row in hinted if row.presentity in names}
    yield from _people(pbx, extensions | {name.removeprefix(PROVIDER) for name in names})


shown_elsewhere.append(_with_presence)


# One's own, in the head of every page.


def _of_users(ids: Collection[int]) -> Iterator[Row]:
    """Of those of these users who are somebody of the directory with an extension."""
    people = Person.objects.filter(user__in=ids, owner=None).prefetch_related("numbers")
    extensions = {person: found for person in people if (found := _extensions_of(person))}
    known = beside(extensions, of_person)
    for person in extensions:
        html = fragments.draw("extensions/presence/_mine.html", {"said": known[person].said, "id": person.user_id})
        yield Row(f"my-presence-{person.user_id}", "my-presence", html, user=person.user_id or 0)


@fragments.renders("my-presence")
def my_presence_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """For the pages of these users."""
    yield from _of_users([int(key) for key in keys])


fragments.own_rows.append(lambda viewer: _of_users([viewer.user_id]))


def drawn_for(user_id: int) -> str:
    """One's own presence, in the active language; nothing for somebody without an extension in the directory."""
    language = get_language() or settings.LANGUAGE_CODE
    with fragments.drawing([language]):
        return "".join((row.html or {})[language] for row in _of_users([user_id]))


# The page of a person.


def context_of(person: Person) -> dict[str, Any]:
    """What is drawn of a person on the page of their presence, for whoever may see all numbers."""
    found = beside_one(person)
    return {
        "person": person,
        "holder": holder_for(person),
        "said": found.said,
        "diverted": found.diverted,
        "kinds": keys().keys(),
    }


def _for_everybody(context: Mapping[str, Any]) -> dict[str, Any]:
    return {**context, "diverted": context["diverted"].for_everybody()}


@fragments.renders("presence-of")
def presence_of_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """For the pages of these people; where calls go to a private number, one for whoever may see it, and one for the
    others.
    """
    restricted = restricted_departments()
    for person in Person.objects.filter(pk__in=keys, owner=None, hidden=False).prefetch_related("numbers"):
        permission, also = permissions_for(person, restricted)
        context = context_of(person)
        drawn = {True: context, False: _for_everybody(context)} if context["diverted"].private else {None: context}
        for all_numbers, shown_of_it in drawn.items():
            html = fragments.draw("extensions/presence/_state.html", shown_of_it)
            facets = {"person": str(person.pk), "user": person.user_id, "all_numbers": all_numbers}
            yield Row(f"presence-of-{person.pk}", "presence-of", html, facets, permission, also)


def state_of(person: Person, *, all_numbers: bool) -> str:
    """The inside of the page's live part, in the active language."""
    context = context_of(person)
    shown_of_it = context if all_numbers else _for_everybody(context)
    return render_to_string("extensions/presence/_state.html", shown_of_it).strip()


def _sees_all_numbers(viewer: Viewer, user_id: int | None) -> bool:
    """As `people.models.sees_all_numbers`, of a shared person who is this user."""
    return viewer.user_id == user_id or not viewer.permissions.isdisjoint((SEE_PRIVATE, MANAGE))


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    found = Person.objects.filter(seen_with(viewer.permissions), hidden=False, pk=limits.key_in(key))
    drawn = (state_of(person, all_numbers=_sees_all_numbers(viewer, person.user_id)) for person in found)
    return {"presence-state": "".join(drawn)}


def _place(row: Row, viewer: Viewer, key: str) -> str | None:
    of_all_numbers = row.facets["all_numbers"]
    is_theirs = of_all_numbers is None or of_all_numbers == _sees_all_numbers(viewer, row.facets["user"])
    return "presence-state" if row.facets["person"] == key and is_theirs else None


fragments.live_pages["presence"] = LivePage(
    "presence", frozenset([SEE]), {"presence-of": "presence-state"}, _board, _place
)
