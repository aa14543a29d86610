"""Whose phone or context does not exist, and what each of them will miss."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Profile
from engine.ami.transports import Address
from engine.mirror.models import PBX
from engine.mirror.verbs import verbs
from system.doctor import people as users
from system.doctor.examination import Person, Wanted
from system.doctor.report import Result, Status
from system.doctor.requirements import by_context, by_phone
from tests.access import people
from tests.lab.asterisk import Asterisk

from .faults import look, manager_user, result, words

CALLS, RINGS = ("Call", "Transfer"), ("Call", "Pick up")


def a_person(name: str, phone: str = "PJSIP/101", context: str = "internal") -> Person:
    return Person(name, phone, context, RINGS, CALLS)


def examined(address: Address | str, *somebody: Person) -> Result:
    return result(look(address, Wanted(people=somebody)), "people")


# What is needed for what.


def test_what_needs_a_phone_and_what_a_context() -> None:
    assert {str(verb) for verb in by_phone()} >= {
        "pbx.originate", "channel.retrieve", "channel.pickup", "channel.takeover", "channel.listen", "channel.whisper",
        "channel.barge",
    }  # fmt: skip
    assert {str(verb) for verb in by_context()} >= {"pbx.originate", "channel.transfer", "channel.consult"}
    # The page on which one is entered needs none.
    assert verbs["pbx.prove-phone"] not in by_phone()


# Who is examined.


@pytest.mark.django_db
def test_who_is_examined_and_for_what() -> None:
    """Everybody active who may do something with it, on this PBX: the first, where none is chosen."""
    people.pbx()
    PBX.objects.create(name="second")
    people.person("Operator", "ben", endpoint="PJSIP/102")
    people.person("Viewer", "vic")
    people.person("Moderator", "mona")
    elsewhere = people.person("Operator", "ella", endpoint="PJSIP/103")
    Profile.objects.filter(user=elsewhere).update(pbx="second")
    gone = people.person("Operator", "gus", endpoint="PJSIP/104")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    User.objects.create_superuser("chief")
    found = {one.name: one for one in users.everybody("main")}
    assert set(found) == {"ben", "mona", "chief"}
    assert (found["ben"].phone, found["ben"].context) == ("PJSIP/102", "internal")
    tried = "Try whether the phone can be answered"
    assert found["ben"].by_phone == ("Call", "Retrieve", "Pick up", "Take over", tried)
    assert found["ben"].by_context == ("Call", "Transfer", "Consult", "Transfer with recall", "Transfer to voicemail")
    assert found["mona"].by_phone == ("Call", tried)
    assert found["chief"].by_phone[-4:-1] == ("Listen", "Whisper", "Barge in")
    assert [one.name for one in users.everybody("second")] == ["ella"]


@pytest.mark.django_db
def test_however_many_they_are_the_database_is_asked_as_often() -> None:
    people.pbx()

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            users.everybody("main")
        return len(queries)

    people.person("Operator", "ben")
    few, group = asked(), Group.objects.get(name="Operator")
    for number in range(50):
        User.objects.create_user(f"user{number}").groups.add(group)
    assert asked() == few
    assert len(users.everybody("main")) == 51


# What is found.


def test_phones_and_contexts_that_are_there_pass(asterisk: Asterisk) -> None:
    found = examined(asterisk.ami_url, a_person("anna"), a_person("ben", "PJSIP/102"))
    assert found.status is Status.OK
    assert "the dial context that they need: 2." in words(found)


@pytest.mark.parametrize("write", ["", "call", "reporting"])
def test_each_fault_is_told_with_whom_it_concerns_and_what_they_miss(asterisk: Asterisk, write: str) -> None:
    """By what the class system shows, or by the states of devices."""
    somebody = (
        a_person("anna"),
        a_person("ben", "PJSIP/999"),
        a_person("carl", "PJSIP/109"),
        a_person("dora", "", ""),
        a_person("eve", context="nowhere"),
        a_person("fay", context="a,b)"),
        Person("guy", "PJSIP/999", "", ("Listen",), ()),
    )
    with manager_user(asterisk, write=write) as address:
        found = examined(address, *somebody)
    assert found.status is Status.WARNING
    text = words(found)
    assert "Without a phone: dora. Does not work for them: Call, Pick up." in text
    assert "Without a dial context: dora. Does not work for them: Call, Transfer." in text
    assert "With a phone that Asterisk does not know: ben (PJSIP/999). Does not work for them: Call, Pick up." in text
    assert "With a phone that Asterisk does not know: guy (PJSIP/999). Does not work for them: Listen." in text
    assert "With a phone that is not registered, or does not answer: carl (PJSIP/109)." in text
    assert (
        "With a dial context that is not in the dialplan: eve (nowhere), fay (a,b)). Does not work for them: Call, T"
        in text
    )
    assert "anna" not in text
    assert found.finding.facts == {
        "users": 7,
        "no_phone": ["dora"],
        "no_context": ["dora"],
        "unknown_phone": ["ben", "guy"],
        "absent_phone": ["carl"],
        "unknown_context": ["eve", "fay"],
    }


def test_a_phone_of_a_technology_that_is_not_loaded_is_unknown(asterisk: Asterisk) -> None:
    found = examined(asterisk.ami_url, a_person("anna", "SIP/101"))
    assert found.finding.facts["unknown_phone"] == ["anna"]


@pytest.mark.parametrize(
    ("write", "told"),
    [
        ("originate", ["whether these phones exist: PJSIP/101.", "whether these contexts exist: internal, nowhere."]),
        ("system", ["whether these contexts exist: internal, nowhere."]),
    ],
)
def test_what_may_not_be_queried_is_not_said_to_be_well(asterisk: Asterisk, write: str, told: list[str]) -> None:
    with manager_user(asterisk, write=write) as address:
        found = examined(address, a_person("anna"), a_person("ben", context="nowhere"))
    assert found.status is Status.SKIPPED
    assert list(map(str, found.finding.seen)) == [f"It could not be queried {sentence}" for sentence in told]


def test_of_very_many_the_first_are_named(asterisk22: Asterisk) -> None:
    found = examined(asterisk22.ami_url, *(a_person(f"user{n:03}", "") for n in range(300)))
    assert "user019, …. Does not work for them" in words(found)
    assert "user020" not in words(found)
    assert len(found.finding.facts["no_phone"]) == 300


def test_of_one_user_it_is_said_with_their_phone_and_context(asterisk: Asterisk) -> None:
    """And of what they may not do anyway, nothing."""
    own = frozenset({"pbx.originate", "channel.hangup", "channel.park", "channel.transfer"})
    wanted = Wanted(phone="PJSIP/999", context="nowhere", user="ben", verbs=own, people=[a_person("anna", "")])
    report = look(asterisk.ami_url, wanted)
    assert report.result("people") is None
    assert "Does not work for ben: Call, Transfer." in words(result(report, "context"))
    assert "Does not work for ben: Call." in words(result(report, "phone"))
    with manager_user(asterisk, write="system,reporting,command") as address:
        found = result(look(address, wanted), "write")
    assert "Does not work for ben: Call, Transfer, Park." in words(found)
    assert {"channel.park", "channel.transfer", "channel.pickup"} <= set(found.finding.facts["verbs"])
    assert "channel.hangup" not in found.finding.facts["verbs"]


def test_the_page_examines_everybody_where_nobody_is_chosen(settings: object, asterisk22: Asterisk, db: None) -> None:
    people.pbx()
    settings.AMI_ADDRESSES = {"main": Address.parse(asterisk22.ami_url)}  # type: ignore[attr-defined]
    people.person("Operator", "b<b>en", endpoint="PJSIP/999")
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    html = client.post("/system/main/doctor/", {}, headers={"HX-Request": "true"}).content.decode()
    assert "does not know: b&lt;b&gt;en (PJSIP/999)" in html
    assert "Without a phone: chief" in html
