"""Who a user is to the panel: their phone, and what they may see."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat, Trim
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from engine.live.fragments import Viewer
from engine.mirror.models import PBX
from engine.mirror.verbs import NotReady

from . import demo
from .models import Profile

# The permissions that decide what a page is sent.
SEEING = (
    "calls.see_calls",
    "conferences.see_conferences",
    "system.see_states",
    "extensions.see_people",
    "extensions.see_switches",
    "extensions.manage_people",
    "extensions.see_private_numbers",
)
# What apps permit users beside that: ids of users → permissions of each, such as that for one of their rooms.
own_permissions: list[Callable[[Collection[int]], Mapping[int, Collection[str]]]] = []
# What waits for a user alone, and is counted in the navigation of those with a permission: its name → that permission,
# and ids of users → how many, of those for whom something waits.
own_counts: dict[str, tuple[str, Callable[[Collection[int]], Mapping[int, int]]]] = {}
# Who else knows numbers of people: a name → the numbers of all who are called so.
directories: list[Callable[[str], Collection[str]]] = []


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
    """The PBX on which this user dials: their own, even if the panel no longer has it; the first if none is set."""
    pbxs = PBX.objects.all()
    return (pbxs.filter(pk=profile.pbx_id) if profile.pbx_id else pbxs).first()


def phone_of(profile: Profile) -> str:
    """A user's phone as no other PBX has it: `main/PJSIP/101`. Empty for somebody without. Queries the database."""
    return phone_among(profile, PBX.objects.values_list("name", flat=True))


def phone_among(profile: Profile, pbxs: Iterable[str]) -> str:
    """As `phone_of`; `pbxs` are the names of all PBXs in their order, which are read only for somebody with a phone."""
    if not profile.endpoint:
        return ""
    names = list(pbxs)
    pbx = profile.pbx_id or next(iter(names), "")
    return f"{pbx}/{profile.endpoint}" if pbx in names else ""


def phones_in_use(pbx: str, endpoints: Collection[str]) -> set[str]:
    """Those of these endpoints of a PBX that are somebody's phone. Queries the database."""
    found = set(Profile.objects.filter(endpoint__in=endpoints).values_list("pbx_id", "endpoint"))
    first = PBX.objects.first() if any(name is None for name, _endpoint in found) else None
    unset = first.name if first else ""
    return {endpoint for name, endpoint in found if (name or unset) == pbx}


def numbers_of_phones(endpoints: Iterable[str]) -> dict[str, set[str]]:
    """Endpoint → its number: its own name, and what those whose phone it is have entered. Queries the database."""
    found = {endpoint: {endpoint.partition("/")[2]} for endpoint in endpoints}
    for endpoint, extension in Profile.objects.filter(endpoint__in=found).values_list("endpoint", "extension"):
        if extension:
            found[endpoint].add(extension)
    return found


def number_of(name: str) -> str:
    """The number of the user with this name, as they log in or as they are called, or else of whoever a directory knows
    by it; empty where there is none, or where there are two of the name. Queries the database.
    """
    full = Trim(Concat("user__first_name", Value(" "), "user__last_name"))
    known = Profile.objects.filter(user__is_active=True).exclude(extension="").annotate(full=full)
    named = known.filter(Q(user__username__iexact=name) | Q(full__iexact=name))
    numbers = set(named.values_list("extension", flat=True)[:2])
    if not numbers:
        numbers = {number for known_by in directories for number in known_by(name)}
    return numbers.pop() if len(numbers) == 1 else ""


def profile_with_context(user: User) -> Profile:
    """The profile of a user who dials numbers, in their context. Raises `NotReady`."""
    profile = profile_of(user)
    if not profile.dial_context:
        raise NotReady(_("You have no dial context yet. Enter one under “My phone” first."))
    return profile


def profile_with_phone(user: User, pbx: str, elsewhere: str) -> Profile:
    """The profile of a user whose own phone is to ring on this PBX.

    Raises `NotReady`, for a phone on another one with the sentence `elsewhere`.
    """
    profile = profile_of(user)
    mine = pbx_of(profile)
    if not profile.endpoint:
        raise NotReady(_("Your phone is not set up yet. Set it up under “My phone” first."))
    if mine is None or mine.name != pbx:
        raise NotReady(elsewhere)
    return profile


