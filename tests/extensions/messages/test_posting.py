"""Messages by e-mail: what a mail server gets, what becomes of it where that is away or refuses; what is deleted."""

import asyncio
import ssl
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone, translation
from pytest_django.fixtures import Settings

from engine.mirror.companions import Leading
from extensions.messages import posting
from extensions.messages.models import Message
from extensions.messages.taking import send_again
from extensions.people.models import Person
from tests.access import people
from tests.lab.asterisk import free_port, make_certificates
from tests.waiting import until_stored

from .conftest import add, client_of, taken, use
from .receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def carla(taker: User) -> Person:
    return add("Carla Gamma", email="carla@example.org")


def try_once() -> Message:
    """What is due is tried, as a worker does; the message as it is then."""
    message = posting.claim()
    assert message is not None
    posting.settle(message, posting.send(message))
    return Message.objects.get(pk=message.pk)


def hurry() -> None:
    """What is to be tried again is tried now."""
    Message.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


def test_a_mail_server_gets_all_that_was_said(taker: User, carla: Person, mailing: Receiver) -> None:
    User.objects.filter(pk=taker.pk).update(email="olga@example.org", first_name="Olga", last_name="Ostrow")
    taken(taker, carla, caller_name="Zoë", text="About the roof.\nAfter four.", urgent=True, call_back=True)
    assert try_once().mail == "sent"
    (got,) = mailing.got
    assert (got.sender, got.to) == ("panel@example.org", ["carla@example.org"])
    mail = got.mail
    assert mail["From"] == "PBX Panel <panel@example.org>"
    assert mail["To"] == "Carla Gamma <carla@example.org>"
    assert mail["Reply-To"] == "olga@example.org"
    assert mail["Subject"] == "Urgent: Zoë called"
    assert mail["Importance"] == "high"
    assert mail.get_content_type() == "text/plain"
    at = Message.objects.get().at
    assert got.text.splitlines() == [
        "For: Carla Gamma", "Who called: Zoë 0172 555", f"When: {at:%Y-%m-%d %H:%M} UTC", "Taken by: Olga Ostrow", "",
        "Please call back.", "About the roof.", "After four.",
    ]  # fmt: skip
    assert posting.claim() is None


def test_it_is_in_the_language_of_whoever_took_it(taker: User, carla: Person, mailing: Receiver) -> None:
    with translation.override("zh-hans"):
        taken(taker, carla, caller_name="李雷", call_back=True)
    with translation.override("en"):
        try_once()
    (got,) = mailing.got
    assert got.mail["Subject"] == "李雷来电"
    assert "请回电。" in got.text


@pytest.mark.parametrize(
    "name", ["Eve\r\nBcc: all@example.org", "Eve\nX: y", 'Eve" <eve@example.org>, "', "Eve\u2028Bcc: a@b.c", "x" * 80]
)
def test_no_name_becomes_a_header_or_a_recipient(taker: User, carla: Person, mailing: Receiver, name: str) -> None:
    Person.objects.filter(pk=carla.pk).update(name=name[:80])
    taken(taker, carla, caller_name=name, caller_number=name, text=f".\r\n{name}\r\n.\r\nRCPT TO:<eve@example.org>")
    assert try_once().mail == "sent"
    (got,) = mailing.got
    assert got.to == ["carla@example.org"]
    assert "Bcc" not in got.mail
    assert "X" not in got.mail
    assert parseaddr(got.mail["To"])[1] == "carla@example.org"
    assert "\n" not in str(got.mail["Subject"])
    assert "RCPT TO:<eve@example.org>" in got.text


def test_while_the_mail_server_is_away_it_is_tried_again_and_said_and_nothing_is_lost(
    taker: User, carla: Person, settings: Settings
) -> None:
    port = free_port()
    use(settings, port)
    taken(taker, carla)
    message = try_once()
    assert (message.mail, message.tries) == ("waiting", 1)
    assert message.next_at is not None
    assert timedelta(seconds=20) < message.next_at - timezone.now() <= timedelta(seconds=30)
    page = client_of(taker).get("/messages/taken/").content.decode()
    assert "There is no connection to the mail server (Connection refused)." in page
    assert "Next try:" in page
    assert posting.claim() is None
    receiver = Receiver(port)
    try:
        hurry()
        message = try_once()
    finally:
        receiver.stop()
    assert (message.mail, message.error, message.next_at) == ("sent", "", None)
    assert len(receiver.got) == 1


def test_it_is_given_up_after_two_days_and_sent_again_by_hand_with_the_same_id(
    taker: User, carla: Person, mailing: Receiver
) -> None:
    mailing.answers = ["451 Try again later"] * (len(posting.RETRIES) + 1)
    message = taken(taker, carla)
    for _ in posting.RETRIES:
        assert try_once().mail == "waiting"
        hurry()
    assert try_once().mail == "failed"
    page = client_of(taker).get("/messages/taken/").content.decode()
    assert "The mail server refused it (451 Try again later)." in page
    answer = client_of(taker).post(f"/messages/{message.pk}/send-again/?box=taken").content.decode()
    assert "waiting to be sent by e-mail" in answer
    assert client_of(taker).post(f"/messages/{message.pk}/send-again/").status_code == 409
    assert try_once().mail == "sent"
    assert mailing.got[0].mail["Message-ID"] == f"<{message.mail_id}@example.org>"
    assert 1.5 * 24 * 3600 < sum(posting.RETRIES) < 2.5 * 24 * 3600


