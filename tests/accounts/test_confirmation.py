"""The password, asked for again before what gives a shell on the PBX; and that nothing typed is lost by it."""

import html
import json
import time
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts import confirmation
from engine.mirror.commands import Outcome, Status
from system.cli.models import CliRules
from tests.access import people
from tests.access.people import Asterisk

pytestmark = pytest.mark.django_db

PASSWORD, GOOD = "a-password-of-the-tests", "blue-Kite-Field-86"
HTMX = {"HX-Request": "true"}
# What takes a confirmation of an administrator: pages, and what is sent from them.
PAGES = [
    "/system/main/action/", "/system/main/cli/", "/system/main/config/", "/system/main/config/?file=pjsip.conf",
    "/system/main/config/category/?file=pjsip.conf&digest=x&at=0", "/system/main/config/new/",
    "/system/main/config/json/?file=pjsip.conf", "/admin/auth/user/add/", "/admin/auth/user/1/change/",
    "/admin/auth/user/1/password/", "/admin/auth/user/1/delete/", "/admin/auth/group/add/",
    "/admin/auth/group/1/change/", "/admin/system/clirules/add/",
]  # fmt: skip
SENT: list[tuple[str, dict[str, str]]] = [
    ("/system/main/action/send/", {"name": "Originate", "more": "Channel: Local/1@x\nApplication: System\nData: id"}),
    ("/system/main/cli/give/", {"command": "core show version"}),
    ("/system/main/config/review/", {"file": "extensions.conf", "digest": "x"}),
    ("/system/main/config/write/", {"file": "extensions.conf", "digest": "x"}),
    ("/system/main/variables/set/", {"name": "SHELL(id)", "value": "1"}),
    ("/system/main/variables/get/", {"name": "SHELL(id)"}),
    ("/admin/auth/user/add/", {"username": "eve", "password1": "Tr0ub4dor-x", "password2": "Tr0ub4dor-x"}),
    ("/admin/auth/user/1/password/", {"password1": "Tr0ub4dor-x", "password2": "Tr0ub4dor-x"}),
    ("/admin/auth/user/", {"action": "delete_selected", "_selected_action": "1"}),
    ("/admin/auth/group/1/change/", {"name": "Everything"}),
    ("/admin/system/clirules/add/", {"group": "1", "allowed": "*"}),
]
# What gives no shell asks for nothing.
OTHERS = [
    "/", "/calls/", "/system/main/", "/system/main/astdb/", "/system/main/variables/", "/system/main/states/",
    "/system/main/events/", "/system/main/doctor/", "/audit/", "/admin/", "/admin/auth/user/",
]  # fmt: skip


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    away = Outcome(Status.NOT_CONNECTED)
    for part in ("console", "config", "recordings", "status"):
        monkeypatch.setattr(f"system.{part}.views.look_up", lambda *arguments, **options: away)
    return people.stand_in(monkeypatch)


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Django's own way to keep them takes half a second for each try."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def anna() -> User:
    user = people.person("Administrator", staff=True)
    user.is_superuser = True
    user.set_password(PASSWORD)
    user.save()
    return user


def age(client: Client, seconds: float) -> None:
    """As if the password had been given so long ago."""
    session = client.session
    session["password_confirmed_at"] = int(time.time() - seconds)
    session.save()


@pytest.fixture
def late(anna: User) -> Client:
    """Anna, who gave her password just too long ago."""
    client = Client()
    client.force_login(anna)
    age(client, confirmation.VALID + 1)
    return client


def trigger(response: Any) -> list[str]:
    return list(json.loads(response.headers.get("HX-Trigger", "{}")))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_gives_a_shell_asks_first_and_is_shown_after(page: str, late: Client) -> None:
    response = late.get(page)
    assert response.status_code == 302
    address = response["Location"]
    assert address.startswith("/confirm/?next=")
    question = late.get(address)
    assert question.status_code == 200
    assert "Your password, once more" in question.content.decode()
    response = late.post(address, {"password": PASSWORD, "next": page})
    assert (response.status_code, response["Location"]) == (302, page)
    assert late.get(page).status_code != 302 or "/confirm/" not in late.get(page)["Location"]


@pytest.mark.parametrize(("path", "fields"), SENT)
def test_what_is_sent_from_it_is_asked_about_too_and_not_done(
    path: str, fields: dict[str, str], late: Client, asterisk: Asterisk
) -> None:
    before = User.objects.count(), list(User.objects.values_list("password", flat=True)), CliRules.objects.count()
    for headers in ({}, HTMX):
        response = late.post(path, fields, headers=headers)
        assert response.status_code == 403
    assert trigger(response) == ["confirm-password"]
    assert response["HX-Reswap"] == "none"
    assert response.content == b""
    assert asterisk.commands == []
    after = User.objects.count(), list(User.objects.values_list("password", flat=True)), CliRules.objects.count()
    assert after == before


@pytest.mark.parametrize("path", OTHERS)
def test_other_pages_ask_for_nothing(path: str, late: Client, asterisk: Asterisk) -> None:
    asterisk.found = {"pbx.read-astdb": {"families": [], "entries": [], "total": 0, "found": 0}}
    assert late.get(path).status_code == 200


