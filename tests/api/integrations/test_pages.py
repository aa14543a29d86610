"""The page *Integrations*, the window that asks before it dials, and the panel as an application."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Profile
from api.models import AllowedOrigin, PlacedCall
from audit.models import AuditEntry
from calls.models import Channel
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from tests.access.people import Asterisk, given

from ..test_tokens import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_pbx")]
CALL = "1732451299.1000000000001"
ID = "0123456789abcdef" * 2


def text_of(response: Any) -> str:
    """What is read, without the tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


# Calls.


def test_what_a_link_names_is_asked_about_and_not_called(asterisk: Asterisk) -> None:
    client = log_in()
    for query in ("tel%3A%2B49-30-123456", "%2B49-30-123456", "+49-30-123456", "tel%253A%252B49-30-123456"):
        response = client.get(f"/calls/new/?number={query}")
        assert response.status_code == 200
        assert 'value="+49-30-123456"' in response.content.decode()
        assert "What is dialled: +4930123456" in text_of(response)
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


def test_of_an_extension_it_is_said_that_it_has_to_be_keyed_in() -> None:
    assert "Then press the keys 12 on your phone" in text_of(log_in().get("/calls/new/?number=tel%3A102%3Bext%3D12"))


@pytest.mark.parametrize("number", ["call me", "1" * 81, "<script>alert(1)</script>", "102\n103"])
def test_what_is_no_number_is_told_at_once(number: str) -> None:
    response = log_in().get("/calls/new/", {"number": number})
    assert response.status_code == 422
    assert 'id="why-not"' in response.content.decode()
    assert "<script>alert" not in response.content.decode()


def test_who_has_no_phone_is_told_so_with_a_link(asterisk: Asterisk) -> None:
    Profile.objects.all().delete()
    client = log_in()
    Profile.objects.update(endpoint="")
    for response in (
        client.get("/calls/new/?number=102"),
        client.post("/calls/new/", {"number": "102", "command_id": ID}),
    ):
        assert "Your phone is not set up yet" in text_of(response)
        assert 'href="/profile/"' in response.content.decode()
    assert asterisk.commands == []


def test_a_call_is_placed_once_confirmed_as_by_the_dial_box(asterisk: Asterisk) -> None:
    client = log_in()
    response = client.post("/calls/new/", {"number": "030 / 123", "command_id": ID})
    assert (response.status_code, response["Location"]) == (302, f"/integrations/calls/main/{CALL}/")
    (command,) = asterisk.commands
    assert (str(command.verb), given(command)["number"], command.id) == ("pbx.originate", "030123", ID)
    page = client.get(response["Location"])
    assert page.status_code == 200
    assert "Your phone is being called" in text_of(page)


@pytest.mark.parametrize(
    ("sent", "said", "status"),
    [
        ({"number": "", "command_id": ID}, "Enter the number to call.", 422),
        ({"number": "none", "command_id": ID}, "“none” is not a number", 422),
        ({"number": "102"}, "This page is out of date", 422),
        ({"number": "102", "command_id": "x"}, "This page is out of date", 422),
        ({"number": "1" * 81, "command_id": ID}, "at most 80 characters", 422),
    ],
)
def test_what_cannot_be_meant_is_said_and_nothing_is_called(
    sent: dict[str, str], said: str, status: int, asterisk: Asterisk
) -> None:
    response = log_in().post("/calls/new/", sent)
    assert response.status_code == status
    assert said in text_of(response)
    assert asterisk.commands == []


def test_why_a_call_was_not_placed_stands_in_the_window(asterisk: Asterisk) -> None:
    client = log_in()
    refused = Outcome(Status.REFUSED, "Extension does not exist.")
    for number, (answer, status, said) in enumerate(
        [
            (refused, 409, "does not exist in the dial context internal"),
            (Outcome(Status.NOT_CONNECTED), 503, "The panel is not connected to the PBX"),
            (Outcome(Status.REPEATED), 409, "This call was placed already"),
        ]
    ):
        asterisk.answer, id = answer, f"{number:032x}"
        response = client.post("/calls/new/", {"number": "102", "command_id": id})
        assert response.status_code == status
        assert said in text_of(response)
        # Another try is another command.
        assert id not in response.content.decode()


def test_who_may_not_call_a_number_is_told_so_in_the_window(asterisk: Asterisk) -> None:
    client = log_in()
    User.objects.get().groups.get().dial_policy.delete()
    response = client.post("/calls/new/", {"number": "102", "command_id": ID})
    assert response.status_code == 403
    assert "none of your groups has a dial policy" in text_of(response)
    assert asterisk.commands == []