@pytest.mark.parametrize(
    ("rcpt", "data", "mail", "sentence"),
    [
        ("550 No such user here", "", "failed", "The mail server refused it (550 No such user here)."),
        ("450 Mailbox is busy", "", "waiting", "The mail server refused it (450 Mailbox is busy)."),
        ("", "554 This is spam", "failed", "The mail server refused it (554 This is spam)."),
        ("", "452 Disk is full", "waiting", "The mail server refused it (452 Disk is full)."),
    ],
)
def test_what_is_refused_for_good_is_not_tried_again(
    taker: User, carla: Person, mailing: Receiver, rcpt: str, data: str, mail: str, sentence: str
) -> None:
    mailing.answers_to_rcpt, mailing.answers = [rcpt] if rcpt else [], [data] if data else []
    taken(taker, carla)
    message = try_once()
    assert (message.mail, message.error_in_words) == (mail, sentence)


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_with_tls_and_a_login(
    taker: User, carla: Person, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    receiver = Receiver(context=context, login=("panel", "right"))
    try:
        login = {"EMAIL_USE_TLS": True, "EMAIL_HOST_USER": "panel", "EMAIL_HOST_PASSWORD": password}
        use(settings, receiver.port, **login)
        taken(taker, carla)
        assert "could not show who it is (CERTIFICATE_VERIFY_FAILED" in try_once().error_in_words
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        hurry()
        message = try_once()
    finally:
        receiver.stop()
    if password == "right":
        assert (message.mail, len(receiver.got)) == ("sent", 1)
    else:
        assert "refused the login of the panel (535" in message.error_in_words
        assert (message.mail, receiver.got) == ("waiting", [])


def test_what_is_no_mail_server_is_said(taker: User, carla: Person, mailing: Receiver) -> None:
    mailing.answers = ["221 Bye"]
    taken(taker, carla)
    message = try_once()
    assert message.mail == "waiting"
    assert message.error_in_words


def test_two_workers_do_not_send_the_same_and_what_one_has_dropped_is_sent_by_the_next(
    taker: User, carla: Person, mailing: Receiver
) -> None:
    taken(taker, carla)
    mine = posting.claim()
    assert mine is not None
    assert posting.claim() is None
    later = Message.objects.get().next_at
    assert later is not None
    assert later > timezone.now() + timedelta(minutes=4)
    hurry()
    assert try_once().mail == "sent"
    # The first one, whose answer comes late, changes nothing any more.
    posting.settle(mine, posting.Result("protocol"))
    assert Message.objects.get().mail == "sent"


def test_without_a_mail_server_nothing_is_promised_and_what_waits_is_given_up(
    taker: User, carla: Person, ben: User, settings: Settings, mailing: Receiver
) -> None:
    taken(taker, carla)
    settings.EMAIL_HOST = ""
    assert posting.claim() is None
    posting.tidy()
    message = Message.objects.get()
    assert message.error_in_words == "The panel sends no e-mail any more: EMAIL_URL is not set."
    assert message.mail == "failed"
    assert send_again(message)


def test_messages_are_deleted_after_a_time_or_never(taker: User, ben: User, settings: Settings) -> None:
    old, new = (taken(taker, Person.objects.get()) for _ in range(2))
    Message.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=91))
    with override_settings(MESSAGE_DAYS=0):
        posting.tidy()
    assert Message.objects.count() == 2
    posting.tidy()
    assert list(Message.objects.all()) == [new]


def test_a_name_of_somebody_who_is_deleted_stays_with_the_message(taker: User, ben: User) -> None:
    taken(taker, Person.objects.get())
    Person.objects.all().delete()
    assert "Ben Beta" in client_of(taker).get("/messages/taken/").content.decode()
    taker.delete()
    assert "About the roof." in client_of(ben).get("/messages/").content.decode()
    ben.delete()
    assert Message.objects.get().addressee is None


@pytest.mark.django_db(transaction=True)
async def test_a_worker_sends_as_long_as_it_leads(settings: Settings) -> None:
    from asgiref.sync import sync_to_async

    receiver = Receiver()
    use(settings, receiver.port)
    leads = False

    @sync_to_async
    def prepare() -> None:
        people.pbx()
        taken(people.person("Operator", "olga"), add("Carla", email="carla@example.org"))

    await prepare()
    asked = asyncio.Event()

    def is_held() -> bool:
        asked.set()
        return leads

    task = asyncio.ensure_future(posting.post(Leading("main", asyncio.Event(), is_held)))
    try:
        async with asyncio.timeout(10):
            await asked.wait()
        assert receiver.got == []
        leads = True
        await until_stored(lambda: Message.objects.filter(mail="sent").exists())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        receiver.stop()
    assert len(receiver.got) == 1