def viewer_of(user: User, language: str) -> Viewer:
    """What the live push must know of a user. Queries the database."""
    held = {user.pk: {name for name in _decisive() if user.has_perm(name)}}
    (found,) = _viewers(held, {user.pk: phone_of(profile_of(user))}).values()
    return replace(found, language=language)


def viewers_of(sessions: Collection[str]) -> dict[str, Viewer]:
    """Keys of sessions → who is logged in with it, in no language; those that nobody is logged in with are left out.

    Asks the database ten times at most, however many they are.
    """
    users = logged_in(sessions)
    held = _permissions_of({user.pk: user for user in users.values()}.values())
    profiles = {profile.user_id: profile for profile in Profile.objects.filter(user_id__in=held)}
    pbxs = list(PBX.objects.values_list("name", flat=True)) if profiles else []
    viewers = _viewers(held, {pk: phone_among(profiles.get(pk, Profile()), pbxs) for pk in held})
    return {session: viewers[user.pk] for session, user in users.items()}


def _decisive() -> set[str]:
    """The permissions that decide what a page is sent, and what is counted in its navigation."""
    return {*SEEING, *(permission for permission, _of_users in own_counts.values())}


def _viewers(held: Mapping[int, set[str]], phones: Mapping[int, str]) -> dict[int, Viewer]:
    """Ids of users, which of `_decisive` each holds, and their phones → each of them."""
    own: dict[int, set[str]] = {}
    for of_users in own_permissions:
        for user_id, permissions in of_users(held).items():
            own.setdefault(user_id, set()).update(permissions)
    counts: dict[int, tuple[tuple[str, int], ...]] = {}
    for name, (permission, count) in own_counts.items():
        if shown_to := [user_id for user_id, permissions in held.items() if permission in permissions]:
            found = count(shown_to)
            for user_id in shown_to:
                counts[user_id] = (*counts.get(user_id, ()), (name, found.get(user_id, 0)))
    return {
        user_id: Viewer(
            user_id,
            phones[user_id],
            frozenset(permissions.intersection(SEEING) | own.get(user_id, set())),
            "",
            counts.get(user_id, ()),
        )
        for user_id, permissions in held.items()
    }


def _permissions_of(users: Iterable[User]) -> dict[int, set[str]]:
    """Ids of these users, all of them active → which of `_decisive` each has, by themselves, by a group or as a
    superuser; among others. Queries the database twice.
    """
    names = _decisive()
    codenames = {name.partition(".")[2] for name in names}
    found = {user.pk: set(names) if user.is_superuser else set() for user in users}
    for holder in ("group__user", "user"):
        granted = Permission.objects.filter(**{"codename__in": codenames, f"{holder}__in": found}).order_by()
        for user_id, app_label, codename in granted.values_list(holder, "content_type__app_label", "codename"):
            found[user_id].add(f"{app_label}.{codename}")
    return found


def users_with(permission: str) -> QuerySet[User]:
    """The active users who have a permission, by themselves, by a group or as superusers.

    As Django's `with_perm`, which looks at every member of a group for each user: with 2,000 that takes seconds.
    """
    app_label, _dot, codename = permission.partition(".")
    granted = Permission.objects.filter(content_type__app_label=app_label, codename=codename)
    by_group = User.groups.through.objects.filter(group__permissions__in=granted).values("user")
    by_themselves = User.user_permissions.through.objects.filter(permission__in=granted).values("user")
    return User.objects.filter(
        Q(is_superuser=True) | Q(pk__in=by_group) | Q(pk__in=by_themselves),
        is_active=True,
    )


def logged_in(sessions: Collection[str]) -> dict[str, User]:
    """Keys of sessions → the user, of those that have one. As `channels.auth.get_user`, for many at once."""
    stored = Session.objects.filter(session_key__in=sessions, expire_date__gt=timezone.now())
    found = {session.session_key: session.get_decoded() for session in stored}
    backends = settings.AUTHENTICATION_BACKENDS
    held = {key: data for key, data in found.items() if data.get(BACKEND_SESSION_KEY) in backends}
    users = User.objects.filter(demo.admitted(), is_active=True).in_bulk(
        {int(data[SESSION_KEY]) for data in held.values()}
    )
    logged_in = {}
    for key, data in held.items():
        user = users.get(int(data[SESSION_KEY]))
        # Of a password that is no longer theirs.
        if user and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
            logged_in[key] = user
    return logged_in