def test_variables_are_read_without_it_and_functions_that_do_nothing(late: Client, asterisk: Asterisk) -> None:
    asterisk.found = {"pbx.get-variable": {"value": "1", "known": True}}
    for name in ("EPOCH", "CHANNEL(state)"):
        assert late.post("/system/main/variables/get/", {"name": name}).status_code == 200


def test_a_log_in_counts_and_holds_a_quarter_of_an_hour(anna: User) -> None:
    client = Client()
    client.post("/login/", {"username": "anna", "password": PASSWORD})
    assert client.get("/system/main/cli/").status_code == 200
    age(client, confirmation.VALID - 30)
    assert client.get("/system/main/cli/").status_code == 200
    age(client, confirmation.VALID)
    assert client.get("/system/main/cli/").status_code == 302
    # The clock was set back, or the session is of before this was asked.
    age(client, -100)
    assert client.get("/system/main/cli/").status_code == 302
    session = client.session
    del session["password_confirmed_at"]
    session.save()
    assert client.get("/system/main/cli/").status_code == 302


def test_a_dialog_confirms_and_what_was_typed_is_sent_again(late: Client, asterisk: Asterisk) -> None:
    fields = {"command": "core show version"}
    assert late.post("/system/main/cli/give/", fields, headers=HTMX).status_code == 403
    wrong = late.post("/confirm/", {"password": "wrong"}, headers=HTMX)
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.content.decode()
    assert late.post("/system/main/cli/give/", fields, headers=HTMX).status_code == 403
    right = late.post("/confirm/", {"password": PASSWORD}, headers=HTMX)
    assert (right.status_code, trigger(right)) == (204, ["password-confirmed"])
    assert late.post("/system/main/cli/give/", fields, headers=HTMX).status_code == 200
    assert len(asterisk.commands) == 1


def test_a_form_comes_back_with_all_that_was_typed_and_is_carried_out_with_the_password(late: Client) -> None:
    typed = {"username": "<eve>&\"'", "password1": GOOD, "password2": GOOD, "usable_password": "true"}
    page = html.unescape(late.post("/admin/auth/user/add/", typed).content.decode())
    assert '<form class="card narrow" method="post" action="/admin/auth/user/add/">' in page
    for name, value in typed.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    typed["username"] = "eve"
    profile = {"profile-TOTAL_FORMS": "0", "profile-INITIAL_FORMS": "0"}
    wrong = late.post("/admin/auth/user/add/", {**typed, **profile, "confirm_password": "wrong"})
    assert wrong.status_code == 403
    assert "This is not your password." in wrong.content.decode()
    assert 'value="wrong"' not in wrong.content.decode()
    assert not User.objects.filter(username="eve").exists()
    right = late.post("/admin/auth/user/add/", {**typed, **profile, "confirm_password": PASSWORD})
    assert right.status_code == 302
    assert User.objects.filter(username="eve").exists()


def test_who_lacks_the_permission_is_refused_before_anything_is_asked() -> None:
    client = Client()
    client.force_login(people.person("Operator"))
    age(client, confirmation.VALID + 1)
    for path in ("/system/main/cli/", "/system/main/action/"):
        assert client.get(path).status_code == 403
    assert trigger(client.post("/system/main/cli/give/", {"command": "core show version"}, headers=HTMX)) == []


def test_who_may_only_read_the_configuration_sees_no_secret_and_is_asked_for_nothing() -> None:
    user = people.person(people.INTEGRATOR)
    permission = Group.objects.get(name="Administrator").permissions.get(codename="see_config")
    user.user_permissions.add(permission)
    client = Client()
    client.force_login(user)
    age(client, confirmation.VALID + 1)
    assert client.get("/system/main/config/").status_code == 200


def test_the_password_of_somebody_else_confirms_nothing(late: Client) -> None:
    other = people.person("Administrator", "ben")
    other.set_password("another-password-of-the-tests")
    other.save()
    for fields in ({"password": "another-password-of-the-tests"}, {"username": "ben", "password": PASSWORD[:-1]}):
        assert late.post("/confirm/", fields).status_code == 422
    assert late.get("/system/main/cli/").status_code == 302


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_guessing_ends_as_at_the_log_in(headers: dict[str, str], late: Client) -> None:
    answers = [late.post("/confirm/", {"password": f"wrong{number}"}, headers=headers) for number in range(6)]
    assert answers[-1].status_code == 429
    assert "Too many wrong passwords" in answers[-1].content.decode()
    assert late.post("/confirm/", {"password": PASSWORD}, headers=headers).status_code == 429
    assert ("<html" in answers[-1].content.decode()) is (not headers)
    assert late.get("/system/main/cli/").status_code == 302


@pytest.mark.parametrize("target", ["https://example.org/", "//example.org/", "javascript:alert(1)", "/\\example.org"])
def test_a_confirmation_leads_nowhere_else(target: str, late: Client) -> None:
    response = late.post("/confirm/", {"password": PASSWORD, "next": target})
    assert (response.status_code, response["Location"]) == (302, "/")


def test_no_password_at_all_is_asked_for(late: Client) -> None:
    response = late.post("/confirm/", {"password": ""}, headers=HTMX)
    assert response.status_code == 422
    assert "Enter your password." in response.content.decode()
