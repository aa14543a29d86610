"""Guessing passwords is slowed down: for one name from anywhere, for any name from one address, and in all."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from accounts import lockout

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-of-the-tests"
LIMIT = 5


class QuickHasher(MD5PasswordHasher):
    """Costs little, and counts how many work at once."""

    algorithm = "quick"
    lock = threading.Lock()
    now = most = total = 0
    takes = 0.0

    def encode(self, password: str, salt: str) -> str:
        kind = type(self)
        with self.lock:
            kind.now += 1
            kind.total += 1
            kind.most = max(kind.most, kind.now)
        time.sleep(self.takes)
        with self.lock:
            kind.now -= 1
        return super().encode(password, salt)


class Naps(list[float]):
    """How long each try waited, in seconds; nobody really waits."""


@pytest.fixture(autouse=True)
def naps(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Naps:
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickHasher"]
    QuickHasher.now = QuickHasher.most = QuickHasher.total = 0
    QuickHasher.takes = 0.0
    for name in ("anna", "ben"):
        User.objects.create_user(name, password=PASSWORD)
    naps = Naps()
    monkeypatch.setattr(lockout, "nap", naps.append)
    return naps


def log_in(name: str = "anna", password: str = "wrong", address: str = "192.0.2.1", path: str = "/login/") -> Any:
    return Client(REMOTE_ADDR=address).post(path, {"username": name, "password": password})


def failures(count: int, name: str = "anna", address: str = "198.51.100.1") -> None:
    """As if so many wrong passwords had been tried."""
    AccessAttempt.objects.create(
        username=name, ip_address=address, user_agent=f"{count}", failures_since_start=count, path_info="/login/"
    )


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_one_name_from_many_addresses_is_slowed_down_and_the_right_password_comes_in(path: str, naps: Naps) -> None:
    for number in range(20):
        assert log_in(address=f"192.0.2.{number}", path=path).status_code == 200
    assert naps == [1] * 5 + [2] * 5 + [4] * 5
    assert log_in(password=PASSWORD, address="192.0.2.99", path=path).status_code == 302
    assert naps[-1] == 8


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_many_names_from_one_address_are_slowed_down_whoever_they_are(path: str, naps: Naps) -> None:
    for number in range(12):
        assert log_in(name=f"user{number}", path=path).status_code == 200
    assert naps == [1] * 5 + [2] * 2
    assert log_in("ben", PASSWORD, path=path).status_code == 302
    assert log_in("ben", PASSWORD, address="192.0.2.2", path=path).status_code == 302
    assert naps == [1] * 5 + [2] * 3  # who comes from elsewhere waits for nothing


def test_many_names_from_many_addresses_are_slowed_down_too(naps: Naps) -> None:
    for number in range(49):
        failures(1, f"user{number}", f"198.51.100.{number}")
    log_in("nosuch", address="192.0.2.1")
    assert naps == []
    log_in("anna", PASSWORD, address="192.0.2.2")
    assert naps == [1]


def test_nobody_waits_longer_than_ten_seconds(naps: Naps) -> None:
    failures(1_000_000)
    assert log_in(password=PASSWORD).status_code == 302
    assert naps == [10]


def test_where_somebody_has_logged_in_before_strangers_do_not_slow_them_down(naps: Naps) -> None:
    assert log_in(password=PASSWORD, address="192.0.2.7").status_code == 302
    failures(1000)
    assert log_in(password=PASSWORD, address="192.0.2.7").status_code == 302
    assert naps == []
    # From there too, who tries many names is slowed down.
    failures(5, "ben", "192.0.2.7")
    assert log_in(password=PASSWORD, address="192.0.2.7").status_code == 302
    assert naps == [1]


def test_one_name_from_one_address_is_locked_as_ever_and_told_at_once(naps: Naps) -> None:
    answers = [log_in() for _ in range(LIMIT + 3)]
    assert [answer.status_code for answer in answers] == [200] * (LIMIT - 1) + [429] * 4
    assert "Try again in 10 minutes" in answers[-1].content.decode()
    assert naps == []


def test_what_waits_too_many_is_refused_with_a_word_when_to_try_again_and_counts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures(10)
    answers: list[Any] = []

    def nap(seconds: float) -> None:
        """While two wait, the third comes."""
        monkeypatch.setattr(lockout, "nap", lambda seconds: answers.append(log_in(address="192.0.2.3")))
        log_in(address="192.0.2.2")

    monkeypatch.setattr(lockout, "nap", nap)
    log_in(address="192.0.2.1")
    (third,) = answers
    assert third.status_code == 429
    assert third["Retry-After"] == "5"
    assert "Try again in 5 seconds." in third.content.decode()
    assert 'value="anna"' in third.content.decode()
    assert not AccessAttempt.objects.filter(ip_address="192.0.2.3").exists()
    assert AccessAttempt.objects.filter(ip_address__in=["192.0.2.1", "192.0.2.2"]).count() == 2


def test_places_are_given_back() -> None:
    places = lockout.Places(in_all=3, alike=2)
    for _ in range(10):
        with places.one("a", "b"), places.one("a"):
            with pytest.raises(lockout.Refused), places.one("a", "c"):
                raise AssertionError("A third with the same mark got in.")
            with places.one("d"), pytest.raises(lockout.Refused), places.one("e"):
                raise AssertionError("A fourth got in.")


def side_by_side(count: int) -> list[Future[int]]:
    """So many try at once, each with another name and from another address; what they are answered."""

    def one(number: int) -> int:
        try:
            return int(log_in(f"user{number}", address=f"192.0.2.{number}").status_code)
        finally:
            connection.close()

    pool = ThreadPoolExecutor(count)
    tries = [pool.submit(one, number) for number in range(count)]
    pool.shutdown(wait=False)
    return tries


@pytest.mark.django_db(transaction=True)
def test_however_many_log_in_at_once_one_password_is_checked_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "PATIENCE", 300.0)  # the machine may be busy
    QuickHasher.takes = 0.02
    assert [one.result() for one in side_by_side(8)] == [200] * 8
    assert QuickHasher.most == 1


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_tries_is_turned_away_without_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "PATIENCE", 300.0)
    monkeypatch.setattr(lockout, "_line", lockout.Places(in_all=3, alike=3))
    QuickHasher.total = 0
    with lockout._check:  # while one is checked
        tries = side_by_side(8)
        turned_away = [one.result() for one in islice(as_completed(tries), 5)]
        assert turned_away == [429] * 5
        assert QuickHasher.total == 0
    assert sorted(one.result() for one in tries) == [200] * 3 + [429] * 5


@pytest.mark.django_db(transaction=True)
def test_who_has_waited_too_long_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "PATIENCE", 0.1)
    with lockout._check:
        assert [one.result() for one in side_by_side(1)] == [429]
