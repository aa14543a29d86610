"""People, found by what somebody types."""

from django.contrib.auth.models import User
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When, prefetch_related_objects
from django.db.models.functions import StrIndex

from .models import Person, everybody, may_see_all_numbers, numbers_for, seen_by
from .own import called_by
from .searching import words_of

# So many are offered while somebody types.
MOST = 10


def matching(people: QuerySet[Person], typed: str, user: User | None) -> QuerySet[Person]:
    """Those of these people whose text holds all words that were typed, the best matches first; by a number only those
    of whom the user may see it, or without a user everybody.
    """
    words = words_of(typed)
    if not words:
        return people.none() if typed.strip() else people
    # As `contains`, which would compare without regard to case, and so more slowly.
    places = {f"place_{number}": StrIndex("folded", Value(word)) for number, word in enumerate(words)}
    found = people.alias(**places).filter(**{f"{place}__gt": 0 for place in places})
    public = Q(**{f"{place}__lt": F("private_at") for place in places})
    if user is None:
        found = found.filter(public)
    elif not may_see_all_numbers(user):
        found = found.filter(public | Q(owner=user) | Q(user=user))
    begins = StrIndex("folded", Value(f" {words[0]}"))
    found = found.alias(begin=begins, number=StrIndex("folded", Value(f"\t{words[0]}")))
    rank = Case(
        When(Q(begin=1) | Q(number__gt=0), then=0),
        When(begin__gt=0, then=1),
        default=2,
        output_field=IntegerField(),
    )
    return found.order_by(rank, "name", "pk")


def found_by(user: User, typed: str) -> list[Person]:
    """The best matches of those whom a user may see, with their numbers; whom they have called most lately, first.
    Queries the database four times, or five where these are not enough.
    """
    if not typed.strip():
        return []
    called = called_by(user)
    found = list(matching(seen_by(user).filter(pk__in=called), typed, user)) if called else []
    found = sorted(found, key=lambda person: called.index(person.pk))[:MOST]
    if len(found) < MOST:
        others = matching(seen_by(user).exclude(pk__in=[person.pk for person in found]), typed, user)
        found += others[: MOST - len(found)]
    prefetch_related_objects(found, "numbers", "phones")
    return found


def numbers_of(name: str) -> set[str]:
    """The number that is called first, of each shared person of this name whom everybody may see."""
    words = words_of(name)
    if not words:
        return set()
    people = Person.objects.filter(everybody(), name__iexact=" ".join(name.split())).prefetch_related("numbers")[:2]
    return {numbers[0].number for person in people if (numbers := numbers_for(None, person))}
