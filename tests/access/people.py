"""People and a small PBX in the database, for the tests of who may what."""

from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from accounts.models import Profile
from api.models import AllowedOrigin
from calls.models import Bridge, CampOn, Channel, ParkedCall, Transfer
from conferences.invitations.models import Invitation, InviteGroup
from conferences.models import Conference, Participant
from conferences.records.models import Attendance, ConferenceRecord
from conferences.rooms.models import Room
from engine.mirror import commands
from engine.mirror.commands import Command, Outcome, Status
from engine.mirror.models import PBX
from extensions.models import Device, Extension, Mailbox, Presence
from extensions.people.models import Person, PersonNumber
from extensions.switches.models import Switch

GROUPS = ("Viewer", "Operator", "Moderator", "Administrator")
INTEGRATOR = "Integrator"
NOBODY, ANONYMOUS = "user without group", "anonymous"


def person(group: str = NOBODY, name: str = "anna", endpoint: str = "PJSIP/101", *, staff: bool = False) -> User:
    """A user of a group (or of none), with this telephone; they have no password yet."""
    user = User.objects.create_user(name, is_staff=staff)
    if group in (*GROUPS, INTEGRATOR):
        user.groups.add(Group.objects.get(name=group))
    Profile.objects.create(user=user, extension="101", endpoint=endpoint, dial_context="internal")
    return user


def channel(
    uniqueid: str,
    endpoint: str,
    linkedid: str = "",
    *,
    pbx: str = "main",
    name: str = "",
    state: str = "Up",
    caller_name: str = "",
) -> Channel:
    return Channel.objects.create(
        pbx_id=pbx,
        uniqueid=uniqueid,
        linkedid=linkedid or uniqueid,
        call=linkedid or uniqueid,
        name=name or f"{endpoint}-{uniqueid.replace('.', ''):0>8}",
        endpoint=endpoint,
        state=state,
        caller_number=endpoint.partition("/")[2],
        caller_name=caller_name,
        created_at=timezone.now(),
    )


def conference(name: str, *uniqueids: str, pbx: str = "main") -> Conference:
    """A conference, and a participant for each uniqueid."""
    for uniqueid in uniqueids:
        Participant.objects.create(
            pbx_id=pbx,
            uniqueid=uniqueid,
            conference=name,
            channel=f"PJSIP/109-{uniqueid.replace('.', ''):0>8}",
            caller_number="109",
            caller_name=f"In {name}",
            joined_at=timezone.now(),
        )
    return Conference.objects.create(pbx_id=pbx, name=name, started_at=timezone.now())


def room(number: str, *moderators: User, pbx: str = "main", **plan: Any) -> Room:
    """A planned room."""
    planned = Room.objects.create(pbx=pbx, number=number, **plan)
    planned.moderators.set(moderators)
    return planned


def pbx(name: str = "main", link: str = PBX.Link.UP, heard: timedelta = timedelta()) -> PBX:
    """A PBX; `heard`: how long ago its worker has written its heartbeat."""
    return PBX.objects.create(name=name, link=link, seen_at=timezone.now() - heard)


