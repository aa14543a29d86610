"""The worker carries out the plan of a room when its conference starts, once per conference."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext_lazy as _

from accounts import dialling
from accounts.demo import admits
from accounts.identity import profile_of
from accounts.models import Profile
from calls.numbers import number_in
from engine.ami import actions
from engine.ami.errors import AmiError
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.database import in_thread
from engine.mirror import commands
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.registry import each_second, job, on
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import for_audit

from .. import commands as conference_commands
from .. import moving
from ..forms import Person, people_of
from ..invitations import commands as invitations
from ..invitations.models import InviteMember
from ..models import Conference, Participant
from ..rows import conference_of
from ..snapshot import list_participants
from ..targets import Place, topic_of
from .models import Room

logger = logging.getLogger(__name__)

# What the panel did of a plan by itself, in the audit trail.
PLAN = for_audit("plan", _("Carry out the plan"))
# How long one thing that is planned may take, in seconds.
TIMEOUT = 20.0
# How often it is checked that a conference still runs while calls wait for their minute, in seconds.
PAUSE = 5.0


@dataclass(slots=True)
class Plan:
    """What is to be done, and in whose name: whom to call in, by number, and what is not a number or why not."""

    room: Room
    planner: User | None
    profile: Profile
    people: dict[str, Person] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@each_second
def is_due(state: State) -> None:
    """Ask for the plan of each conference that is new to us, whatever its source, and for what that is to do later.

    What could not be done, since the link or the database was away, is asked for again.
    """
    for row in state.table(Conference).rows.values():
        if not row.planned:
            state.ask_for_job("plan", row.name)
        if row.lock_at is not None and row.lock_at <= state.now():
            state.ask_for_job("planned-lock", row.name)


@on("ConfbridgeJoin", required=CHANNEL_FIELDS)
def somebody_joins(state: State, event: Message) -> None:
    row = conference_of(state, event)
    if row is not None and row.greeting:
        state.ask_for_job("greeting", row.name)


@job("plan")
async def carry_out(ctx: CommandContext, name: str) -> None:
    """Carry out the plan of the room with this conference's name, if there is one."""
    state, table = ctx.state, ctx.state.table(Conference)
    row = table.get(name)
    if row is None or row.planned:
        return
    # Before anything is done, so that nothing is done twice.
    table.change(row, planned=True)
    try:
        plan = await in_thread(plan_for)(state.pbx, name)
    except (DatabaseError, InterfaceError) as error:
        logger.error("%s: the plan of %r could not be read, trying again: %s", state.pbx, name, error)
        if table.get(name) is row:
            table.change(row, planned=False)
        return
    if plan is None or table.get(name) is not row:
        return
    room, planner_id = plan.room, plan.planner.pk if plan.planner else 0
    said: list[str] = []
    named = ctx.within(TIMEOUT, planner_id)
    if room.lock_after:
        table.change(row, lock_at=row.started_at + timedelta(minutes=room.lock_after))
        said.append(f"lock after {room.lock_after} min")
    if room.greeting:
        row.greeting = room.greeting
        state.ask_for_job("greeting", name)
        said.append(f"greeting {room.greeting}")
    if room.lecture:
        said.append(await _said("lecture mode", conference_commands.begin_lecture(named, row)))
    if room.record and table.get(name) is row:
        said.append(await _said("start recording", conference_commands.start_record(named, row)))
    left = dict(plan.people)
    while left and table.get(name) is row:
        if seconds := await _pause(plan):
            if said:  # before a long wait
                await _tell(state.pbx, str(room), name, said)
            await asyncio.sleep(min(seconds, PAUSE))
            continue
        number = next(iter(left))
        said.append(await _said(f"invite {number}", invite(ctx, plan, left.pop(number))))
    said += [f"invite {number}: the conference is over" for number in left]
    said += [f"invite {number}: {why}" for number, why in plan.refused.items()]
    await _tell(state.pbx, str(room), name, said or ["nothing to do"])


async def _pause(plan: Plan) -> float:
    """How long until the planner may have somebody called again, in seconds."""
    if plan.planner is None:
        return 0.0
    try:
        return await in_thread(dialling.pause)(plan.planner, invitations.writers_of(plan.people.values()))
    except (DatabaseError, InterfaceError) as error:
        logger.error("When the next may be called could not be read, trying again: %s", error)
        return PAUSE


