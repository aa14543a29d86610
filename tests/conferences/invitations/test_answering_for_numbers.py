"""Numbers that others wrote into a group are called only if that is allowed to them, too; by hand and by a plan."""

import html
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from accounts.models import DialPolicy, Profile
from audit.models import AuditEntry
from conferences.forms import Person
from conferences.invitations.models import Invitation, InviteGroup
from conferences.models import Conference
from conferences.rooms import events
from conferences.rooms.models import Room
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from tests.access import people
from tests.access.people import Asterisk, given

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    InviteGroup.objects.all().delete()
    return people.stand_in(monkeypatch)


@pytest.fixture
def mona(asterisk: Asterisk) -> User:
    """May call any number."""
    return people.person("Moderator", "mona")


@pytest.fixture
def ben(asterisk: Asterisk) -> User:
    """May call inside only."""
    user = people.person(name="ben", endpoint="PJSIP/102")
    group = Group.objects.create(name="Inside")
    group.permissions.set(Group.objects.get(name="Moderator").permissions.all())
    DialPolicy.objects.create(group=group, allowed="XXX", contexts="internal", caller_ids="2XX", phones="PJSIP/2??")
    user.groups.add(group)
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def group_by(writer: User, *numbers: str, name: str = "Everybody") -> InviteGroup:
    """A group as it is after this user has saved its page."""
    group, _ = InviteGroup.objects.get_or_create(name=name, defaults={"owner": writer})
    InviteGroup.objects.filter(pk=group.pk).update(owner=writer)
    response = client_of(writer).post(f"/groups/{group.pk}/", {"name": name, "people": "\n".join(numbers)})
    assert response.status_code == 302
    return InviteGroup.objects.get(pk=group.pk)


def in_the_worker(plan: events.Plan, person: Person) -> Outcome:
    """What becomes of one of a plan in a worker that has no Asterisk: nobody is dialled yet."""
    state = State("main")
    ctx = CommandContext(None, state, 0, time.time() + 10)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        # What asks the database does so in this thread, which holds the test's transaction.
        patch.setattr("engine.mirror.context.in_thread", sync_to_async)
        patch.setattr(events, "in_thread", sync_to_async)
        outcome: Outcome = async_to_sync(events.invite)(ctx, plan, person)
    called = [row.number for row in state.table(Invitation).rows.values()]
    assert called == ([person.number] if outcome.done else [])
    return outcome


def carried_out(planner: User, *groups: InviteGroup) -> dict[str, str]:
    """What became of each number of a plan: `done`, or why not."""
    room = people.room("8001", planned_by=planner)
    room.invite_groups.set(groups)
    plan = events.plan_for("main", "8001")
    assert plan is not None
    outcomes = {number: in_the_worker(plan, person) for number, person in plan.people.items()}
    return {
        **{number: outcome.text if not outcome.done else "done" for number, outcome in outcomes.items()},
        **plan.refused,
    }


def invite(user: User, group: InviteGroup) -> Any:
    return client_of(user).post("/conferences/main/invite/8001/", {"group": group.pk}, headers=HTMX)


def subjects() -> list[tuple[str, str, str]]:
    return [(entry.username, entry.subject, entry.status) for entry in AuditEntry.objects.order_by("pk")]


REFUSED = "ben, who wrote this number down, may not call 0900123."


def test_a_plan_calls_only_what_whoever_wrote_it_down_may_call_too(mona: User, ben: User, asterisk: Asterisk) -> None:
    group = group_by(ben, "103", "0900123 Expensive")
    assert carried_out(mona, group) == {"103": "done", "0900123": REFUSED}
    assert subjects() == [
        ("mona", "103 (Everybody: ben) → 8001", "done"),
        ("mona", "Expensive 0900123 (Everybody: ben) → 8001", "forbidden"),
    ]


def test_a_plan_calls_only_what_the_planner_may_call_too(mona: User, ben: User, asterisk: Asterisk) -> None:
    group = group_by(mona, "103", "0900123")
    Profile.objects.filter(user=ben).update(extension="201")
    assert carried_out(ben, group) == {
        "103": "done",
        "0900123": "You may not call 0900123. Ask an administrator if you need to.",
    }


