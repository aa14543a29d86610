"""What can be done with calls into a conference: inviting, calling back, calling again, cancelling, dismissing."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import dialling
from accounts.identity import profile_of, profile_with_context
from accounts.models import Profile
from accounts.policy import Call
from calls.commands import ORIGINATE
from calls.models import Channel
from calls.numbers import number_in
from engine.ami import actions
from engine.mirror.commands import Command, Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.sanitize import clean, shown
from engine.mirror.verbs import Feature, NotReady, Parameters, Rule, Weight, target_of, verb

from .. import commands
from ..commands import DONE
from ..forms import Person
from ..models import Conference, Participant
from ..records.models import Attendance
from ..rooms.models import Room, moderates
from ..targets import MODERATE, PLACE, TIMEOUT, Place, can_be_asked_for, topic_of
from .events import STATE, add
from .models import Invitation, InviteGroup

# How long a telephone gets to hang up before it is called back, in seconds.
HANGS_UP_WITHIN = 2.0
GONE = gettext_lazy("It is no longer known who that was.")
CALLED_ALREADY = Outcome(Status.NOT_POSSIBLE, gettext_noop("This number is already being called."))

INVITING = Feature(gettext_noop("invitations into conferences"), Weight.USEFUL, ("Originate",), events=("DialEnd",))

INVITATION = target_of(
    Invitation,
    "invitation",
    "conferences/<str:pbx>/invitations/<segment:key>/",
    gettext_lazy("This invitation no longer exists."),
    describe=lambda row: f"{row.label} ({row.number}) → {shown(row.conference)}",
    topic=lambda row: topic_of(row.conference),
)


def _into_my_room(user: User, place: Place) -> bool:
    return moderates(user, place.pbx, place.name)


def _of_my_room(user: User, row: Invitation) -> bool:
    return moderates(user, row.pbx_id, row.conference)


# Whoever moderates the conference, and may place calls.
OF_PLACES: Rule[Place] = Rule(MODERATE, _into_my_room, also=(ORIGINATE,))


def ready_to_call(user: User, place: Place) -> Profile:
    """The profile by which a user calls people into a conference. Raises `NotReady`."""
    if not can_be_asked_for(place.name):
        raise NotReady(_("Nobody can be called into a conference with this name."))
    if Conference.objects.filter(pbx=place.pbx, name=place.name, locked=True).exists():
        raise NotReady(_("This conference is locked, so nobody can join. Unlock it first."))
    return profile_of(user)


def ready_to_dial(user: User, place: Place) -> Profile:
    """The same for numbers, which are dialled in the user's context. Raises `NotReady`."""
    ready_to_call(user, place)
    return profile_with_context(user)


@dataclass(frozen=True, slots=True)
class Invite(Parameters):
    """Whom to call; for what each is see `events.add`. `uniqueid` is that of the participant who is called back."""

    channel: str
    number: str
    name: str
    caller_number: str
    caller_name: str
    uniqueid: str = ""


# What a person is called by, what the dial policy is asked about it, and what the worker is told.


def of_number(profile: Profile, number: str) -> tuple[Call, str, str]:
    """A number that somebody dials: what their dial policy is asked about, the channel, and the caller's number."""
    wanted = Call(context=profile.dial_context, caller_id=profile.extension, number=number)
    return wanted, f"Local/{number}@{profile.dial_context}/n", profile.extension


def of_phone(profile: Profile, endpoint: str) -> tuple[Call, str, str]:
    """The same for a telephone itself."""
    return Call(phone=endpoint, caller_id=profile.extension), endpoint, ""


def title_of(pbx: str, name: str) -> str:
    """What the phone of somebody who is called shows: the room's name, or that it is a conference."""
    room = Room.objects.filter(pbx=pbx, number=name).first()
    return room.name if room and room.name else _("Conference %(name)s") % {"name": shown(name)}


def _described(place: Place, wanted: Invite) -> str:
    return f"{Person(wanted.number, wanted.name)} → {place}"


_calls_somebody = partial(
    verb,
    target=PLACE,
    rule=OF_PLACES,
    parameters=Invite,
    feature=INVITING,
    timeout=TIMEOUT,
    places_call=True,
    describe=_described,
)


