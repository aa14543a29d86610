"""What can be asked about calls into a conference, each as a command that the audit trail records."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts import dialling
from accounts.models import Profile
from accounts.policy import Call
from engine.mirror.commands import Command, Outcome, run
from engine.mirror.sanitize import clean, shown

from ..forms import Person
from ..requests import act
from ..rooms.models import Room
from .models import Invitation, InviteGroup

# A command, and why this user may not give it, as `run` takes them.
Asked = tuple[Command, Callable[[], str]]


def title_of(pbx: str, name: str) -> str:
    """What the phone of somebody who is called shows: the room's name, or that it is a conference."""
    room = Room.objects.filter(pbx=pbx, number=name).first()
    return room.name if room and room.name else _("Conference %(name)s") % {"name": shown(name)}


def of_number(profile: Profile, number: str) -> tuple[Call, dict[str, str]]:
    """A number that somebody dials: what their dial policy is asked about it, and what the worker is told."""
    wanted = Call(context=profile.dial_context, caller_id=profile.extension, number=number)
    return wanted, {"channel": f"Local/{number}@{profile.dial_context}/n", "caller_number": profile.extension}


def of_phone(profile: Profile, endpoint: str) -> tuple[Call, dict[str, str]]:
    """The same for a telephone itself."""
    return Call(phone=endpoint, caller_id=profile.extension), {"channel": endpoint, "caller_number": ""}


def invite(user: User, profile: Profile, pbx: str, name: str, person: Person) -> Outcome:
    """Call somebody into a conference (see `invitation_of`)."""
    return run(*invitation_of(user, profile, pbx, name, person))


def invitation_of(user: User, profile: Profile, pbx: str, name: str, person: Person, who: str = "") -> Asked:
    """The command that calls somebody into a conference, within the dial policies of the user, and of those who wrote
    the number into the groups that it was taken from. `who` stands for the person in the audit trail.
    """
    wanted, told = of_number(profile, person.number)
    others = [f"{group}: {group.changed_by or '?'}" for group in person.groups if group.changed_by != user]
    subject = f"{who or person} ({'; '.join(others)})" if others else who or str(person)
    return _call(user, wanted, pbx, name, "invite", subject, {**told, **_called(person)}, person.groups)


def writers_of(people: Iterable[Person]) -> set[User]:
    """Those who wrote the numbers of these people into groups."""
    return {group.changed_by for person in people for group in person.groups if group.changed_by}


def _refusal(user: User, wanted: Call, groups: Collection[InviteGroup]) -> str:
    for group in groups:
        if group.changed_by is None:
            text = _("Nobody is responsible for the numbers of the group “%(group)s”: check them, and save it.")
            return text % {"group": group}
    return dialling.refusal(user, wanted, [group.changed_by for group in groups if group.changed_by])


def call_me_in(user: User, profile: Profile, pbx: str, name: str) -> Outcome:
    """Call the user's own phone into a conference."""
    wanted, told = of_phone(profile, profile.endpoint)
    number = profile.extension or profile.endpoint
    person = Person(number, clean(user.get_full_name() or user.get_username()))
    subject = f"{person.name} ({profile.endpoint})"
    return run(*_call(user, wanted, pbx, name, "invite", subject, {**told, **_called(person)}))


def call_back(user: User, profile: Profile, pbx: str, name: str, person: Person, uniqueid: str) -> Outcome:
    """Call somebody again who is or was in the conference; whoever still is, is hung up first."""
    wanted, told = of_number(profile, person.number)
    given = {**told, **_called(person), "uniqueid": uniqueid}
    return run(*_call(user, wanted, pbx, name, "call-back", str(person), given))


def retry(user: User, profile: Profile, row: Invitation) -> Outcome:
    """Call again; whoever asks for it calls as themselves."""
    is_phone = not row.channel.startswith("Local/")
    wanted, told = of_phone(profile, row.channel) if is_phone else of_number(profile, row.number)
    who = f"{row.label} ({row.number})"
    given = {**told, "code": row.code}
    return run(*_call(user, wanted, row.pbx_id, row.conference, "retry-invitation", who, given))


def about(user: User, row: Invitation, verb: str) -> Outcome:
    """`cancel-invitation` or `dismiss-invitation`."""
    subject = f"{row.label} ({row.number}) → {shown(row.conference)}"
    return run(act(row.pbx_id, row.conference, verb, subject, user.pk, verb, {"code": row.code}))


def _called(person: Person) -> dict[str, str]:
    return {"number": person.number, "name": person.name}


def _call(
    user: User,
    wanted: Call,
    pbx: str,
    conference: str,
    verb: str,
    who: str,
    parameters: dict[str, Any],
    groups: Collection[InviteGroup] = (),
) -> Asked:
    given = {"conference": conference, "caller_name": title_of(pbx, conference), **parameters}
    command = act(pbx, conference, verb, f"{who} → {shown(conference)}", user.pk, verb, given)
    return command, lambda: _refusal(user, wanted, groups)
