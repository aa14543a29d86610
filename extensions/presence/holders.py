"""Whoever has an extension on a PBX: what verbs of presence and call forwarding are about, and whose own it is."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import PBX
from engine.mirror.state import State
from engine.mirror.verbs import Target

from ..models import Extension
from ..people.models import Person
from .said import PROVIDER


@dataclass(frozen=True, slots=True)
class Holder:
    """An extension of somebody in the directory."""

    pbx: str
    extension: str

    def __str__(self) -> str:
        return self.extension


def people_with(pbx: str, extensions: "set[str]") -> QuerySet[Person]:
    """The shared people who have one of these extensions on that PBX."""
    return Person.objects.filter(
        Q(pbx=pbx) | Q(pbx=""), owner=None, numbers__kind="extension", numbers__number__in=extensions
    ).distinct()


def _find(pbx: str, extension: str) -> Holder | None:
    known = PBX.objects.filter(pk=pbx).exists() and people_with(pbx, {extension}).exists()
    return Holder(pbx, extension) if known else None


HOLDER: Target[Holder] = Target(
    "presence",
    "presences/<str:pbx>/<segment:key>/",
    find=_find,
    current=lambda state, key: Holder(state.pbx, key),
    key_of=lambda holder: holder.extension,
    pbx_of=lambda holder: holder.pbx,
    gone=_("Nobody in the directory has this extension any more."),
    topic=lambda holder: f"extension/{holder.extension}",
)


def is_own(user: User, holder: Holder) -> bool:
    """Whether it is an extension of the person whom the user is. Queries the database."""
    return people_with(holder.pbx, {holder.extension}).filter(user=user).exists()


def holder_for(person: Person) -> Holder | None:
    """Whose presence is set for a person: their first extension, on their PBX, or on the first that has a hint of it,
    or else on the first one. None for somebody without. Queries the database.
    """
    number = next((found.number for found in person.all_numbers if found.kind == "extension"), "")
    if not number:
        return None
    pbx = person.pbx
    if not pbx:
        hinted = Extension.objects.filter(extension=number).order_by("pbx")
        names = hinted.values_list("pbx", flat=True) or PBX.objects.values_list("name", flat=True)
        pbx = next(iter(names[:1]), "")
    return Holder(pbx, number) if pbx and PBX.objects.filter(pk=pbx).exists() else None


def own_holder(user: User) -> Holder | None:
    """That of the person whom a user is. Queries the database."""
    person = Person.objects.filter(user=user, owner=None).prefetch_related("numbers").first()
    return holder_for(person) if person else None


def presentity_in(hints: "list[Extension]", extension: str) -> str:
    """Whose presence is that of an extension with these hints: what the first says that names one, else its own."""
    named = (row.presentity for row in sorted(hints, key=lambda row: row.context))
    return next((name for name in named if name.startswith(PROVIDER)), f"{PROVIDER}{extension}")


def presentity_of(state: State, extension: str) -> str:
    """The same, by what the worker knows."""
    hints = [row for row in state.table(Extension).rows.values() if row.extension == extension]
    return presentity_in(hints, extension)


def extension_of(state: State, presentity: str) -> str:
    """The opposite: whose extension has this presence."""
    hinted = (row.extension for row in state.table(Extension).rows.values() if row.presentity == presentity)
    return next(hinted, presentity.removeprefix(PROVIDER))
