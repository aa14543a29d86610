"""A small PBX with the ids that the examples name, somebody with a token, and a client that asks by it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from json import dumps
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from api import operations, service, tokens  # noqa: F401  the service knows all scopes
from api.models import PlacedCall, Token
from api.operations import IDS
from calls.models import CampOn, Transfer
from conferences.invitations.models import Invitation
from extensions.messages.models import Message
from extensions.models import Extension, Presence
from extensions.people.models import Person, PersonNumber
from extensions.people.searching import folded
from extensions.switches.models import Switch
from tests.access import people
from tests.access.people import Asterisk


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    """Stands for the worker; what its answers find out is as the worker's."""
    asterisk = people.stand_in(monkeypatch)
    asterisk.found = {
        "pbx.originate": {"call": "1732451299.1000000000001"},
        "channel.consult": {"transfer": "77aa"},
        "channel.transfer-recall": {"transfer": "77bb"},
        "place.invite": {"invitation": "e07a"},
        "place.call-back": {"invitation": "e07b"},
    }
    return asterisk


@pytest.fixture
def small_pbx(db: None) -> None:
    """What the examples name."""
    make_small_pbx()


def make_small_pbx() -> None:
    """A call in which 102 has called 101, and a conference. The end of it that is asked about is 101's, who asks."""
    now = timezone.now()
    people.pbx(heard=timedelta(hours=-1))  # its worker lives as long as the test
    people.channel(IDS["call"], "PJSIP/102")
    people.channel(IDS["channel"], "PJSIP/101", IDS["call"])
    people.conference(IDS["conference"], IDS["participant"])
    Transfer.objects.create(
        pbx_id="main", code=IDS["transfer"], held=IDS["channel"], mine=IDS["call"], call=IDS["call"], number="103",
        started_at=now,
    )  # fmt: skip
    CampOn.objects.create(
        pbx_id="main", code=IDS["camp_on"], phone="PJSIP/101", number="103", context="internal", started_at=now
    )
    Invitation.objects.create(
        pbx_id="main", code=IDS["invitation"], conference=IDS["conference"], channel="Local/102@internal/n",
        number="102", state="busy", invited_at=now,
    )  # fmt: skip
    Extension.objects.create(
        pbx_id="main", address=IDS["extension"], extension="101", context="internal", state=9,
        hint="PJSIP/101,CustomPresence:101",
    )  # fmt: skip
    Presence.objects.create(pbx_id="main", presentity="CustomPresence:101", state="away", message="At lunch")
    Person.objects.create(pk=IDS["person"], name="Ben", folded=folded(["Ben"], []))
    # (The other one is deleted by an example.)
    anna = Person.objects.create(pk=3, name="Anna Alpha", folded=folded(["Anna Alpha"], []))
    PersonNumber.objects.create(person=anna, kind="extension", number=IDS["number"])
    Switch.objects.create(pk=IDS["switch"], pbx="main", name="Night service", device="Custom:NIGHT")


def make_own(user: User) -> None:
    """What the examples name that is a user's own; the person is the first of these users."""
    Person.objects.filter(pk=IDS["person"], user=None).update(user=user)
    placed = {"owner_id": user.pk, "number": "102"}
    PlacedCall.objects.get_or_create(pbx="main", call=IDS["call"], defaults=placed)
    contact = {"name": "Plumber", "owner_id": user.pk, "folded": folded(["Plumber"], [])}
    Person.objects.get_or_create(pk=IDS["contact"], defaults=contact)
    Message.objects.get_or_create(
        pk=IDS["message"], defaults={"addressee_id": user.pk, "name": "Anna", "text": "Hello"}
    )


@dataclass
class Program:
    """Asks by a token."""

    token: Token
    written: str
    client: Client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask an operation; `path` begins behind `/api/v1`. A text is sent as it is, anything else as JSON."""
        sent = body if isinstance(body, str | bytes) else "" if body is None else dumps(body)
        headers = {"Authorization": f"Bearer {self.written}", **headers}
        address = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.client.generic(method, address, sent, content_type="application/json", headers=headers)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)


Makes = Callable[..., Program]


@pytest.fixture
def program(small_pbx: None) -> Makes:
    """`program(user, "calls.see_calls")`: asks in this user's name, by a token with these scopes; without, with all."""

    def make(user: User, *scopes: str, **fields: Any) -> Program:
        wanted = list(scopes) or sorted(operations.scopes)
        token, written = tokens.make(user, user, name="Shop", scopes=wanted, **fields)
        make_own(user)
        return Program(token, written, Client())

    return make


@pytest.fixture
def operator(program: Makes) -> Program:
    """Of an operator, with all scopes."""
    return program(people.person("Operator"))


@pytest.fixture
def administrator(program: Makes) -> Program:
    """Of an administrator, with all scopes."""
    return program(people.person("Administrator"))
