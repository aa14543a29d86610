"""The names that the directory has for numbers: looked up where rows are drawn, many at a time, never while events are
folded.
"""

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User
from django.db.models import Case, IntegerField, Max, Min, Q, Value, When

from .models import PersonNumber, everybody, may_see_number, seen_by
from .numbers import found_by, keys_of

# Key of a number → whether it is an extension → the names of those who have it.
_Known = Mapping[tuple[str, bool], set[str]]


def names_of(pbx: str, numbers: Iterable[str]) -> dict[str, str]:
    """Numbers as they show on a PBX → the name of whoever has each, of those whom everybody may see, by numbers that
    everybody may see. An extension of that PBX comes first. A number that several people have names none of them.

    Queries the database once, however many they are.
    """
    keys = {number: found for number in set(numbers) if (found := keys_of(number))}
    if not keys:
        return {}
    # As one value, so that databases begin with the few of these keys and not with all whom everybody may see.
    is_public = Case(When(_public(), then=Value(1)), default=Value(0), output_field=IntegerField())
    rows = PersonNumber.objects.filter(key__in=set().union(*keys.values())).alias(public=is_public).filter(public=1)
    grouped = rows.values_list("key", "kind", "person__pbx").annotate(Min("person__name"), Max("person__name"))
    known: dict[tuple[str, bool], set[str]] = {}
    for key, kind, on, *names in grouped:
        is_extension = kind == PersonNumber.Kind.EXTENSION
        if not is_extension or on in ("", pbx):
            known.setdefault((key, is_extension), set()).update(names)
    known_keys = {key for key, _is_extension in known}
    return {
        number: name
        for number, found in keys.items()
        if not found.isdisjoint(known_keys) and (name := _name_in(known, found))
    }


def _public() -> Q:
    """The numbers that everybody may see of people whom everybody may see."""
    return everybody("person__") & ~Q(kind__in=PersonNumber.PRIVATE)


def named(pbx: str, texts: Iterable[str], user: User | None = None) -> dict[str, str]:
    """Texts, each a name and a number or a number alone → with the directory's name for the number, and another one
    that stood there behind it; those that it does not know are left out. For a user, with the names that they alone
    see. Queries the database once, for a user a few times.
    """
    numbers = {text: text.rpartition(" ")[2] for text in texts}
    names = names_of(pbx, numbers.values())
    if user is not None:
        names |= _over(user, pbx, numbers.values())
    found = {}
    for text, number in numbers.items():
        own, name = text.removesuffix(number).strip(), names.get(number, "")
        if name and name.casefold() != own.casefold():
            found[text] = f"{name} {number} ({own})" if own else f"{name} {number}"
    return found


def _over(user: User, pbx: str, numbers: Iterable[str]) -> dict[str, str]:
    """Numbers as they show on a PBX → the names of `laid_over`."""
    keys = set[str]().union(*map(keys_of, numbers))
    places = laid_over(user, Q(key__in=keys)) if keys else {}
    ways = {number: found_by(pbx, number).split() for number in numbers}
    return {number: places[place] for number, found in ways.items() for place in reversed(found) if place in places}


def laid_over(user: User, among: Q = Q()) -> dict[str, str]:  # noqa: B008 (it does not change)
    """By what `numbers.found_by` says → the names that not everybody sees but this user does, `among` these numbers.
    Their own contacts come before all others; of others, a number that several people have names none of them. Queries
    the database twice.
    """
    mine = _by_place(among & Q(person__owner=user))
    others = _by_place(among & Q(person__in=seen_by(user), person__owner=None) & may_see_number(user) & ~_public())
    return {place: min(names) for place, names in {**others, **mine}.items() if len(names) == 1 or place in mine}


def _by_place(seen: Q) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    rows = PersonNumber.objects.filter(seen).exclude(key="")
    for key, kind, pbx, name in rows.values_list("key", "kind", "person__pbx", "person__name"):
        place = f"{pbx}/{key}" if pbx and kind == PersonNumber.Kind.EXTENSION else key
        found.setdefault(place, set()).add(name)
    return found


def _name_in(known: _Known, keys: Iterable[str]) -> str:
    # E.164 begins with +, and comes before digits.
    for place in sorted(((key, is_extension) for key in keys for is_extension in (True, False)), key=_precedence):
        if names := known.get(place):
            return next(iter(names)) if len(names) == 1 else ""
    return ""


def _precedence(place: tuple[str, bool]) -> tuple[bool, bool]:
    key, is_extension = place
    return not is_extension, not key.startswith("+")
