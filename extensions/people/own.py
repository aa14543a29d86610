"""What of people is one user's own: their favourites on the wall, and whom they have called."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from .models import Person

# So many favourites one user has.
FAVOURITES = 100


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