def test_without_a_pbx_the_window_says_so(asterisk: Asterisk) -> None:
    client = log_in()
    PBX.objects.all().delete()
    response = client.post("/calls/new/", {"number": "102", "command_id": ID})
    assert response.status_code == 503
    assert "There is no PBX yet" in text_of(response)


def test_how_a_call_goes_is_shown_to_whom_it_was_placed_for_and_to_nobody_else(asterisk: Asterisk) -> None:
    anna = log_in()
    anna.post("/calls/new/", {"number": "102", "command_id": ID})
    address = f"/integrations/calls/main/{CALL}/"
    assert anna.get(address).status_code == 200
    assert log_in("Administrator", "chris").get(address).status_code == 404
    assert anna.get("/integrations/calls/elsewhere/1.1/").status_code == 404
    PlacedCall.objects.update(owner=None)
    assert anna.get(address).status_code == 404


def test_the_part_that_is_asked_for_again_and_again_ends_by_itself(asterisk: Asterisk) -> None:
    client = log_in()
    PlacedCall.objects.update(owner=User.objects.get())
    PlacedCall.objects.get_or_create(
        pbx="main", call="1732451234.12", defaults={"owner": User.objects.get(), "number": "101"}
    )
    address, part = "/integrations/calls/main/1732451234.12/", {"HX-Request": "true"}
    html = client.get(address, headers=part).content.decode()
    assert "<html" not in html
    assert 'hx-trigger="every 1s"' in html
    assert 'data-action="hangup"' in html
    Channel.objects.all().delete()
    PlacedCall.objects.update(at="2020-01-01T00:00:00Z")
    html = client.get(address, headers=part).content.decode()
    assert "hx-trigger" not in html
    assert "Call once more" in html


# Integrations.


def test_what_is_to_be_copied_names_this_panel() -> None:
    response = log_in(headers={"host": "localhost"}).get("/integrations/")
    html = response.content.decode()
    assert "&lt;script src=&quot;http://localhost/static/click-to-call.js&quot; defer&gt;" in html
    assert "http://localhost/calls/new/?number={number}" in html
    assert 'href="javascript:' in html
    assert 'action="/integrations/origins/"' not in html


def test_an_administrator_allows_an_origin_and_takes_that_back() -> None:
    client = log_in("Administrator")
    assert client.post("/integrations/origins/", {"origin": "HTTPS://CRM.example.org/"}).status_code == 302
    page = AllowedOrigin.objects.get()
    assert (page.origin, page.made_by) == ("https://crm.example.org", User.objects.get())
    assert "<bdi>https://crm.example.org</bdi>" in client.get("/integrations/").content.decode()
    client.post(f"/integrations/origins/{page.pk}/forbid/")
    assert not AllowedOrigin.objects.exists()
    assert client.post(f"/integrations/origins/{page.pk}/forbid/").status_code == 404


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("", "Enter the origin of the page"),
        ("crm", "“crm” is no origin"),
        ("*", "“*” is no origin"),
        ("null", "“null” is no origin"),
        ("https://crm.example.org/path", "is no origin"),
        ("https://user:pass@crm.example.org", "is no origin"),
        ("javascript:alert(1)", "is no origin"),
        ("https://shop.example.org", "https://shop.example.org is allowed already."),
        ("https://" + "a" * 300 + ".example.org", "at most 280 characters"),
    ],
)
def test_an_origin_that_cannot_be_meant_is_refused_in_words(origin: str, said: str) -> None:
    AllowedOrigin.objects.create(origin="https://shop.example.org")
    response = log_in("Administrator").post("/integrations/origins/", {"origin": origin})
    assert response.status_code == 422
    assert said in text_of(response)
    assert AllowedOrigin.objects.count() == 1


def test_to_allow_an_origin_takes_the_password_again() -> None:
    client = log_in("Administrator")
    session = client.session
    session["password_confirmed_at"] = 0
    session.save()
    response = client.post("/integrations/origins/", {"origin": "https://crm.example.org"})
    assert response.status_code == 403
    assert 'type="password"' in response.content.decode()
    assert not AllowedOrigin.objects.exists()


def test_the_panel_can_be_installed_and_takes_telephone_links() -> None:
    response = Client().get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    found = json.loads(response.content)
    assert found["protocol_handlers"] == [{"protocol": "tel", "url": "/calls/new/?number=%s"}]
    assert 'rel="manifest" href="/manifest.webmanifest"' in Client().get("/login/").content.decode()
