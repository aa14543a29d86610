"""Hostile texts typed into each form, put into each address, asked of the socket: answered in words, and never more."""

import asyncio
import html
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_from_bytes, urljoin, urlsplit

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from accounts import lockout
from accounts.models import Profile
from audit.models import AuditEntry
from engine.live import consumers, hub
from engine.live.close_codes import NO_SUCH_VIEW
from engine.mirror.models import PBX
from tests.access import people
from tests.access.people import Asterisk, given
from tests.engine.live.test_socket import ORIGIN, Tab
from tests.hostile.texts import EVIL, TEXTS, Hostile
from tests.matrix import FULL, share
from web.field_limits import of_field

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(120)]

HTMX = {"HX-Request": "true"}
# What a page of a conference is told at first: no trouble, its five containers, the link, three counts, my phone.
PARTS = 11
PASSWORD = "a-password-of-the-tests"


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    PBX.objects.update(seen_at=timezone.now() + timedelta(hours=1))  # its worker lives as long as the test
    return people.stand_in(monkeypatch)


@pytest.fixture
def user(asterisk: Asterisk) -> User:
    return people.person("Administrator", staff=True)


@pytest.fixture
def anna(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_too_long(text: str, route: str = "", field: str = "") -> bool:
    """Whether a field holds more than it may, so that nothing is done with what was sent."""
    return len(text) > of_field(route, field)


def check_markup(response: Any, text: Hostile) -> None:
    """None of a text's markup stands in the page as markup; what the page says of it is escaped."""
    page = response.content.decode()
    if "<" in text.text and response.get("Content-Type", "").startswith("text/html"):
        assert text.text not in page, text.label


def test_only_digits_are_dialled(anna: Client, asterisk: Asterisk) -> None:
    for number, text in enumerate(TEXTS):
        sent = len(asterisk.commands)
        response = anna.post("/calls/dial/", {"number": text.text, "command_id": f"{number:032x}"}, headers=HTMX)
        assert response.status_code in ((400,) if is_too_long(text.text) else (200, 422)), text.label
        assert 'class="panel-toast' in response.content.decode(), text.label
        check_markup(response, text)
        assert len(asterisk.commands) == sent + (response.status_code == 200), text.label
    dialled = [given(command)["number"] for command in asterisk.commands]
    assert sorted(dialled) == ["*", "0"]
    assert AuditEntry.objects.count() == len(dialled)


@pytest.mark.matrix
def test_a_phone_is_saved_or_refused_beside_its_field(anna: Client, user: User, asterisk: Asterisk) -> None:
    for number, text in enumerate(share(TEXTS, 0, of=8)):
        fields = dict.fromkeys(("extension", "endpoint", "dial_context"), text.text)
        fields["endpoint"] = f"PJSIP/{text.text}"
        if FULL or number % 3 == 0:
            response = anna.post("/profile/", {"pbx": text.text, **fields})
            assert response.status_code == (400 if is_too_long(text.text) else 422), text.label
            check_markup(response, text)
        anna.post("/profile/", {"pbx": "main", **fields})
        # Whatever was saved: it is one value for one field of an action.
        profile = Profile.objects.get(user=user)
        for value in (profile.extension, profile.endpoint, profile.dial_context):
            assert not set(value) & set("\r\n\0,&|${} \t<>\"'\\;()"), text.label


@pytest.mark.matrix
@pytest.mark.parametrize(("number", "path"), [*enumerate(["/audit/", "/calls/"])])
def test_searching_for_anything_finds_nothing_and_says_so(number: int, path: str, anna: Client) -> None:
    for text in share(TEXTS, number, of=8):
        response = anna.get(path, {"q": text.text, "page": text.text})
        assert response.status_code == (400 if "\0" in text.text or is_too_long(text.text) else 200), text.label
        check_markup(response, text)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("number", "model", "permission"), [(0, "calls/channel", "view_channel"), (1, "auth/user", "view_user")]
)
def test_searching_the_admin_for_anything_finds_nothing_and_says_so(
    number: int, model: str, permission: str, asterisk: Asterisk
) -> None:
    """By somebody who sees this model alone: a page with the names of all the others takes many times as long."""
    user = people.person(staff=True)
    user.user_permissions.add(Permission.objects.get(codename=permission))
    client = Client()
    client.force_login(user)
    for text in share(TEXTS, number, of=8):
        response = client.get(f"/admin/{model}/", {"q": text.text})
        assert response.status_code == (400 if "\0" in text.text or is_too_long(text.text) else 200), text.label
        check_markup(response, text)


@pytest.mark.matrix
def test_a_login_by_any_name_is_refused_in_words(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "LONGEST", 0.001)  # of being slowed down see tests/accounts/test_guessing.py
    client = Client()
    for text in share(TEXTS, 1, of=6):
        client.cookies.clear()
        response = client.post("/login/", {"username": text.text, "password": text.text})
        page = response.content.decode()
        if is_too_long(text.text, "login", "username"):
            assert response.status_code == 400, text.label
            assert "This is too long" in page, text.label
        else:
            assert response.status_code == 200, text.label
            assert 'role="alert"' in page, text.label
        check_markup(response, text)
        assert "sessionid" not in client.cookies, text.label