@_calls_somebody("invite", gettext_lazy("Invite"), view="invite")
async def invite(ctx: CommandContext, place: Place, wanted: Invite) -> Outcome:
    """Call somebody into a conference, which need not run (see `events.advance`). Data: the code of the invitation."""
    return _add(ctx, place, wanted)


def _add(ctx: CommandContext, place: Place, wanted: Invite, arguments: str = "") -> Outcome:
    row = add(
        ctx.state,
        place.name,
        wanted.channel,
        wanted.number,
        name=wanted.name,
        user_id=ctx.user_id,
        caller_number=wanted.caller_number,
        caller_name=wanted.caller_name,
        arguments=arguments,
    )
    return CALLED_ALREADY if row is None else Outcome(Status.DONE, data={"invitation": row.code})


@_calls_somebody("call-back", gettext_lazy("Call back"), view="call-back", actions=[actions.hangup])
async def call_back(ctx: CommandContext, place: Place, wanted: Invite) -> Outcome:
    """The same for one who is, or was, in the conference: if they still are, they are hung up first."""
    row = ctx.state.table(Participant).get(wanted.uniqueid)
    if row is None or row.conference != place.name:
        return _add(ctx, place, wanted)
    channels = ctx.state.table(Channel)
    channel = channels.get(row.uniqueid)
    outcome = await ctx.run(actions.hangup(row.channel))
    if not outcome.done and outcome.text != "No such channel":
        return outcome
    # A telephone that is still hanging up might be busy.
    await ctx.until(lambda: channel is None or not channels.where("linkedid", channel.linkedid), HANGS_UP_WITHIN)
    return _add(ctx, place, wanted, row.arguments)


@dataclass(frozen=True, slots=True)
class Retry(Parameters):
    """As whom it is called again: that is filled in (see `_as_asker`)."""

    channel: str = ""
    caller_number: str = ""
    caller_name: str = ""


def _wanted_again(profile: Profile, row: Invitation) -> tuple[Call, str, str]:
    return of_number(profile, row.number) if row.channel.startswith("Local/") else of_phone(profile, row.channel)


def _as_asker(user: User, row: Invitation, parameters: Retry) -> Retry:
    """Whoever asks for it calls as themselves. Raises `NotReady`."""
    place = Place(row.pbx_id, row.conference)
    profile = ready_to_dial(user, place) if row.channel.startswith("Local/") else ready_to_call(user, place)
    _wanted, channel, caller_number = _wanted_again(profile, row)
    return Retry(channel, caller_number, title_of(row.pbx_id, row.conference))


_of_invitation = partial(verb, target=INVITATION, feature=INVITING, timeout=TIMEOUT)


@_of_invitation(
    "retry-invitation",
    gettext_lazy("Invite again"),
    rule=Rule(MODERATE, _of_my_room, also=(ORIGINATE,)),
    parameters=Retry,
    places_call=True,
    path="retry",
    prepare=_as_asker,
    refusal=lambda user, row, parameters: dialling.refusal(user, _wanted_again(profile_of(user), row)[0]),
)
async def retry(ctx: CommandContext, row: Invitation, wanted: Retry) -> Outcome:
    """Call again, in the name of whoever asks."""
    if not row.has_ended:
        return CALLED_ALREADY
    ctx.state.table(Invitation).change(
        row,
        state=STATE.WAITING,
        cause="",
        user_id=ctx.user_id,
        channel=wanted.channel,
        caller_number=wanted.caller_number,
        caller_name=wanted.caller_name,
    )
    ctx.state.ask_for_job("invitations", row.conference)
    return DONE


@_of_invitation(
    "cancel-invitation",
    gettext_lazy("Cancel an invitation"),
    rule=Rule(MODERATE, _of_my_room),
    actions=[actions.hangup],
    path="cancel",
)
async def cancel(ctx: CommandContext, row: Invitation, parameters: Parameters) -> Outcome:
    """Hang up, or do not even begin."""
    return await call_off(ctx, row)


