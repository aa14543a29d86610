"""What is longer than it may be is refused in words that name the limit, at once and before anything is done."""

import html
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import resolve

from audit.models import AuditEntry
from conferences.forms import person_of
from engine import limits
from engine.mirror.commands import Outcome, Status
from system.cli import commands as cli
from system.cli import rules
from tests.access import people
from tests.access.people import Asterisk
from tests.access.test_who_may_not import TABLE
from web.field_limits import of_field

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
# A refusal takes as long as a page does, on a machine that is busy; what was found here took minutes.
AT_ONCE = 5.0
POSTS = sorted({line.path for lines in TABLE.values() for line in lines if line.method == "POST"})

# The text fields of each route beside those of which nobody knows: what else it takes to get to them, and how many
# characters, or bytes, may be there.
FIELDS: list[tuple[str, str, int, dict[str, str]]] = [
    ("/login/", "username", limits.USER_NAME, {"password": "x"}),
    ("/calls/dial/", "number", limits.NUMBER, {"command_id": "0123456789abcdef" * 2}),
    ("/profile/", "extension", 40, {}),
    ("/profile/", "endpoint", 80, {}),
    ("/profile/", "dial_context", 80, {}),
    ("/conferences/main/participants/3.1/move/", "to", limits.CONFERENCE, {}),
    ("/conferences/main/invite/8001/", "numbers", limits.PERSON, {}),
    ("/conferences/main/invite/8001/", "numbers", limits.PEOPLE * limits.PERSON, {}),
    ("/groups/new/", "name", 80, {"people": "102"}),
    ("/groups/new/", "people", limits.PEOPLE * limits.PERSON, {"name": "Council"}),
    ("/groups/1/", "people", limits.PERSON, {"name": "Council"}),
    ("/rooms/new/", "number", 80, {"pbx": "main"}),
    ("/rooms/new/", "name", 80, {"pbx": "main", "number": "8003"}),
    ("/rooms/1/", "greeting", 200, {"pbx": "main", "number": "8003"}),
    ("/system/main/astdb/put/", "value", limits.ASTDB, {"family": "f", "key": "k"}),
    ("/system/main/astdb/put/", "family", limits.ASTDB, {"key": "k", "value": "v"}),
    ("/system/main/astdb/put/", "key", limits.ASTDB, {"family": "f", "value": "v"}),
    ("/system/main/astdb/delete/", "name", limits.ASTDB, {}),
    ("/system/main/astdb/tree/", "family", limits.ASTDB, {}),
    ("/system/main/variables/get/", "name", limits.VARIABLE, {}),
    ("/system/main/variables/get/", "channel", limits.VARIABLE, {"name": "x"}),
    ("/system/main/variables/set/", "value", limits.VARIABLE, {"name": "x"}),
    ("/system/main/variables/all/", "channel", limits.VARIABLE, {}),
    ("/system/main/cli/give/", "command", limits.COMMAND, {}),
    ("/system/main/action/send/", "more", limits.SUBJECT, {"name": "Ping"}),
    ("/system/main/action/send/", "field:Channel", limits.SUBJECT, {"name": "Ping"}),
    ("/system/main/states/ask/", "extension", limits.ADDRESS, {"context": "internal"}),
    ("/system/main/states/ask/", "context", limits.ADDRESS, {"extension": "101"}),
    ("/system/main/states/ask/", "presentity", limits.ADDRESS, {}),
    ("/system/main/doctor/", "number", limits.NUMBER, {}),
    ("/system/main/config/review/", "lines-0", limits.CONFIG_STEPS * limits.CONFIG_VALUE, {"file": "pjsip.conf"}),
    ("/system/main/config/write/", "lines-new", limits.CONFIG_STEPS * limits.CONFIG_VALUE, {"file": "pjsip.conf"}),
]


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    people.room("8009", pk=1)
    monkeypatch.setattr("system.config.views.look_up", lambda *arguments, **options: Outcome(Status.NOT_CONNECTED))
    return people.stand_in(monkeypatch)


@pytest.fixture
def anna() -> Client:
    """Who may do anything, so that nothing else refuses her."""
    user = people.person("Administrator", staff=True)
    user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


def refused(client: Client, path: str, fields: dict[str, str], **options: Any) -> tuple[int, str]:
    """The status of what is answered to a form, and its words; it comes at once."""
    began = time.monotonic()
    body = urlencode(fields)
    response = client.generic("POST", path, body, "application/x-www-form-urlencoded", **options)
    assert time.monotonic() - began < AT_ONCE
    return response.status_code, html.unescape(response.content.decode())


