"""Messages that are taken: for whom they can be, what is refused in which words, what the form is filled in with."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from engine.live import fragments
from engine.live.fragments import Notice
from extensions.messages.fragments import told_of_message
from extensions.messages.models import Message
from extensions.messages.taking import MOST_A_MINUTE, go, told_of
from extensions.people.models import Person
from tests.access import people
from tests.access.people import NOBODY

from .conftest import add, client_of, taken

pytestmark = pytest.mark.django_db


def post(user: User, **typed: Any) -> Any:
    return client_of(user).post("/messages/new/", typed, follow=True)


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 422
    return {name: list(found) for name, found in response.context["form"].errors.items()}


def test_a_message_is_kept_as_it_was_typed_and_is_read_by_its_addressee(taker: User, ben: User) -> None:
    response = post(
        taker, to="Ben Beta <102>", caller_name="  Zoë  Müller ", caller_number="+49 172 555",
        text="About the roof.\r\n\r\nAfter four.\u202e", urgent="on", call_back="on",
    )  # fmt: skip
    assert "The message for Ben Beta is in the panel." in response.content.decode()
    message = Message.objects.get()
    assert (message.by, message.addressee, message.name) == (taker, ben, "Ben Beta")
    assert (message.caller_name, message.caller_number) == ("Zoë Müller", "+49 172 555")
    assert message.text == "About the roof.\n\nAfter four."
    assert (message.urgent, message.call_back, message.read_at, message.done_at) == (True, True, None, None)
    assert message.mail == "none"
    html = client_of(ben).get("/messages/").content.decode()
    assert "Zoë Müller" in html
    assert "About the roof.<br><br>After four." in html
    assert 'name="number" value="+49 172 555"' not in html  # who sees only, calls nobody


def test_whoever_reads_it_is_told_once_how_it_begins_and_whoever_does_not_is_told_nothing(
    taker: User, ben: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Notice] = []
    monkeypatch.setattr("extensions.messages.taking.notify", told.extend)
    settings.EMAIL_HOST = "127.0.0.1"
    nobody = people.person(NOBODY, "nobody")
    add("No Reader", user=str(nobody.pk), email="no@example.org")
    message = taken(taker, Person.objects.get(name="Ben Beta"), text="很长" * 100, urgent=True)
    taken(taker, Person.objects.get(name="No Reader"))
    go(message, "done")
    (notice,) = told
    assert notice.user_id == ben.pk
    html = fragments.toast(notice, "en")
    assert f"An urgent message for you from Carla: {('很长' * 100)[:79]}…" in html
    assert f'href="/messages/#message-{message.pk}"' in html


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "A message for you from Carla: About the roof."),
        ({"text": ""}, "A message for you from Carla"),
        ({"caller_name": "", "text": "a\n\nb"}, "A message for you from 0172 555: a b"),
        ({"caller_name": "", "caller_number": ""}, "A message for you: About the roof."),
        ({"caller_name": "", "caller_number": "", "urgent": True}, "An urgent message for you: About the roof."),
        ({"caller_name": "100 %(who)s", "text": ""}, "A message for you from 100 %(who)s"),
    ],
)
def test_a_toast_says_from_whom_a_message_is_as_far_as_that_is_known(
    taker: User, ben: User, said: dict[str, object], sentence: str
) -> None:
    message = taken(taker, Person.objects.get(name="Ben Beta"), **said)
    assert told_of_message(told_of(message)).text == sentence


@pytest.mark.parametrize("typed", ["Ben Beta <102>", "ben beta", "102"])
def test_somebody_is_meant_by_name_by_extension_or_by_both(taker: User, ben: User, typed: str) -> None:
    assert post(taker, to=typed, text="Hello").status_code == 200
    assert Message.objects.get().addressee == ben


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("to", "", "Say for whom the message is."),
        ("to", "Nobody", "“Nobody” is nobody in the directory, or more than one person"),
        ("to", "Ben Beta <103>", "is nobody in the directory"),
        ("to", "x" * 161, "at most 160 characters"),
        ("caller_name", "x" * 81, "too long"),
        ("caller_number", "1" * 81, "too long"),
        ("text", "x" * 1001, "at most 1000 characters are accepted here, and it has 1001"),
        ("text", " \u202e ", "Say who called, or what about."),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field_and_nothing_is_kept(
    taker: User, ben: User, field: str, typed: str, sentence: str
) -> None:
    text = {} if field == "text" else {"text": "Hello"}
    found = errors_of(post(taker, **{"to": "Ben Beta", **text, field: typed}))
    assert list(found) == [field]
    assert sentence in found[field][0]
    assert not Message.objects.exists()


def test_of_two_of_one_name_the_one_that_the_link_meant_is_meant_or_else_one_is_asked(taker: User, ben: User) -> None:
    other = add("Ben Beta", user=str(people.person("Viewer", "ben2").pk))
    assert "more than one person" in errors_of(post(taker, to="Ben Beta", text="Hello"))["to"][0]
    form = client_of(taker).get(f"/messages/new/?person={other.pk}").content.decode()
    assert 'value="Ben Beta"' in form
    post(taker, to="Ben Beta", person=other.pk, text="Hello")
    assert Message.objects.get().person == other


def test_a_link_fills_in_who_called_and_for_whom(taker: User, ben: User) -> None:
    path = f"/messages/new/?person={Person.objects.get().pk}&name=%3Cb%3ECarla&number=0172%20555"
    html = client_of(taker).get(path).content.decode()
    assert 'value="Ben Beta &lt;102&gt;"' in html
    assert 'value="&lt;b&gt;Carla"' in html
    assert 'value="0172 555"' in html
    assert re.search(r'name="call_back"[^>]*checked', html)


@pytest.mark.parametrize("pk", ["x", "0", "9" * 30, "²", "-1"])
def test_a_link_to_nobody_fills_in_nobody(taker: User, ben: User, pk: str) -> None:
    response = client_of(taker).get(f"/messages/new/?person={pk}")
    assert response.status_code in (200, 404)
    assert "Ben Beta" not in response.content.decode()


@pytest.mark.parametrize(("email", "sentence"), [("", "has no e-mail address"), ("c@example.org", "sends no e-mail")])
def test_whoever_cannot_be_reached_is_said_before_and_after(taker: User, email: str, sentence: str) -> None:
    carla = add("Carla", email=email)
    assert sentence in client_of(taker).get(f"/messages/new/?person={carla.pk}").content.decode()
    assert sentence in errors_of(post(taker, to="Carla", text="Hello"))["to"][0]


def test_a_user_who_may_read_no_messages_is_not_reached_in_the_panel(taker: User) -> None:
    for name, user in (("None", people.person(name="none")), ("Off", people.person("Viewer", "off"))):
        add(name, user=str(user.pk))
    User.objects.filter(username="off").update(is_active=False)
    for name in ("None", "Off"):
        assert "is no user of the panel who reads messages" in errors_of(post(taker, to=name, text="Hello"))["to"][0]


def test_hidden_people_and_contacts_of_ones_own_are_no_addressees(taker: User, ben: User) -> None:
    add("Hidden", hidden="on", user=str(people.person("Viewer", "hid").pk))
    add("Plumber", owner=taker, email="plumber@example.org")
    client = client_of(taker)
    for person in Person.objects.exclude(name="Ben Beta"):
        assert client.get(f"/messages/new/?person={person.pk}").status_code == 404
        assert "is nobody in the directory" in errors_of(post(taker, to=person.name, text="Hello"))["to"][0]
    for q in ("hidden", "plumber"):
        assert client.get(f"/messages/find/?q={q}").content.strip() == b""


def test_the_box_finds_people_and_writes_their_number_with_their_name(taker: User, ben: User) -> None:
    add("Ben Nobody")
    html = client_of(taker).get("/messages/find/?q=ben").content.decode()
    assert re.findall(r'data-number="([^"]*)"', html) == ["Ben Beta &lt;102&gt;", "Ben Nobody"]
    assert client_of(taker).get("/messages/find/?q=%20").content.strip() == b""


def test_so_many_a_minute_are_taken_and_no_more(taker: User, ben: User) -> None:
    person = Person.objects.get()
    for _ in range(MOST_A_MINUTE):
        taken(taker, person)
    found = errors_of(post(taker, to="Ben Beta", text="One more"))
    assert found == {"__all__": ["At most 20 messages a minute are taken from one user. Try again in a moment."]}
    assert "One more" in post(taker, to="Ben Beta", text="One more").content.decode()
    Message.objects.update(at=timezone.now() - timedelta(minutes=2))
    assert post(taker, to="Ben Beta", text="One more").status_code == 200


def test_the_sentences_are_those_of_the_house_where_they_are_set(taker: User, ben: User, settings: Settings) -> None:
    assert "Will call again." in client_of(taker).get("/messages/new/").content.decode()
    settings.MESSAGE_SENTENCES = ["Asks for <an> offer."]
    html = client_of(taker).get("/messages/new/").content.decode()
    assert "Asks for &lt;an&gt; offer." in html
    assert "Will call again." not in html


def test_the_menu_of_a_person_and_the_directory_offer_it_to_whoever_may(taker: User, ben: User) -> None:
    pk = Person.objects.get().pk
    link = f'href="/messages/new/?person={pk}"'
    for path in (f"/people/{pk}/menu/", "/people/directory/"):
        assert link in client_of(taker).get(path).content.decode()
        assert link not in client_of(ben).get(path).content.decode()
    contact = add("Plumber", owner=taker)
    for path in (f"/people/{contact.pk}/menu/", "/people/directory/?q=plumber"):
        assert "/messages/new/" not in client_of(taker).get(path).content.decode().partition("<main")[2]
