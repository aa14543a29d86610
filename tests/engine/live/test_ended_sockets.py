"""A socket ends at once, not within the minute, when its user logs out, or may no longer be where they are."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from accounts.models import Profile
from engine.live import people as live_people
from engine.live.layer import PEOPLE
from pbxpanel.asgi import application
from system.events import consumers
from tests.access import people
from tests.engine.live.test_socket import Open, Tab, visit  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a-password-of-the-tests"
# How long it takes at most, in seconds; the machine may be busy.
AT_ONCE = 10.0
VIEWER = "user0"


@pytest.fixture(autouse=True)
def nobody_looks(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Nothing but being told ends a socket in these tests."""
    for module, name in ((live_people, "CHECK_EVERY"), (consumers, "RENEW_EVERY")):
        monkeypatch.setattr(module, name, 3600.0)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick


async def ended(tab: Tab) -> int:
    """The code with which it is closed; what the page was sent before that does not count."""
    async with asyncio.timeout(AT_ONCE):
        while (output := await tab.output())["type"] == "websocket.send":
            pass
    return int(output["code"])


def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("root"))
    return client


def save_user(user: User, **changed: Any) -> None:
    """As an administrator does on the page of a user; None leaves a box empty."""
    fields: dict[str, Any] = {
        "username": user.username,
        "is_active": "on",
        "groups": [group.pk for group in user.groups.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "profile-TOTAL_FORMS": "0",
        "profile-INITIAL_FORMS": "0",
        **changed,
    }
    filled = {name: value for name, value in fields.items() if value is not None}
    answer = superuser().post(f"/admin/auth/user/{user.pk}/change/", filled)
    assert answer.status_code == 302, answer.content.decode()


def log_out(tab: Tab) -> None:
    assert tab.client.post("/logout/").status_code == 302


def deactivate(tab: Tab) -> None:
    save_user(User.objects.get(username=VIEWER), is_active=None)


def delete(tab: Tab) -> None:
    user = User.objects.get(username=VIEWER)
    assert superuser().post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == 302


def give_a_password(tab: Tab) -> None:
    """An administrator does."""
    new = {"password1": "another-Password-1", "password2": "another-Password-1", "usable_password": "true"}
    user = User.objects.get(username=VIEWER)
    assert superuser().post(f"/admin/auth/user/{user.pk}/password/", new).status_code == 302


def change_own_password_elsewhere(tab: Tab) -> None:
    user = User.objects.get(username=VIEWER)
    user.set_password(PASSWORD)
    User.objects.filter(pk=user.pk).update(password=user.password)
    other = Client()
    assert other.post("/login/", {"username": VIEWER, "password": PASSWORD}).status_code == 302
    new = {"old_password": PASSWORD, "new_password1": "another-Password-1", "new_password2": "another-Password-1"}
    assert other.post("/password/", new).status_code == 302
    assert other.get("/calls/").status_code == 200


def take_out_of_groups(tab: Tab) -> None:
    save_user(User.objects.get(username=VIEWER), groups=None)


def take_from_the_group(tab: Tab) -> None:
    Group.objects.get(name="Viewer").permissions.remove(Permission.objects.get(codename="see_calls"))


def delete_the_group(tab: Tab) -> None:
    group = Group.objects.get(name="Viewer")
    assert superuser().post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 302


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (log_out, 4401),
        (deactivate, 4401),
        (delete, 4401),
        (give_a_password, 4401),
        (change_own_password_elsewhere, 4401),
        (take_out_of_groups, 4403),
        (take_from_the_group, 4403),
        (delete_the_group, 4403),
    ],
)
async def test_whoever_may_be_there_no_longer_is_closed_at_once_and_nobody_else(
    visit: Open,  # noqa: F811
    change: Callable[[Tab], None],
    code: int,
) -> None:
    tab, other = await visit("Viewer", "view=calls&lang=en"), await visit("Operator", "view=calls&lang=en")
    for one in (tab, other):
        await one.text()
    await sync_to_async(change)(tab)
    assert await ended(tab) == code
    await other.socket.send_to("ping")
    await other.until('{"pong": true}')


