"""Passwords: which are taken, and how everybody changes their own."""

import io
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from tests.access import people

pytestmark = pytest.mark.django_db

PASSWORD, NEW = "a-password-of-the-tests", "blue-Kite-Field-86"
WEAK = ["aaaaaaab", "48392017", "483920174839", "operator-anna", "1qaz2wsx3edc", "short-one-1"]


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def anna() -> User:
    user = people.person(name="operator-anna")  # of no group
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def client(anna: User) -> Client:
    client = Client()
    client.force_login(anna)
    return client


def change(client: Client, new: str = NEW, old: str = PASSWORD, again: str = "") -> Any:
    return client.post("/password/", {"old_password": old, "new_password1": new, "new_password2": again or new})


def test_everybody_changes_their_own_password_by_their_menu(client: Client, anna: User) -> None:
    assert 'href="/password/"' in client.get("/").content.decode()
    assert client.get("/password/").status_code == 200
    answer = change(client)
    assert (answer.status_code, answer["Location"]) == (302, "/password/")
    assert "Your password was changed." in client.get("/password/").content.decode()
    anna.refresh_from_db()
    assert anna.check_password(NEW)


def test_who_has_changed_it_stays_and_all_else_that_was_logged_in_is_out(client: Client, anna: User) -> None:
    other = Client()
    other.force_login(anna)
    assert other.get("/").status_code == 200
    before = client.session.session_key
    change(client)
    assert client.get("/").status_code == 200
    assert client.session.session_key != before
    assert other.get("/").status_code == 302


@pytest.mark.parametrize("password", WEAK)
def test_a_password_that_is_easily_guessed_is_refused_with_the_reason(
    client: Client, anna: User, password: str
) -> None:
    answer = change(client, password)
    assert answer.status_code == 422
    assert 'class="field-error" role="alert"' in answer.content.decode()
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


@pytest.mark.parametrize("password", WEAK)
def test_an_administrator_gives_nobody_such_a_password(anna: User, password: str) -> None:
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    new = {"password1": password, "password2": password, "usable_password": "true"}
    assert root.post(f"/admin/auth/user/{anna.pk}/password/", new).status_code == 200
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
    management = {"profile-TOTAL_FORMS": "0", "profile-INITIAL_FORMS": "0"}
    name = {"username": "operator-ann"}
    assert root.post("/admin/auth/user/add/", {**name, **new, **management}).status_code == 200
    assert not User.objects.filter(username="operator-ann").exists()


def test_a_command_gives_nobody_such_a_password(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "aaaaaaab")
    with pytest.raises(CommandError):
        call_command("changepassword", "operator-anna", stdout=io.StringIO(), stderr=io.StringIO())
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


def test_without_the_password_before_it_is_not_changed(client: Client, anna: User) -> None:
    answer = change(client, old="wrong")
    assert answer.status_code == 422
    assert "Your old password was entered incorrectly." in answer.content.decode()
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


def test_two_that_differ_are_not_taken(client: Client) -> None:
    assert change(client, again="yet-another-Password").status_code == 422


def test_whoever_found_an_open_page_does_not_guess_the_password_there(client: Client, anna: User) -> None:
    answers = [change(client, old=f"wrong {number}") for number in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    assert AccessAttempt.objects.get().username == "operator-anna"
    assert change(client).status_code == 429
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


def test_who_has_not_logged_in_is_asked_to() -> None:
    assert change(Client())["Location"] == "/login/?next=/password/"


# What stays behind.


@pytest.mark.parametrize("path", ["/", "/profile/", "/password/", "/audit/", "/admin/", "/login/", "/no/such/page/"])
def test_no_page_is_kept_by_a_browser_or_a_proxy(path: str) -> None:
    client = Client()
    if path != "/login/":
        client.force_login(people.person("Administrator"))
    assert "no-store" in client.get(path)["Cache-Control"]


def test_neither_is_the_answer_to_a_button_nor_a_refusal() -> None:
    client = Client()
    client.force_login(people.person("Viewer"))
    assert "no-store" in client.post("/calls/dial/", {"number": "102"})["Cache-Control"]
    assert "no-store" in client.get("/audit/")["Cache-Control"]
