"""What goes on at the phones of people: with whom they talk, and since when. The app of calls, above, says it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q

from ..models import Extension
from .models import PersonNumber, PersonPhone

# Without it nobody is told who is in a call.
SEE_CALLS = "calls.see_calls"


class Kind(StrEnum):
    """What somebody does in a call, the most telling first."""

    FROM = "from"
    """Their phone rings for it."""
    WITH = "with"
    TO = "to"
    """They call somebody."""
    IN = "in"
    """A conference."""
    HOLDS = "holds"
    """They have put somebody on hold."""


_RANKS = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Talk:
    """What somebody does in a call, `who` is at its other ends, and since when."""

    kind: Kind
    who: tuple[str, ...]
    since: datetime

    @property
    def rank(self) -> int:
        """To sort by: the most telling first."""
        return _RANKS[self.kind]


@dataclass(frozen=True, slots=True)
class Lines:
    """By what calls of somebody are known: their PBX (empty: any), extensions and phones."""

    pbx: str
    extensions: frozenset[str]
    phones: frozenset[str]


# Endpoint → PBX → what goes on there.
Talks = Mapping[str, Mapping[str, Sequence[Talk]]]
# Endpoints → their talks. The app of calls registers itself here.
sources: list[Callable[[Collection[str]], Talks]] = []


def devices_in(hint: str) -> list[str]:
    """The devices that a hint names: `PJSIP/101&PJSIP/102,CustomPresence:101`."""
    return [device for device in hint.partition(",")[0].split("&") if device]


def endpoints_of(people: Mapping[int, Lines]) -> dict[int, set[tuple[str, str]]]:
    """Somebody's id → the endpoints at which they are, each with its PBX (empty: any): their phones, and the devices
    that the hints of their extensions name. Queries the database once.
    """
    extensions = {name for lines in people.values() for name in lines.extensions}
    hints = Extension.objects.filter(extension__in=extensions) if extensions else Extension.objects.none()
    hinted: dict[str, list[tuple[str, str]]] = {}
    for pbx, extension, hint in hints.values_list("pbx_id", "extension", "hint"):
        hinted.setdefault(extension, []).extend((pbx, device) for device in devices_in(hint))
    return {
        key: {
            *((lines.pbx, phone) for phone in lines.phones),
            *(at for name in lines.extensions for at in hinted.get(name, ()) if lines.pbx in ("", at[0])),
        }
        for key, lines in people.items()
    }


def talks_of(people: Mapping[int, Lines]) -> dict[int, Talk]:
    """Somebody's id → the most telling of what they do, of those who are in a call. A few queries for all of them at a
    time.
    """
    places = endpoints_of(people)
    endpoints = {endpoint for at in places.values() for _pbx, endpoint in at}
    known = [source(endpoints) for source in sources] if endpoints else []
    found = {}
    for key, at in places.items():
        talks = [
            talk
            for talks in known
            for its, endpoint in at
            for pbx, there in talks.get(endpoint, {}).items()
            if its in ("", pbx)
            for talk in there
        ]
        if talks:
            found[key] = min(talks, key=lambda talk: (talk.rank, -talk.since.timestamp(), talk.who))
    return found


def people_at(pbx: str, endpoints: set[str]) -> Iterator[tuple[str, str]]:
    """Subjects: whose tiles show what goes on at these endpoints, by their phones or by hints of their extensions."""
    # Most hints name one device; the others are looked at here.
    hints = Extension.objects.filter(
        Q(hint__in=endpoints) | Q(hint__contains="&") | Q(hint__contains=","), pbx=pbx
    ).values_list("extension", "hint")
    named = {extension for extension, hint in hints if not endpoints.isdisjoint(devices_in(hint))}
    here = Q(person__pbx=pbx) | Q(person__pbx="")
    found = set(PersonPhone.objects.filter(here, endpoint__in=endpoints).values_list("person", flat=True))
    if named:
        numbers = PersonNumber.objects.filter(here, kind="extension", number__in=named, person__owner=None)
        found.update(numbers.values_list("person", flat=True))
    for key in found:
        yield "person", str(key)