async def test_a_permission_that_was_given_shows_at_once(visit: Open) -> None:  # noqa: F811
    tab = await visit(people.NOBODY, "view=home&lang=en")
    assert "call-main" not in await tab.text()
    viewers = await sync_to_async(Group.objects.get)(name="Viewer")
    await sync_to_async(lambda: save_user(User.objects.get(username=VIEWER), groups=[viewers.pk]))()
    async with asyncio.timeout(AT_ONCE):
        assert 'id="call-main-1-1"' in await tab.text()


async def test_a_room_that_was_taken_away_is_seen_no_longer_at_once(visit: Open) -> None:  # noqa: F811
    tab = await visit(people.NOBODY, "view=home&lang=en")
    await tab.text()
    room = await sync_to_async(people.room)("8001")
    await sync_to_async(lambda: room.moderators.add(User.objects.get(username=VIEWER)))()
    async with asyncio.timeout(AT_ONCE):
        await tab.until('id="conference-main-8001"')
    await sync_to_async(room.delete)()
    async with asyncio.timeout(AT_ONCE):
        assert "conference-main-8001" not in await tab.text()


def my_calls(board: str) -> str:
    return board.partition('hx-target="#my-calls"')[2].partition("</hx-partial>")[0]


async def test_whose_phone_is_another_gets_the_calls_of_that_at_once(visit: Open) -> None:  # noqa: F811
    tab = await visit("Viewer", "view=home&lang=en")
    assert 'id="call-main-1-1"' in my_calls(await tab.text())

    def save() -> None:
        profile = Profile.objects.get(user__username=VIEWER)
        profile.endpoint = "PJSIP/103"
        profile.save()

    await sync_to_async(save)()
    async with asyncio.timeout(AT_ONCE):
        mine = my_calls(await tab.text())
    assert 'id="call-main-2-1"' in mine
    assert 'id="call-main-1-1"' not in mine


async def test_a_login_elsewhere_ends_nothing(visit: Open) -> None:  # noqa: F811
    tab = await visit("Viewer", "view=calls&lang=en")
    await tab.text()

    def log_in() -> None:
        user = User.objects.get(username=VIEWER)
        user.set_password(PASSWORD)
        User.objects.filter(pk=user.pk).update(password=user.password)
        Client().post("/login/", {"username": VIEWER, "password": PASSWORD})

    told: list[Any] = []
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(PEOPLE, channel)
    await sync_to_async(log_in)()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            told.append(await layer.receive(channel))
    assert told == []


async def test_a_layer_that_fails_costs_nobody_the_log_out(
    visit: Open,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tab = await visit("Viewer", "view=calls&lang=en")
    await tab.text()

    async def failing(*arguments: object) -> None:
        raise ConnectionError("the layer is away")

    monkeypatch.setattr(get_channel_layer(), "group_send", failing)
    await sync_to_async(log_out)(tab)
    assert "the layer is away" in caplog.text
    assert (await sync_to_async(tab.client.get)("/calls/")).status_code == 302


@pytest.mark.parametrize(
    ("change", "code"), [(log_out, 4401), (deactivate, 4401), (give_a_password, 4401), (take_out_of_groups, 4403)]
)
async def test_the_socket_of_events_ends_at_once_too(
    visit: Open,  # noqa: F811
    change: Callable[[Tab], None],
    code: int,
) -> None:
    tab = await visit("Administrator", "view=panel&lang=en")
    await tab.text()
    await tab.socket.disconnect()
    headers = tab.socket.scope["headers"]
    tab.socket = WebsocketCommunicator(application, "/ws/events/?pbx=main&lang=en", headers=headers)
    assert (await tab.socket.connect(5))[0]
    assert "connecting" in await tab.text()
    await sync_to_async(change)(tab)
    assert await ended(tab) == code