def test_one_who_invites_a_group_by_hand_calls_only_what_its_writer_may_call(
    mona: User, ben: User, asterisk: Asterisk
) -> None:
    group = group_by(ben, "103", "0900123")
    response = invite(mona, group)
    assert response.status_code == 200
    assert REFUSED in html.unescape(response.content.decode())
    assert [given(command)["number"] for command in asterisk.commands] == ["103"]
    assert ("mona", "0900123 (Everybody: ben) → 8001", Status.FORBIDDEN.value) in subjects()


def test_one_who_types_a_number_answers_for_it_alone(mona: User, ben: User, asterisk: Asterisk) -> None:
    group = group_by(ben, "0900123")
    path = "/conferences/main/invite/8001/"
    assert client_of(mona).post(path, {"group": group.pk, "numbers": "0900123"}, headers=HTMX).status_code == 204
    assert subjects() == [("mona", "0900123 → 8001", "done")]


def test_a_number_in_two_groups_must_be_allowed_to_both_writers(mona: User, ben: User, asterisk: Asterisk) -> None:
    groups = [group_by(mona, "0900123", name="One"), group_by(ben, "0900123", name="Two")]
    assert carried_out(mona, *groups) == {"0900123": REFUSED}
    assert subjects() == [("mona", "0900123 (Two: ben) → 8001", "forbidden")]


def test_the_context_in_which_a_number_is_dialled_must_be_allowed_to_its_writer(
    mona: User, ben: User, asterisk: Asterisk
) -> None:
    Profile.objects.filter(user=mona).update(dial_context="abroad")
    refused = "ben, who wrote this number down, may not dial in the context “abroad”."
    assert carried_out(mona, group_by(ben, "103")) == {"103": refused}


def test_the_fewer_calls_of_a_minute_count(mona: User, ben: User, asterisk: Asterisk) -> None:
    DialPolicy.objects.filter(group__name="Inside").update(calls_per_minute=1)
    assert carried_out(mona, group_by(ben, "103", "104")) == {
        "103": "done",
        "104": "You may place 1 call a minute. Wait a little, then try again.",
    }


@pytest.mark.parametrize("change", [{"is_active": False}, {"groups": None}])
def test_one_who_may_not_call_any_more_answers_for_no_number(
    change: dict[str, Any], mona: User, ben: User, asterisk: Asterisk
) -> None:
    group = group_by(ben, "103")
    if "groups" in change:
        ben.groups.clear()
    else:
        User.objects.filter(pk=ben.pk).update(**change)
    assert carried_out(mona, group) == {"103": "ben, who wrote this number down, may not place calls."}


def test_the_numbers_of_one_who_was_deleted_are_called_when_somebody_has_looked_through_them(
    mona: User, ben: User, asterisk: Asterisk
) -> None:
    group = group_by(ben, "103")
    ben.delete()
    group.refresh_from_db()
    nobody = "Nobody is responsible for the numbers of the group “Everybody”: check them, and save it."
    assert carried_out(mona, group) == {"103": nobody}
    assert group_by(mona, "103").changed_by == mona
    assert invite(mona, group).status_code == 204


def test_only_other_numbers_make_one_answer_for_a_group(mona: User, ben: User, asterisk: Asterisk) -> None:
    assert group_by(ben, "103 Carla", "0900123").changed_by == ben
    # Mona gives Carla another name, and the group too.
    group = InviteGroup.objects.get()
    client_of(mona).post(f"/groups/{group.pk}/", {"name": "All", "people": "103 Dora\n0900123"})
    group.refresh_from_db()
    assert (group.name, group.changed_by) == ("All", ben)
    client_of(mona).post(f"/groups/{group.pk}/", {"name": "All", "people": "103 Dora\n104\n0900123"})
    group.refresh_from_db()
    assert group.changed_by == mona


