"""Messages that are read: by whom alone, done and not done, how many are unread, and how the page is kept live."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from accounts.identity import viewer_of, viewers_of
from engine.live import fragments
from engine.live.fragments import Viewer
from extensions.messages.models import Message
from extensions.people.models import Person
from pbxpanel.asgi import application
from tests.access import people

from .conftest import add, client_of, taken

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(taker: User, ben: User) -> Message:
    return taken(taker, Person.objects.get())


def step(user: User, message: Message, step: str, **query: str) -> Any:
    return client_of(user).post(f"/messages/{message.pk}/{step}/", query_params=query)


def count_of(user: User) -> str:
    """What the navigation of a page says."""
    return client_of(user).get("/").content.decode().partition('id="count-messages"')[2].partition(">")[2].split("<")[0]


def test_nobody_else_reads_a_message_or_says_that_it_is_done(message: Message, taker: User) -> None:
    others = [people.person("Administrator", "root"), people.person("Operator", "other"), taker]
    for other in others:
        assert "Carla" not in client_of(other).get("/messages/").content.decode()
        assert "Carla" not in client_of(other).get("/messages/list/?box=to-me").content.decode()
        for name in ("read", "done", "undone"):
            assert step(other, message, name).status_code == 404
    for other in others[:2]:
        assert "Carla" not in client_of(other).get("/messages/taken/").content.decode()
        assert "Carla" not in client_of(other).get("/messages/list/?box=taken").content.decode()
        assert client_of(other).post(f"/messages/{message.pk}/send-again/").status_code == 404
    message.refresh_from_db()
    assert (message.read_at, message.done_at) == (None, None)
    assert "Carla" in client_of(taker).get("/messages/taken/").content.decode()


def test_whoever_becomes_the_user_of_a_person_later_does_not_read_what_was_taken_before(
    message: Message, taker: User, ben: User
) -> None:
    later = people.person("Viewer", "later")
    Person.objects.update(user=later)
    assert "Carla" not in client_of(later).get("/messages/").content.decode()
    assert "Carla" in client_of(ben).get("/messages/").content.decode()


def test_an_unread_message_counts_until_it_is_read(message: Message, taker: User, ben: User) -> None:
    assert (count_of(ben), count_of(taker)) == ("1", "")
    assert "is-unread" in client_of(ben).get("/messages/").content.decode()
    answer = step(ben, message, "read").content.decode()
    assert "is-unread" not in answer
    assert "Carla" in answer
    assert count_of(ben) == ""
    assert "Read in the panel." in client_of(taker).get("/messages/taken/").content.decode()


def test_a_message_is_done_and_not_done_and_what_is_done_was_read(message: Message, ben: User) -> None:
    assert "Not done" in step(ben, message, "done").content.decode()
    message.refresh_from_db()
    assert message.read_at is not None
    done_at = message.done_at
    assert done_at is not None
    step(ben, message, "done")
    message.refresh_from_db()
    assert message.done_at == done_at
    assert "Not done" not in step(ben, message, "undone").content.decode()
    message.refresh_from_db()
    assert message.done_at is None
    assert step(ben, message, "elsewhere").status_code == 404


def test_a_message_for_somebody_without_a_user_is_done_by_whoever_took_it(
    taker: User, ben: User, mailing: object
) -> None:
    message = taken(taker, add("Carla Gamma", email="carla@example.org"))
    assert "Not done" in step(taker, message, "done", box="taken").content.decode()
    assert step(ben, message, "undone").status_code == 404


def test_hostile_text_stays_text(taker: User, ben: User) -> None:
    evil = "<script>alert(1)</script>"
    taken(taker, Person.objects.get(), caller_name=evil, caller_number=evil, text=f"{evil}\n{{{{ x }}}}")
    for user, path in ((ben, "/messages/"), (taker, "/messages/taken/")):
        html = client_of(user).get(path).content.decode()
        assert evil not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>{{ x }}" in html


def test_a_long_list_has_pages(taker: User, ben: User) -> None:
    person = Person.objects.get()
    for number in range(31):
        taken(taker, person, text=f"The message {number}.")
        Message.objects.update(at="2026-01-01T00:00:00Z")
    client = client_of(ben)
    first, second = (client.get(f"/messages/?page={number}").content.decode() for number in (1, 2))
    assert "The message 30." in first
    assert "The message 0." not in first
    assert "The message 0." in second
    assert "view=messages" in first
    assert "view=messages" not in second


# The live push.


def test_a_viewer_has_the_count_of_who_reads_messages_and_of_nobody_else(
    message: Message, taker: User, ben: User
) -> None:
    nobody = people.person(name="nobody")
    assert [viewer_of(user, "").counts for user in (ben, taker, nobody)] == [
        (("messages", 1),), (("messages", 0),), (),
    ]  # fmt: skip
    sessions = {client.session.session_key: user for user in (ben, taker, nobody) if (client := client_of(user))}
    found = viewers_of([key for key in sessions if key])
    assert {sessions[key].username: viewer.counts for key, viewer in found.items()} == {
        "ben": (("messages", 1),), "olga": (("messages", 0),), "nobody": (),
    }  # fmt: skip


def test_the_board_of_each_page_has_the_count_and_that_of_the_messages_has_the_messages(
    message: Message, ben: User, taker: User
) -> None:
    pages = fragments.live_pages
    viewer = viewer_of(ben, "en")
    assert '<span id="count-messages" class="count">1</span>' in fragments.board_of(pages["panel"], viewer, "")
    board = fragments.board_of(pages["messages"], viewer, "to-me")
    assert 'hx-target="#messages"' in board
    assert "About the roof." in board
    assert "About the roof." not in fragments.board_of(pages["messages"], viewer_of(taker, "en"), "to-me")
    ben.groups.clear()
    assert "About the roof." not in fragments.board_of(pages["messages"], viewer, "to-me")


@sync_to_async
def prepare() -> tuple[User, Person, str]:
    """Who takes a message, for whom, and the session of whoever reads it."""
    people.pbx()
    taker, ben = people.person("Operator", "olga"), people.person("Viewer", "ben")
    return taker, add("Ben Beta", extension="102", user=str(ben.pk)), str(client_of(ben).session.session_key)


def socket_of(session: str) -> WebsocketCommunicator:
    """That of a page of whoever has this session."""
    headers = [
        (b"cookie", f"sessionid={session}".encode()),
        (b"origin", b"http://testserver"),
        (b"host", b"testserver"),
    ]
    return WebsocketCommunicator(application, "/ws/?view=panel&key=&lang=en", headers=headers)


async def until(socket: WebsocketCommunicator, *texts: str) -> str:
    """All that a socket says until it has said all of these."""
    said = ""
    while not all(text in said for text in texts):
        said += await socket.receive_from(10)
    return said


def counted(number: str) -> str:
    return f'id="count-messages" class="count">{number}</span>'


@pytest.mark.django_db(transaction=True)
async def test_an_open_page_is_told_of_a_new_message_at_once() -> None:
    taker, person, session = await prepare()
    socket = socket_of(session)
    assert (await socket.connect())[0]
    assert counted("") in await socket.receive_from(10)
    await sync_to_async(taken)(taker, person)
    text = await until(socket, counted("1"), "A message for you from Carla: About the roof.")
    assert text.count("panel-toast") == 1
    await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_is_just_being_opened_is_told_of_what_is_taken_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taker, person, session = await prepare()

    def and_then(sessions: list[str]) -> dict[str, Viewer]:
        """It is known who comes, and then a message is taken."""
        monkeypatch.setattr(fragments, "viewers_of", viewers_of)
        found = viewers_of(sessions)
        taken(taker, person)
        return found

    monkeypatch.setattr(fragments, "viewers_of", and_then)
    socket = socket_of(session)
    assert (await socket.connect())[0]
    await until(socket, counted("1"))
    await socket.disconnect()
