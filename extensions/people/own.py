"""What of people is one user's own: their favourites on the wall, and whom they have called."""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models.functions import StrIndex
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from engine.mirror.commands import Command, followers

from .models import Person, PersonNumber, seen_by
from .searching import digits_of

# So many favourites one user has.
FAVOURITES = 100
# For so long whom one has called is found first, and so many of them are.
LATELY, MOST_CALLED = timedelta(days=90), 200
# By so many of their last digits numbers are told apart that are written with a country or without.
_TAIL = 8
# Of a number that many have, so many are counted.
MOST_SAME = 5


class Favourite(models.Model):
    """Somebody who stands first on the wall of a user, in an order that they have chosen."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    order = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        ordering = ["order", "pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "person"], name="one_favourite_for_each_person")]

    def __str__(self) -> str:
        return str(self.person)


class Called(models.Model):
    """How often a user has called somebody, or sent a call to them, and when last."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    count = models.PositiveIntegerField(_("count"), default=0)
    at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["-count", "-at", "pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "person"], name="one_count_for_each_person_called")]

    def __str__(self) -> str:
        return str(self.person)


def favourites_of(user_id: int) -> list[int]:
    """The keys of a user's favourites, in their order. Queries the database."""
    return list(Favourite.objects.filter(user=user_id).values_list("person", flat=True))


def arrange(user: User, keys: Sequence[int]) -> None:
    """Put favourites in this order; any others stay behind them, and whoever is none does not become one."""
    with transaction.atomic():
        places = {key: place for place, key in enumerate(keys)}
        found = sorted(Favourite.objects.filter(user=user), key=lambda row: places.get(row.person_id, len(places)))
        for order, favourite in enumerate(found):
            favourite.order = order
        Favourite.objects.bulk_update(found, ["order"])


def set_favourite(user: User, person: Person, is_one: bool) -> bool:
    """Make somebody a favourite, behind all others, or none any more; False where there are too many already."""
    with transaction.atomic():
        mine = Favourite.objects.filter(user=user)
        if not is_one:
            mine.filter(person=person).delete()
        elif mine.exclude(person=person).count() >= FAVOURITES:
            return False
        else:
            last = mine.order_by().aggregate(last=models.Max("order"))["last"]
            order = 0 if last is None else last + 1
            Favourite.objects.get_or_create(user=user, person=person, defaults={"order": order})
    return True


def called_by(user: User) -> list[int]:
    """The keys of those whom a user has called lately, the most called first. Queries the database."""
    lately = Called.objects.filter(user=user, at__gte=timezone.now() - LATELY)
    return list(lately.values_list("person", flat=True)[:MOST_CALLED])


def count_call(user: User, number: str) -> None:
    """A user has called this number, or sent a call there: of those whom they see, whoever has it is counted."""
    for person in _those_with(user, digits_of(number)):
        now = timezone.now()
        counted, is_new = Called.objects.get_or_create(user=user, person=person, defaults={"count": 1, "at": now})
        if is_new:
            continue
        count = 1 if counted.at < now - LATELY else models.F("count") + 1
        Called.objects.filter(pk=counted.pk).update(count=count, at=now)


def _those_with(user: User, digits: str) -> list[Person]:
    """Queries the database: once more where nobody has exactly this number."""
    if not digits:
        return []
    seen = seen_by(user)
    exactly = list(seen.filter(pk__in=PersonNumber.objects.filter(number=digits).values("person"))[:MOST_SAME])
    if exactly or len(digits) < _TAIL:
        return exactly
    tail = digits[-_TAIL:]
    holding = seen.alias(place=StrIndex("folded", models.Value(tail))).filter(place__gt=0).prefetch_related("numbers")
    return [
        person
        for person in holding[:MOST_SAME]
        if any(digits_of(number.number).endswith(tail) for number in person.numbers.all())
    ]


def _follow(command: Command) -> None:
    """A command that places or sends a call counts for whom it is placed or sent to."""
    number = getattr(command.parameters, "number", "") or getattr(command.parameters, "to", "")
    user = User.objects.filter(pk=command.user_id).first() if command.verb.places_call and number else None
    if user is not None:
        count_call(user, str(number))


followers.append(_follow)