def test_a_new_group_is_answered_for_by_who_made_it(mona: User) -> None:
    client_of(mona).post("/groups/new/", {"name": "Council", "people": "103"})
    assert InviteGroup.objects.get().changed_by == mona
    page = client_of(mona).get(f"/groups/{InviteGroup.objects.get().pk}/").content.decode()
    assert "Last changed by mona." in page


# How many calls of a minute.


def test_those_of_a_group_for_whom_the_minute_is_full_are_called_with_the_next(mona: User, asterisk: Asterisk) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(calls_per_minute=10)
    group = group_by(mona, *(str(number) for number in range(200, 236)))
    response = invite(mona, group)
    assert response.status_code == 200
    text = html.unescape(response.content.decode())
    assert "210: You may place 10 calls a minute. Wait a little, then try again." in text
    assert "25 more were not called either." in text
    assert response["HX-Trigger"] == f'{{"invited": {{"value": "", "group": "{group.pk}"}}}}'
    assert [given(command)["number"] for command in asterisk.commands] == [str(200 + n) for n in range(10)]
    # One refusal is on record, not twenty-six.
    assert AuditEntry.objects.filter(status="forbidden").count() == 1


def test_what_was_typed_and_not_called_stays_in_the_box(mona: User, asterisk: Asterisk) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(calls_per_minute=1)
    path = "/conferences/main/invite/8001/"
    response = client_of(mona).post(path, {"numbers": "103, 104, 105 Dora"}, headers=HTMX)
    assert response["HX-Trigger"] == '{"invited": {"value": "104, Dora <105>", "group": ""}}'


def test_who_is_being_called_already_is_not_called_again(mona: User, asterisk: Asterisk) -> None:

    Invitation.objects.update(number="103", state="ringing")
    group = group_by(mona, "103", "104")
    text = html.unescape(invite(mona, group).content.decode())
    assert "1 of the group is already here, or being called." in text
    assert [given(command)["number"] for command in asterisk.commands] == ["104"]


# A plan waits for the next minute, as long as its conference runs.


class Planned:
    """A plan that is carried out without an Asterisk: whom it calls when, and what it tells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
        self.state, self.called, self.told = State("main"), list[str](), list[str]()
        self.waited, self.pauses = list[float](), pauses
        self.state.table(Conference).add("8001", started_at=timezone.now())
        numbers = {number: Person(number) for number in ("103", "104")}
        plan = events.Plan(Room(pbx="main", number="8001"), User(pk=7), Profile(), numbers)
        monkeypatch.setattr(events, "plan_for", lambda pbx, number: plan)
        monkeypatch.setattr("accounts.dialling.pause", lambda user, writers: self.pauses.pop(0))
        monkeypatch.setattr(events, "invite", self.invite)
        monkeypatch.setattr(events, "_note", self.note)
        monkeypatch.setattr("asyncio.sleep", self.sleep)

    async def invite(self, ctx: CommandContext, plan: events.Plan, person: Person) -> Outcome:
        self.called.append(person.number)
        return Outcome(Status.DONE)

    async def note(self, pbx: str, subject: str, name: str, words: str) -> None:
        self.told.append(words)

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        if seconds == events.PAUSE and not self.pauses:
            self.state.table(Conference).remove("8001")

    async def carry_out(self) -> None:
        await events.carry_out(CommandContext(None, self.state, 0, 0.0), "8001")  # type: ignore[arg-type]


async def test_a_plan_calls_the_others_when_the_minute_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Planned(monkeypatch, [0.0, 40.0, 2.0, 0.0])
    await planned.carry_out()
    assert planned.called == ["103", "104"]
    assert planned.waited == [events.PAUSE, 2.0]
    assert planned.told == ["invite 103", "invite 104"]


async def test_a_plan_calls_nobody_into_a_conference_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Planned(monkeypatch, [0.0, 40.0])
    await planned.carry_out()
    assert planned.called == ["103"]
    assert planned.told == ["invite 103", "invite 104: the conference is over"]
