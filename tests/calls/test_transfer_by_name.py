"""A call is transferred to a user of the panel, whom the box is given by name."""

import pytest
from django.contrib.auth.models import User

from accounts.models import Profile
from tests.access import people
from tests.access.people import Asterisk, given

pytestmark = pytest.mark.django_db


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.pbx()
    people.channel("1.1", "PJSIP/101")
    return people.stand_in(monkeypatch)


def somebody(name: str, number: str, **fields: object) -> None:
    user = people.person("Operator", name, endpoint=f"PJSIP/{number}")
    Profile.objects.filter(user=user).update(extension=number)
    User.objects.filter(pk=user.pk).update(**fields)


@pytest.mark.parametrize("typed", ["ben", "BEN", "Ben Beta", "102"])
def test_a_call_is_transferred_to_a_number_or_to_a_user_by_name(asterisk: Asterisk, typed: str) -> None:
    somebody("ben", "102", first_name="Ben", last_name="Beta")
    client = people.client_of(people.person("Operator", "anna"))
    response = client.post("/calls/main/channels/1.1/transfer/", {"to": typed})
    assert response.status_code == 200, response.content
    assert given(asterisk.commands[-1])["to"] == "102"


@pytest.mark.parametrize("typed", ["nobody", "carl", "gus"])
def test_a_name_that_nobody_bears_or_two_is_refused_in_words(asterisk: Asterisk, typed: str) -> None:
    for name, number in (("carl1", "103"), ("carl2", "104")):
        somebody(name, number, first_name="Carl")
    somebody("gus", "105", is_active=False)
    client = people.client_of(people.person("Operator", "anna"))
    response = client.post("/calls/main/channels/1.1/transfer/", {"to": typed})
    assert response.status_code == 400
    assert f"“{typed}” is not a number, and no user has this name" in response.content.decode()
    assert asterisk.commands == []
