"""The demo user, whose password everybody knows: only `make run` with its own demo PBX, for this machine, admits it."""

import http.client
import io
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import demo
from accounts.identity import viewers_of
from accounts.models import DemoUser, Profile
from conferences.rooms.events import plan_for
from conferences.rooms.models import Room
from pbxpanel.management.commands.runpanel import Command
from tests.lab.asterisk import free_port
from tests.panel import Panel

pytestmark = pytest.mark.django_db

NAME = PASSWORD = "demo"


@pytest.fixture(autouse=True)
def process(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has just started, with nothing in its environment."""
    monkeypatch.setattr(demo, "_admitting", False)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
    settings.DEMO, settings.HTTPS, settings.ALLOWED_HOSTS = True, False, ["localhost", "127.0.0.1", "[::1]"]


@pytest.fixture
def demo_user() -> User:
    user = User.objects.create_user(NAME, password=PASSWORD)
    user.groups.set(Group.objects.all())
    DemoUser.objects.create(user=user)
    return user


def start(host: str = "127.0.0.1") -> str:
    """What `runpanel` does about people when it starts, and says of it."""
    said = io.StringIO()
    command = Command(stdout=said)
    command.host = host
    command._prepare_people()
    return said.getvalue()


def a_browser() -> Client:
    return Client(headers={"host": "localhost"})


def logs_in() -> bool:
    return a_browser().post("/login/", {"username": NAME, "password": PASSWORD}).status_code == 302


def test_the_demo_admits_its_user_to_every_page() -> None:
    assert "Log in as “demo”" in start()
    client = a_browser()
    assert client.post("/login/", {"username": NAME, "password": PASSWORD}).status_code == 302
    for path in ("/calls/", "/admin/", "/audit/"):
        assert client.get(path).status_code == 200, path


def test_every_other_process_refuses_the_password(demo_user: User) -> None:
    assert not logs_in()


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_what_became_of_its_name_and_its_phone_makes_no_difference(demo_user: User, path: str) -> None:
    Profile.objects.create(user=demo_user, endpoint="PJSIP/4711", extension="4711")
    User.objects.filter(pk=demo_user.pk).update(username="boss", is_staff=True, is_superuser=True)
    answer = a_browser().post(path, {"username": "boss", "password": PASSWORD})
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies


def test_a_session_of_the_demo_ends_with_it(demo_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    start()
    client = a_browser()
    assert client.post("/login/", {"username": NAME, "password": PASSWORD}).status_code == 302
    key = str(client.session.session_key)
    assert key in viewers_of([key])
    monkeypatch.setattr(demo, "_admitting", False)  # another process
    assert Session.objects.filter(pk=key).exists()
    assert client.get("/calls/")["Location"] == "/login/?next=/calls/"
    assert viewers_of([key]) == {}  # whom the sockets ask


def test_what_the_demo_user_planned_is_carried_out_by_no_other_process(demo_user: User) -> None:
    Profile.objects.create(user=demo_user, endpoint="PJSIP/100", dial_context="internal")
    room = Room.objects.create(pbx="main", number="8001", planned_by=demo_user)
    room.invite_groups.create(name="Everybody").members.create(number="102", name="Ben")
    plan = plan_for("main", "8001")
    assert plan is not None
    assert plan.people == {}
    assert plan.refused == {"102": "Whoever planned the room may not place calls."}


@pytest.mark.parametrize(
    ("host", "values", "why"),
    [
        ("0.0.0.0", {}, "reachable from other machines"),
        ("192.0.2.1", {}, "reachable from other machines"),
        ("127.0.0.1", {"ALLOWED_HOSTS": ["panel.example.org", "localhost"]}, "through a proxy"),
        ("127.0.0.1", {"ALLOWED_HOSTS": ["*"]}, "through a proxy"),
        ("127.0.0.1", {"HTTPS": True}, "through a proxy"),
        (
            "127.0.0.1",
            {"CHANNEL_LAYERS": {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}},
            "REDIS_URL is set",
        ),
    ],
)
def test_where_others_may_come_in_the_demo_has_no_user(
    demo_user: User, settings: Any, host: str, values: dict[str, Any], why: str
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    assert why in start(host)
    assert not logs_in()


def test_with_a_real_pbx_there_is_none(demo_user: User, settings: Any) -> None:
    settings.DEMO = False
    assert "make admin" in start()
    assert not logs_in()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_may_use_it(host: str) -> None:
    start(host)
    assert logs_in()


def test_somebody_who_is_called_demo_keeps_the_password_and_the_rights_they_have() -> None:
    somebody = User.objects.create_user(NAME, password="a-password-of-the-tests")
    assert "there is a user “demo”" in start()
    somebody.refresh_from_db()
    assert somebody.check_password("a-password-of-the-tests")
    assert not somebody.groups.exists()
    assert not DemoUser.objects.exists()


# Real processes on one database, one after the other.


class Browser:
    """Keeps its cookies."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def ask(self, port: int, path: str, **fields: str) -> int:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if fields:
            body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": self.cookies["csrftoken"]})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST" if fields else "GET", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        for text in answer.headers.get_all("Set-Cookie") or ():
            name, _equals, value = text.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer.status

    def log_in(self, port: int) -> bool:
        self.ask(port, "/login/")
        return self.ask(port, "/login/", username=NAME, password=PASSWORD) == 302


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Panel]:
    panel = Panel(tmp_path, {})
    panel.manage("migrate", "--verbosity", "0")
    yield panel
    panel.stop()


def test_neither_a_web_process_nor_a_panel_with_a_real_pbx_admits_the_user_of_a_demo_before_them(
    installation: Panel,
) -> None:
    installation.start()
    browser = Browser()
    assert browser.log_in(installation.port)
    assert browser.ask(installation.port, "/calls/") == 200
    installation.stop()

    port = free_port()
    installation.spawn_web(port)
    installation.wait_until_served(port)
    assert browser.ask(port, "/calls/") == 302
    assert not Browser().log_in(port)
    installation.stop()

    installation.spawn(
        "manage.py", "runpanel", "--port", str(installation.port), AMI_URL="ami://panel:secret@127.0.0.1:1"
    )
    installation.wait_until_served()
    assert browser.ask(installation.port, "/calls/") == 302
    assert not Browser().log_in(installation.port)
