"""Names that the panel knows for numbers: those of its users' phones, and those in its invite groups."""

from collections.abc import Iterable

from django.db.models import Q

from accounts.models import Profile

from .models import InviteMember


def names_of(pbx: str, numbers: Iterable[str]) -> dict[str, str]:
    """Numbers on a PBX → the name of their owner, for those that are known. A user comes before a group's member.

    Asks the database twice, however many they are.
    """
    wanted = {number for number in numbers if number}
    if not wanted:
        return {}
    members = InviteMember.objects.filter(number__in=wanted).exclude(name="").order_by("-id")
    names = dict(members.values_list("number", "name"))
    profiles = Profile.objects.filter(Q(pbx=pbx) | Q(pbx=None), extension__in=wanted).select_related("user")
    for profile in profiles.order_by("-id"):
        names[profile.extension] = profile.user.get_full_name() or profile.user.get_username()
    return names
