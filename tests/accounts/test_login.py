"""Logging in, and being kept out after too many wrong passwords."""

import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import lockout
from tests.access import people
from web import middleware

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-of-the-tests"
LIMIT = 5
LOGINS = ["/login/", "/admin/login/"]
LOCKED = "Too many wrong passwords. Try again in 10 minutes"


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "LONGEST", 0.001)  # of being slowed down see test_guessing.py
    for name in ("anna", "ben"):
        user = people.person("Administrator", name, staff=True)
        user.set_password(PASSWORD)
        user.save()


def log_in(
    name: str = "anna", password: str = "wrong", path: str = "/login/", address: str = "192.0.2.1", **headers: str
) -> Any:
    client = Client(REMOTE_ADDR=address, headers=headers)
    return client.post(path, {"username": name, "password": password})


def fail(times: int = LIMIT, **options: str) -> None:
    for _ in range(times):
        log_in(**options)


def later(time: timedelta) -> None:
    """As if this time had passed."""
    for attempt in AccessAttempt.objects.all():
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=attempt.attempt_time - time)


@pytest.mark.parametrize("path", LOGINS)
def test_five_wrong_passwords_keep_out_even_the_right_one(path: str) -> None:
    for _ in range(LIMIT - 1):
        assert log_in(path=path).status_code == 200
    for password in ("wrong", PASSWORD, "wrong again", PASSWORD):
        response = log_in(password=password, path=path)
        assert response.status_code == 429
        assert LOCKED in response.content.decode()
        assert 590 <= int(response["Retry-After"]) <= 600
        assert "sessionid" not in response.cookies
    html = response.content.decode()
    assert 'class="login"' in html
    assert 'value="anna"' in html
    assert PASSWORD not in html


def test_what_failed_at_one_login_counts_at_the_other() -> None:
    fail(2, path=LOGINS[0])
    fail(2, path=LOGINS[1])
    assert log_in(path=LOGINS[0]).status_code == 429
    assert log_in(password=PASSWORD, path=LOGINS[1]).status_code == 429


def test_others_from_there_and_the_same_user_from_elsewhere_may_log_in() -> None:
    fail()
    assert log_in("ben", PASSWORD).status_code == 302
    assert log_in("anna", PASSWORD, address="192.0.2.2").status_code == 302
    assert log_in("anna", PASSWORD).status_code == 429


def test_another_browser_or_a_claimed_address_does_not_help() -> None:
    """What a client says of itself counts for nothing; Daphne's --proxy-headers sets the address of the server."""
    for number in range(LIMIT):
        log_in(**{"User-Agent": f"browser {number}", "X-Forwarded-For": f"198.51.100.{number}"})
    headers = {"User-Agent": "another", "X-Forwarded-For": "203.0.113.1", "X-Real-IP": "203.0.113.1"}
    assert log_in(password=PASSWORD, **headers).status_code == 429


def test_a_locked_name_tells_nothing_of_whether_it_is_somebodys() -> None:
    User.objects.filter(username="ben").update(is_active=False)
    pages = []
    for name in ("anna", "ben", "nosuch"):
        answers = [log_in(name) for _ in range(LIMIT + 1)]
        texts = [answer.content.decode().replace(name, "NAME") for answer in answers]
        texts = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text) for text in texts]
        texts = [re.sub(r'"X-CSRFToken": "\w+"|data-server-time="\d*"', "", text) for text in texts]
        pages.append([(answer.status_code, text) for answer, text in zip(answers, texts, strict=True)])
    assert pages[0] == pages[1] == pages[2]
    assert [status for status, _ in pages[0]] == [200] * (LIMIT - 1) + [429] * 2


def test_the_lock_ends_by_itself_and_trying_meanwhile_does_not_prolong_it() -> None:
    fail()
    later(timedelta(minutes=7, seconds=30))
    response = log_in(password=PASSWORD)
    assert response.status_code == 429
    assert "Try again in 3 minutes" in response.content.decode()
    later(timedelta(minutes=2))
    assert "Try again in 1 minute," in log_in().content.decode()
    later(timedelta(seconds=31))
    assert log_in(password=PASSWORD).status_code == 302


def test_the_time_told_is_when_the_lock_ends_whichever_browsers_were_used() -> None:
    fail(2, **{"User-Agent": "first"})
    later(timedelta(minutes=4))
    fail(3, **{"User-Agent": "second"})
    response = log_in(password=PASSWORD)
    assert 350 <= int(response["Retry-After"]) <= 360
    later(timedelta(minutes=6, seconds=1))
    assert log_in(password=PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones_before_it() -> None:
    fail(LIMIT - 1)
    assert log_in(password=PASSWORD).status_code == 302
    fail(LIMIT - 1)
    assert log_in(password=PASSWORD).status_code == 302


def test_an_administrator_unlocks_in_the_admin() -> None:
    fail()
    admin = Client()
    admin.force_login(User.objects.get(username="ben"))
    page = admin.get("/admin/axes/accessattempt/")
    assert page.status_code == 200
    assert "anna" in page.content.decode()
    (key,) = AccessAttempt.objects.values_list("pk", flat=True)
    chosen = {"action": "unlock", "_selected_action": [key]}
    assert admin.post("/admin/axes/accessattempt/", chosen).status_code == 302
    assert log_in(password=PASSWORD).status_code == 302


def test_a_command_unlocks() -> None:
    fail()
    call_command("axes_reset_username", "anna")
    assert log_in(password=PASSWORD).status_code == 302


def test_what_was_typed_is_not_kept_but_who_from_where_is() -> None:
    client = Client(REMOTE_ADDR="192.0.2.1")
    client.get("/login/")
    token = client.cookies["csrftoken"].value
    client.post("/login/", {"username": "anna", "password": "Tr0ub4dor", "csrfmiddlewaretoken": token})
    (attempt,) = AccessAttempt.objects.values()
    assert (attempt["username"], attempt["ip_address"]) == ("anna", "192.0.2.1")
    assert "Tr0ub4dor" not in str(attempt)
    assert token not in str(attempt)
    log_in(password=PASSWORD)
    assert AccessLog.objects.get().username == "anna"


def test_a_login_lasts_twelve_hours_from_the_last_page_to_within_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.force_login(User.objects.get(username="anna"))
    now, clock = time.time(), SimpleNamespace(time=lambda: now)
    monkeypatch.setattr(middleware, "time", clock)

    def is_renewed() -> bool:
        Session.objects.update(expire_date=timezone.now() + timedelta(hours=1))
        client.cookies["sessionid"]["max-age"] = ""
        assert client.get("/calls/").status_code == 200
        renewed = Session.objects.get().expire_date > timezone.now() + timedelta(hours=11, minutes=59)
        assert client.cookies["sessionid"]["max-age"] == (12 * 3600 if renewed else "")
        return renewed

    assert is_renewed()
    assert not is_renewed()
    now += 299
    assert not is_renewed()
    now += 1
    assert is_renewed()