async def _tell(pbx: str, subject: str, name: str, said: list[str]) -> None:
    """Write what was done to the log and the audit trail, once."""
    for words in said:
        logger.info("%s: planned for %r: %s", pbx, name, words)
    await _note(pbx, subject, name, "; ".join(said))
    said.clear()


async def invite(ctx: CommandContext, plan: Plan, person: Person) -> Outcome:
    """Have somebody called in, as the planner would: by the same rules, and with the same audit trail.

    The command `invite` shows on the conference's page what becomes of it.
    """
    if plan.planner is None:
        return Outcome(Status.REFUSED)
    place, who = Place(plan.room.pbx, plan.room.number), f"{person.name} {person.number}".strip()
    asked = in_thread(invitations.invitation_of)
    return await ctx.give(*await asked(plan.planner, plan.profile, place, person, who))


@job("greeting")
async def greet(ctx: CommandContext, name: str) -> None:
    """Play the greeting as soon as somebody hears it: not the prompt, nor the music of who waits for the leader."""
    state, table = ctx.state, ctx.state.table(Conference)
    await list_participants(Snapshot(ctx.session, state), name)
    row = table.get(name)
    people = state.table(Participant).where("conference", name)
    if row is None or not row.greeting or all(person.entering or person.waiting for person in people):
        return
    sound, row.greeting = row.greeting, ""
    await _told(state.pbx, row, f"greeting {sound}", moving.play(ctx, row, sound))


@job("planned-lock")
async def lock(ctx: CommandContext, name: str) -> None:
    """`ConfbridgeLock`. Where the link fails meanwhile, it is done when that is up again."""
    table = ctx.state.table(Conference)
    row = table.get(name)
    if row is None or row.lock_at is None:
        return
    due = row.lock_at
    table.change(row, lock_at=None)
    try:
        answer = await ctx.ask(actions.confbridge_lock(name))
    except AmiError:
        if table.get(name) is row:
            table.change(row, lock_at=due)
        raise
    ctx.state.request("conference", name)
    words = "lock" if answer.ok else f"lock: {answer.text}"
    await _note(ctx.state.pbx, str(row), name, words)


async def _told(pbx: str, row: Conference, what: str, work: Awaitable[Outcome]) -> None:
    """Do something, and report if it could not be done."""
    words = await _said(what, work)
    if words != what:
        await _note(pbx, str(row), row.name, words)


async def _said(what: str, work: Awaitable[Outcome]) -> str:
    """Do something; returns in words what it was, and why it could not be done."""
    try:
        outcome = await work
    except (AmiError, DatabaseError, InterfaceError) as error:
        outcome = Outcome(Status.NO_ANSWER, str(error))
    return what if outcome.done else f"{what}: {outcome.text or outcome.status.value}"


async def _note(pbx: str, subject: str, name: str, words: str) -> None:
    try:
        await in_thread(commands.auditors[0].note)(pbx, PLAN, subject, topic_of(name), words)
    except (DatabaseError, InterfaceError):
        logger.exception("%s: what was done of a plan could not be recorded: %s, %s", pbx, subject, words)


def plan_for(pbx: str, number: str) -> Plan | None:
    """What is planned of a room. Reads the database."""
    room = Room.objects.filter(pbx=pbx, number=number).select_related("planned_by").first()
    if room is None:
        return None
    user = room.planned_by
    plan = Plan(room, user, profile_of(user) if user else Profile())
    people, wrong = people_of(room.people.splitlines())
    plan.people |= {person.number: person for person in people}
    plan.refused |= dict(wrong)
    members = InviteMember.objects.filter(group__room=room).select_related("group__changed_by")
    for member in members.order_by("group__name", "id"):
        if number_to_call := number_in(member.number):
            # If a number is in several groups, all who wrote it down must be allowed to call it.
            former = plan.people.get(number_to_call, Person(number_to_call, member.name))
            plan.people[number_to_call] = replace(former, groups=(*dict.fromkeys((*former.groups, member.group)),))
        else:
            plan.refused[member.number] = "This is not a number."
    if user is None or not user.is_active or not admits(user) or not user.has_perm("calls.originate"):
        why = "Whoever planned the room may not place calls."
    elif not plan.profile.dial_context:
        why = "Whoever planned the room has no dial context."
    else:
        return plan
    plan.refused |= dict.fromkeys(plan.people, why)
    plan.people.clear()
    return plan
