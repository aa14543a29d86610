"""Names that the panel knows for numbers: of people, of its users' phones, and of those in its invite groups."""

from collections.abc import Iterable
from typing import Protocol

from django.db.models import Q

from accounts.models import Profile
from extensions.people import names as known_people

from .models import InviteMember


def names_of(pbx: str, numbers: Iterable[str]) -> dict[str, str]:
    """Numbers on a PBX → the name of their owner, for those that are known. A person of the directory comes before a
    user, and a user before a group's member.

    Asks the database three times, however many they are.
    """
    wanted = {number for number in numbers if number}
    if not wanted:
        return {}
    members = InviteMember.objects.filter(number__in=wanted).exclude(name="").order_by("-id")
    names = dict(members.values_list("number", "name"))
    profiles = Profile.objects.filter(Q(pbx=pbx) | Q(pbx=None), extension__in=wanted).select_related("user")
    for profile in profiles.order_by("-id"):
        names[profile.extension] = profile.user.get_full_name() or profile.user.get_username()
    return {**names, **known_people.names_of(pbx, wanted)}


class Named(Protocol):
    """Somebody who is shown by their number's name."""

    caller_number: str
    directory_name: str


def give_names(pbx: str, people: Iterable[Named]) -> None:
    """Set the `directory_name` of these."""
    people = list(people)
    names = names_of(pbx, (person.caller_number for person in people))
    for person in people:
        person.directory_name = names.get(person.caller_number, "")