@pytest.mark.parametrize(("path", "name", "most", "rest"), FIELDS, ids=lambda value: str(value)[:40])
def test_a_text_longer_than_its_field_takes_is_refused_with_the_limit(
    path: str, name: str, most: int, rest: dict[str, str], anna: Client, asterisk: Asterisk
) -> None:
    if path == "/login/":
        anna.logout()
    status, words = refused(anna, path, {**rest, name: "1" * (most + 1)}, headers=HTMX)
    # A form of the AstDB shows the refusal on its page.
    assert 400 <= status < 500 or path == "/system/main/astdb/tree/"
    assert str(most) in words
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("path", POSTS)
def test_no_field_of_any_form_takes_as_much_as_a_request_may_hold(path: str, anna: Client, asterisk: Asterisk) -> None:
    if path == "/login/":
        anna.logout()
    names = {field for at, field, _most, _rest in FIELDS if at == path} | {"any"}
    for name in sorted(names):
        status, words = refused(anna, path, {name: "1" * 900_000}, headers=HTMX)
        assert status == 400, name
        most = of_field(resolve(path.partition("?")[0]).url_name or "", name)
        assert f"at most {most} characters are accepted here, and it has 900000" in words
        assert 'class="panel-toast is-danger"' in words
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


def admin_forms() -> Iterator[tuple[str, str]]:
    for path in ("/admin/auth/user/add/", "/admin/auth/user/1/change/", "/admin/auth/group/add/"):
        yield from ((path, name) for name in ("username", "name", "first_name", "email", "password1", "_save"))
    yield "/admin/system/clirules/add/", "allowed"
    yield "/admin/auth/group/add/", "dial_policy-0-allowed"
    yield "/admin/login/", "username"
    yield "/admin/conferences/room/add/", "name"


@pytest.mark.parametrize(("path", "name"), [*admin_forms()])
def test_the_administration_is_no_way_around(path: str, name: str, anna: Client) -> None:
    before = User.objects.count(), Group.objects.count()
    status, words = refused(anna, path, {name: "1" * 900_000})
    assert status == 400
    assert "This is too long, so nothing was done: at most " in words
    assert "<h1>Not accepted</h1>" in words
    assert (User.objects.count(), Group.objects.count()) == before


@pytest.mark.parametrize("path", ["/calls/", "/audit/", "/records/", "/system/main/cli/complete/", "/admin/auth/user/"])
def test_what_an_address_asks_for_has_a_limit_too(path: str, anna: Client) -> None:
    response = anna.get(path, {"q": "x" * (limits.FIELD + 1)})
    assert response.status_code == 400
    assert f"at most {limits.FIELD} characters" in response.content.decode()


def test_a_refusal_leaves_the_form_as_it_is_wherever_its_answer_would_go(anna: Client) -> None:
    response = anna.post("/system/main/cli/give/", {"command": "x" * 2_400_000}, headers=HTMX)
    assert response.status_code in (400, 413)
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#toasts", "beforeend")


def test_a_body_beyond_the_limit_is_refused_in_words_by_django_too(anna: Client) -> None:
    """Whatever serves it."""
    status, words = refused(anna, "/calls/dial/", {"number": "1" * limits.BODY})
    assert status == 413
    assert "at most 1 MiB is accepted at a time" in words
    status, words = refused(anna, "/calls/dial/", {f"f{number}": "" for number in range(2000)}, headers=HTMX)
    assert status == 400
    assert "does not understand this request" in words


def test_a_long_command_is_not_even_taken_apart() -> None:
    """It kept a core busy for minutes."""
    for long in ("core show " + "x " * 1_200_000, '"' * 2_400_000, "\\" * 2_400_000):
        began = time.monotonic()
        with pytest.raises(rules.Malformed, match="more than 400 characters"):
            rules.words_of(long)
        assert cli.complete("main", User(), long).line == long
        assert time.monotonic() - began < 0.5


def test_a_long_line_of_people_is_not_even_taken_apart() -> None:
    """Blanks between a name and what is no number took time by their square."""
    began = time.monotonic()
    with pytest.raises(Exception, match=f"at most {limits.PERSON} characters"):
        person_of("a" + " " * 30_000 + "b")
    assert time.monotonic() - began < 0.5


def test_more_people_than_may_be_called_are_not_read(anna: Client, asterisk: Asterisk) -> None:
    numbers = ",".join("x" for _ in range(limits.PEOPLE + 1))
    status, words = refused(anna, "/conferences/main/invite/8001/", {"numbers": numbers}, headers=HTMX)
    assert (status, asterisk.commands) == (409, [])
    assert f"At most {limits.PEOPLE} people" in words
    status, words = refused(anna, "/groups/new/", {"name": "All", "people": numbers.replace(",", "\n")})
    assert status == 422
    assert f"at most {limits.PEOPLE} people" in words


def test_a_filter_of_the_events_page_fits_whatever_is_typed_into_its_boxes() -> None:
    boxes = ['"' * 200, "\\" * 200, '"' * 200]
    assert len(f'{{"name":"{boxes[0]}","texts":["{boxes[1]}","{boxes[2]}"]}}') + 600 <= limits.EVENT_FILTER