def a_small_pbx() -> None:
    """A call of 101 with 102 (`1.1`), a call of 103 and 104 (`2.1`), 109 in the conference 8001 (`3.1`); and more.

    102 was called into that conference and is busy.
    """
    pbx()
    for uniqueid, endpoint, linkedid in (
        ("1.1", "PJSIP/101", "1.1"), ("1.2", "PJSIP/102", "1.1"),
        ("2.1", "PJSIP/103", "2.1"), ("2.2", "PJSIP/104", "2.1"), ("3.1", "PJSIP/109", "3.1"),
    ):  # fmt: skip
        channel(uniqueid, endpoint, linkedid)
    conference("8001", "3.1")
    now = timezone.now()
    ConferenceRecord.objects.create(pk=1, pbx="main", key="8001/1", name="8001", started_at=now)
    Attendance.objects.create(pbx="main", key="3.1/8001/1", record="8001/1", uniqueid="3.1", joined_at=now)
    Invitation.objects.create(
        pbx_id="main", code="1", conference="8001", channel="Local/102@internal/n", number="102", state="busy",
        invited_at=timezone.now(),
    )  # fmt: skip
    InviteGroup.objects.create(pk=1, name="Everybody")
    Bridge.objects.create(pbx_id="main", uniqueid="b-1", kind="basic", technology="simple_bridge")
    Transfer.objects.create(pbx_id="main", code="t1", held="1.2", mine="1.1", call="1.1", number="103", started_at=now)
    CampOn.objects.create(pbx_id="main", code="c1", phone="PJSIP/101", number="103", context="internal", started_at=now)
    Mailbox.objects.create(pbx_id="main", address="101@default", number="101", context="default", new=1)
    ParkedCall.objects.create(pbx_id="main", uniqueid="9.1", lot="default", space="701", parked_at=timezone.now())
    AllowedOrigin.objects.create(pk=1, origin="https://crm.example.org")
    Extension.objects.create(pbx_id="main", address="101@internal", extension="101", context="internal")
    Device.objects.create(pbx_id="main", name="PJSIP/101", state="INUSE")
    Person.objects.create(pk=1, name="Ben", folded=" ben \t")
    PersonNumber.objects.create(person_id=1, kind="extension", number="101")
    Switch.objects.create(pk=1, pbx="main", name="Night", device="Custom:NIGHT")
    Presence.objects.create(pbx_id="main", presentity="CustomPresence:101", state="away")


@dataclass
class Asterisk:
    """Stands where the worker would be: notes each command and gives the answer it was told to give."""

    answer: Outcome = field(default_factory=lambda: Outcome(Status.DONE, "Fine"))
    commands: list[Command] = field(default_factory=list)
    # What commands find out, by their verbs; of those that are done.
    found: dict[str, Any] = field(default_factory=dict)

    # What the PBX says that it has; None while it cannot be asked.
    stock: dict[str, Any] | None = field(
        default_factory=lambda: {
            "endpoints": [f"PJSIP/{number}" for number in range(101, 110)] + ["PJSIP/trunk"],
            "contexts": ["from-internal", "from-trunk", "internal"],
        }
    )

    def look_up(self, pbx: str, handler: str, parameters: Any = None) -> Outcome:
        """What it finds when it is asked for its phones and contexts."""
        if self.stock is None or not PBX.objects.filter(pk=pbx, link="up").exists():
            return Outcome(Status.NOT_CONNECTED)
        context = parameters["context"]
        has_context = context in self.stock["contexts"] if context else None
        return Outcome(Status.DONE, data={**self.stock, "has_context": has_context})

    def ask(self) -> Callable[[Command], Coroutine[Any, Any, Outcome]]:
        async def ask(command: Command) -> Outcome:
            self.commands.append(command)
            await sync_to_async(commands.auditors[0].claim)(command.id)
            if self.answer.done and str(command.verb) in self.found:
                return Outcome(self.answer.status, self.answer.text, self.found[str(command.verb)])
            return self.answer

        return ask


def given(command: Command) -> dict[str, Any]:
    """The parameters of a command."""
    return asdict(command.parameters)


def stand_in(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    """An Asterisk behind `commands.run` that takes every command; a question is told at once that nobody answers."""

    async def nobody(pbx: str, message: dict[str, Any], timeout: float) -> Outcome:
        return Outcome(Status.NO_ANSWER)

    asterisk = Asterisk()
    monkeypatch.setattr(commands, "_ask", asterisk.ask())
    monkeypatch.setattr(commands, "_deliver", nobody)
    monkeypatch.setattr("accounts.phones.look_up", asterisk.look_up)
    return asterisk


def client_of(user: User) -> Client:
    """A browser in which this user is logged in."""
    client = Client()
    client.force_login(user)
    return client
