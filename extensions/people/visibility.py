"""Who sees the people of which department: what is set, and how it is changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Min

from .models import Department, Person


@dataclass(frozen=True, slots=True)
class Line:
    """A department by one of its spellings, how many people are in it, and who sees them."""

    key: str
    name: str
    people: int
    visible_to: str


def lines() -> list[Line]:
    """The departments of shared people, by name. Queries the database twice."""
    shared = Person.objects.filter(owner=None).exclude(department_key="").order_by()
    counted = shared.values_list("department_key").annotate(Min("department"), Count("pk")).order_by("department_key")
    visible_to = dict(Department.objects.values_list("key", "visible_to"))
    everybody = Department.VisibleTo.EVERYBODY.value
    return [Line(key, name, people, visible_to.get(key, everybody)) for key, name, people in counted]


def change(wanted: Mapping[str, str], known: Iterable[Line]) -> int:
    """Have these departments, by key, seen by those who are wanted; how many have changed. One that nobody is in is
    left out. Raises `ValueError` for one that can be seen by nobody of the kind.
    """
    changed = {line.key: wanted[line.key] for line in known if wanted.get(line.key, line.visible_to) != line.visible_to}
    if not set(changed.values()) <= set(Department.VisibleTo.values):
        raise ValueError
    with transaction.atomic():
        for key, visible_to in changed.items():
            Department.objects.update_or_create(key=key, defaults={"visible_to": visible_to})
    return len(changed)