async def call_off(ctx: CommandContext, row: Invitation) -> Outcome:
    if row.has_ended:
        return DONE
    ctx.state.table(Invitation).change(row, state=STATE.CANCELLED)
    ctx.state.ask_for_job("invitations", row.conference)
    channel = ctx.state.table(Channel).get(row.uniqueid)
    # It may not have one yet; that is hung up as soon as it is there (see `events.begins`).
    if channel is not None:
        await ctx.run(actions.hangup(channel.name))
    return DONE


@_of_invitation(
    "dismiss-invitation",
    gettext_lazy("Dismiss an invitation"),
    rule=Rule(MODERATE, _of_my_room),
    path="dismiss",
)
async def dismiss(ctx: CommandContext, row: Invitation, parameters: Parameters) -> Outcome:
    """Take one that has failed off the page."""
    if not row.has_ended:
        return CALLED_ALREADY
    ctx.state.table(Invitation).remove(row.code)
    return DONE


async def call_off_all(ctx: CommandContext, conference: Conference) -> None:
    """Nobody else is called into a conference that a moderator ends."""
    for row in ctx.state.table(Invitation).where("conference", conference.name):
        await call_off(ctx, row)


commands.before_end.append(call_off_all)


# Asking it, for the views and for plans.

# A command, and why this user may not give it, as `run` and `CommandContext.give` take them.
Asked = tuple[Command, Callable[[], str] | None]


def invitation_of(user: User, profile: Profile, place: Place, person: Person, who: str = "", via: str = "") -> Asked:
    """The command that calls somebody into a conference, within the dial policies of the user, and of those who wrote
    the number into the groups that it was taken from. `who` stands for the person in the audit trail.
    """
    wanted, channel, caller_number = of_number(profile, person.number)
    others = [f"{group}: {group.changed_by or '?'}" for group in person.groups if group.changed_by != user]
    subject = f"{who or person} ({'; '.join(others)})" if others else who or str(person)
    given = Invite(channel, person.number, person.name, caller_number, title_of(place.pbx, place.name))
    return invite.asked(
        user, place, given, lambda: _refusal(user, wanted, person.groups), subject=f"{subject} → {place}", via=via
    )


def writers_of(people: Iterable[Person]) -> set[User]:
    """Those who wrote the numbers of these people into groups."""
    return {group.changed_by for person in people for group in person.groups if group.changed_by}


def _refusal(user: User, wanted: Call, groups: Collection[InviteGroup]) -> str:
    for group in groups:
        if group.changed_by is None:
            text = _("Nobody is responsible for the numbers of the group “%(group)s”: check them, and save it.")
            return text % {"group": group}
    return dialling.refusal(user, wanted, [group.changed_by for group in groups if group.changed_by])


def own_phone(user: User, profile: Profile, place: Place) -> Outcome:
    """Call the user's own phone into a conference."""
    wanted, channel, caller_number = of_phone(profile, profile.endpoint)
    name = clean(user.get_full_name() or user.get_username())
    number = profile.extension or profile.endpoint
    given = Invite(channel, number, name, caller_number, title_of(place.pbx, place.name))
    subject = f"{name} ({profile.endpoint}) → {place}"
    return invite.ask(user, place, given, lambda: dialling.refusal(user, wanted), subject=subject)


def stay_of(place: Place, uniqueid: str) -> Participant | Attendance | None:
    """Who is in a conference by this channel; or was, in the latest of this name."""
    row = Participant.objects.filter(pbx=place.pbx, conference=place.name, uniqueid=uniqueid).first()
    over = Attendance.objects.filter(pbx=place.pbx, uniqueid=uniqueid, key__startswith=f"{uniqueid}/{place.name}/")
    return row or over.order_by("-joined_at").first()


def back(user: User, place: Place, row: Participant | Attendance, via: str = "") -> Asked:
    """The command that calls somebody again who is or was in the conference; whoever still is, is hung up first.

    Raises `NotReady`.
    """
    profile, number = ready_to_dial(user, place), number_in(row.caller_number)
    if not number:
        raise NotReady(_("Their number is not known, so they cannot be called back."))
    wanted, channel, caller_number = of_number(profile, number)
    name = row.caller_name if row.caller_name != number else ""
    given = Invite(channel, number, name, caller_number, title_of(place.pbx, place.name), row.uniqueid)
    return call_back.asked(user, place, given, lambda: dialling.refusal(user, wanted), via=via)
