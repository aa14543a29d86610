"""What is told of a call on the tile of somebody who is in it."""

import pytest
from django.utils import timezone

from calls.lamps import talks_at
from calls.models import Bridge, CampOn, Channel, Transfer
from extensions.people.talks import Kind
from tests.access import people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def main() -> None:
    people.pbx()


def at(endpoint: str) -> list[tuple[Kind, tuple[str, ...]]]:
    return [(talk.kind, talk.who) for talk in talks_at([endpoint]).get(endpoint, {}).get("main", ())]


def test_of_a_phone_that_keeps_somebody_on_hold_it_is_told_whom() -> None:
    people.channel("1.1", "PJSIP/101")
    people.channel("1.2", "PJSIP/102", "1.1", caller_name="Ben")
    Transfer.objects.create(
        pbx_id="main", code="t", held="1.2", mine="1.1", call="1.1", started_at=timezone.now()
    )  # fmt: skip
    assert at("PJSIP/101") == [(Kind.HOLDS, ("Ben",))]


def test_of_a_phone_that_has_put_its_call_on_hold_itself_it_is_told_whom_and_not_of_the_other_one() -> None:
    people.channel("1.1", "PJSIP/101", caller_name="Anna")
    people.channel("1.2", "PJSIP/102", "1.1", caller_name="Ben")
    Bridge.objects.create(pbx_id="main", uniqueid="b", kind="basic")
    Channel.objects.update(bridge="b")
    Channel.objects.filter(uniqueid="1.1").update(on_hold=True)
    assert at("PJSIP/101") == [(Kind.HOLDS, ("Ben",))]
    assert at("PJSIP/102") == [(Kind.WITH, ("Anna",))]


def test_somebody_in_a_conference_is_in_that_conference() -> None:
    people.channel("1.1", "PJSIP/101")
    people.channel("2.1", "PJSIP/102")
    Bridge.objects.create(pbx_id="main", uniqueid="b", creator="ConfBridge", name="8001")
    Channel.objects.update(bridge="b")
    assert at("PJSIP/101") == [(Kind.IN, ("8001",))]


def test_whoever_calls_is_told_by_what_they_have_dialled_until_somebody_rings() -> None:
    people.channel("1.1", "PJSIP/101", state="Ring")
    Channel.objects.update(extension="0301234", context="internal")
    assert at("PJSIP/101") == [(Kind.TO, ("0301234",))]


def test_of_a_phone_without_a_call_nothing_is_told() -> None:
    people.channel("1.1", "PJSIP/102")
    CampOn.objects.create(
        pbx_id="main", code="c", phone="PJSIP/101", number="103", context="internal", started_at=timezone.now()
    )  # fmt: skip
    assert talks_at(["PJSIP/101"]) == {}