@pytest.mark.matrix
@pytest.mark.parametrize("path", ["/login/", "/language/"])
def test_after_login_or_a_change_of_language_one_is_still_here(path: str, user: User, anna: Client) -> None:
    """Each text logs somebody in with one of its addresses; with the others they are logged in and are led on at once.

    Both ask the same of an address, and a login takes many times as long.
    """
    user.set_password(PASSWORD)
    user.save()
    stranger = Client()
    for number, text in enumerate(TEXTS):
        addresses = (text.text, f"//{EVIL}/{text.text}", f"/\t/{EVIL}/{text.text}", f"/{text.text}")
        for at, address in enumerate(addresses):
            logs_in = at == number // 2 % len(addresses)
            if not FULL and (number % 2 or at not in (number // 2 % 4, (number // 2 + 1) % 4)):
                continue
            client = stranger if logs_in else anna
            fields = {"username": "anna", "password": PASSWORD, "language": text.text, "next": address}
            response = client.post(path, fields)
            if is_too_long(address) or is_too_long(text.text):
                assert response.status_code == 400, (text.label, address)
                assert "sessionid" not in stranger.cookies, text.label
                continue
            assert response.status_code == 302, (text.label, address)
            location = response["Location"]
            assert not set(location) & set("\r\n\0\t "), (text.label, location)
            # A browser reads a backslash as a slash.
            arrived = urlsplit(urljoin(f"http://testserver{path}", location.replace("\\", "/")))
            assert arrived[:2] == ("http", "testserver"), (text.label, location)
            assert set(client.cookies) <= {"sessionid", "csrftoken", "django_language", "messages"}, text.label
            assert ("sessionid" in stranger.cookies) == (logs_in and path == "/login/"), text.label
            stranger.cookies.clear()


BUTTONS = [
    "/calls/main/{}/hangup/",
    "/calls/{}/1.1/hangup/",
    "/calls/main/channels/{}/hangup/",
    "/calls/{}/channels/1.1/hangup/",
    "/conferences/main/participants/{}/mute/",
    "/conferences/main/participants/{}/kick/",
    "/conferences/{}/participants/3.1/unmute/",
    "/conferences/main/participants/3.1/{}/",
]
PAGES = ["/conferences/main/{}/", "/conferences/{}/8001/", "/{}", "/calls/{}", "/admin/{}/"]


@pytest.mark.matrix
@pytest.mark.parametrize(("number", "path"), [*enumerate(BUTTONS)])
def test_a_button_of_a_hostile_address_does_nothing(number: int, path: str, anna: Client, asterisk: Asterisk) -> None:
    for text in share(TEXTS, number, of=8):
        response = anna.post(path.format(quote_from_bytes(text.raw, safe="")), headers=HTMX)
        assert response.status_code in (400, 404, 405), text.label
        check_markup(response, text)
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


@pytest.mark.matrix
@pytest.mark.parametrize(("number", "path"), [*enumerate(PAGES)])
def test_a_page_of_a_hostile_address_is_a_page_or_none(number: int, path: str, anna: Client) -> None:
    for text in share(TEXTS, number, of=12):
        response = anna.get(path.format(quote_from_bytes(text.raw, safe="")))
        assert response.status_code in (200, 301, 302, 400, 404), text.label
        check_markup(response, text)
        assert "default-src 'self'" in response["Content-Security-Policy"], text.label


@pytest.mark.django_db(transaction=True)
@pytest.mark.matrix
@pytest.mark.parametrize(("number", "parameter"), [*enumerate(["view", "lang", "key"])])
async def test_the_socket_takes_any_question(number: int, parameter: str) -> None:
    channel_layers.backends.clear()
    await sync_to_async(people.a_small_pbx)()
    client = Client()
    await sync_to_async(client.force_login)(await sync_to_async(people.person)("Administrator"))
    for text in share(TEXTS, number, of=4 if parameter == "key" else 8):
        asked = {"view": b"conference", "lang": b"en", "key": b"main/8001"}
        asked[parameter] = b"main/" + text.raw if parameter == "key" else text.raw
        tab = Tab(client, "&".join(f"{name}={quote(value)}" for name, value in asked.items()), ORIGIN)
        accepted, _ = await tab.socket.connect(5)
        assert accepted, text.label
        if parameter != "key" or not consumers.is_key(f"main/{text.text}"):
            assert await tab.close_code() == NO_SUCH_VIEW, text.label
        else:
            board = html.unescape(await tab.text())
            assert "This conference is not running." in board, text.label
            assert board.count("<hx-partial") == PARTS, text.label
        await tab.socket.disconnect()
    if (task := hub.Hub.here()._task) is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
