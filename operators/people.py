"""Who somebody is to the panel: his phone, and what he may see."""

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from pbxpanel.live.fragments import Viewer
from pbxpanel.mirror.models import PBX

from .models import Profile

# The permissions that decide what a page is sent.
SEEING = ("calls.see_calls", "conferences.see_conferences")


def user_of(request: HttpRequest) -> User:
    """Who asks. For views behind the login, which let nobody else in. Raises `PermissionDenied`."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def profile_of(user: User | AnonymousUser) -> Profile:
    """The user's profile; an unsaved empty one for somebody who has none yet."""
    found = Profile.objects.filter(user_id=user.pk).first() if user.pk else None
    return found or Profile(user_id=user.pk or 0)


def pbx_of(profile: Profile) -> PBX | None:
    """The PBX on which this user dials: his own, even if the panel has it no more; the first if he has not said."""
    pbxs = PBX.objects.all()
    return (pbxs.filter(pk=profile.pbx_id) if profile.pbx_id else pbxs).first()


def phone_of(profile: Profile) -> str:
    """A user's phone as no other PBX has it: `main/PJSIP/101`. Empty for somebody without."""
    pbx = pbx_of(profile) if profile.endpoint else None
    return f"{pbx.name}/{profile.endpoint}" if pbx else ""


def viewer_of(user: User, language: str) -> Viewer:
    """What the live push must know of a user. Asks the database."""
    permissions = frozenset(name for name in SEEING if user.has_perm(name))
    return Viewer(user.pk, phone_of(profile_of(user)), permissions, language)
