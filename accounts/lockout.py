"""What keeps passwords from being guessed, and what guessing costs everybody else.

Five wrong passwords for one name from one address lock that pair (django-axes does, see the settings). What is tried
for one name from anywhere, for any name from one address, and in all, is only slowed down, ever more: by a lock,
strangers could lock everybody out. Nobody is slowed down by what strangers try elsewhere who has logged in from here
before. However many try, each process checks one password at a time, and few wait for it: a check takes a third of a
second of a core, which the board needs too.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_credentials
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import ngettext

from web.toasts import toast

# From how many wrong passwords of the last minutes (AXES_COOLOFF_TIME) on the next one waits: for one name, from one
# address, and in all. It waits a second, twice as long at twice, thrice … that number, and no longer than `LONGEST`.
OF_NAME, FROM_ADDRESS, IN_ALL = 5, 5, 50
LONGEST = 10.0
# How long somebody is remembered to have logged in from an address.
KNOWN_FOR = timedelta(days=30)
# How long a login waits for a check at most, and after how long whoever found no place may retry, in seconds.
PATIENCE, TRY_AGAIN = 20.0, 5


class Refused(Exception):
    """No password may be checked now; `answer` is what the request is answered with."""


class Places:
    """Room for so many to wait, of whom only so many have a name or an address in common."""

    def __init__(self, in_all: int, alike: int) -> None:
        self.in_all, self.alike = in_all, alike
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, *marks: str) -> Iterator[None]:
        """Take a place for a while. Raises `Refused`."""
        keys = ["", *marks]
        with self._lock:
            if self._taken[""] >= self.in_all or any(self._taken[mark] >= self.alike for mark in marks):
                raise Refused
            self._taken.update(keys)
        try:
            yield
        finally:
            with self._lock:
                self._taken.subtract(keys)
                self._taken += Counter()  # forgets those that nobody has


nap = time.sleep
# Who waits for the check, and who waits since there were many wrong passwords.
_line, _slowed = Places(40, 20), Places(16, 2)
_check = threading.Lock()


@contextmanager
def turn(request: HttpRequest, username: str) -> Iterator[None]:
    """Within it one password may be checked for this name, by `authenticate`. Blocks until it may be.

    Raises `Refused`: the request is then answered by `answer`, whatever its view does.
    """
    AxesProxyHandler.update_request(request)
    credentials = get_credentials(username)
    name, address = f"name {username}", f"address {_address_of(request)}"
    try:
        is_slowed = False
        while True:
            with _line.one(address), _checking():
                # Whoever is locked out costs next to nothing, and learns it at once.
                is_free = is_slowed or not AxesProxyHandler.is_allowed(request, credentials)
                pause = 0.0 if is_free else _pause(username, _address_of(request))
                if not pause:
                    yield
                    return
            with _slowed.one(name, address):
                nap(pause)
            is_slowed = True
    except Refused:
        # By these axes answers with what `answer` says, and counts nothing.
        request.axes_locked_out, request.axes_credentials = True, credentials  # type: ignore[attr-defined]
        request.try_again_in = TRY_AGAIN  # type: ignore[attr-defined]
        raise


def is_password(request: HttpRequest, user: User, password: str) -> bool:
    """Whether it is the password of somebody who is logged in; a wrong one counts as at the login.

    Where none may be checked now it counts as wrong, and whatever the view answers, `answer` takes its place.
    """
    try:
        with turn(request, user.get_username()):
            return authenticate(request, username=user.get_username(), password=password) == user
    except Refused:
        return False


@contextmanager
def _checking() -> Iterator[None]:
    if not _check.acquire(timeout=PATIENCE):
        raise Refused
    try:
        yield
    finally:
        _check.release()


def _address_of(request: HttpRequest) -> str:
    return str(getattr(request, "axes_ip_address", None) or "")


def _pause(username: str, address: str) -> float:
    """How long the next try waits, in seconds."""
    recent = AccessAttempt.objects.filter(attempt_time__gte=timezone.now() - settings.AXES_COOLOFF_TIME)
    count = "failures_since_start"
    failures = recent.aggregate(
        name=Sum(count, filter=Q(username=username)), address=Sum(count, filter=Q(ip_address=address)), all=Sum(count)
    )
    here = _slowness(failures["address"], FROM_ADDRESS)
    elsewhere = max(_slowness(failures["name"], OF_NAME), _slowness(failures["all"], IN_ALL))
    return here if here >= elsewhere or _is_known(username, address) else elsewhere


def _slowness(failures: int | None, limit: int) -> float:
    times = min(10, (failures or 0) // limit)
    return min(LONGEST, 2.0 ** (times - 1)) if times else 0.0


def _is_known(username: str, address: str) -> bool:
    logins = AccessLog.objects.filter(username=username, ip_address=address)
    return bool(logins.filter(attempt_time__gte=timezone.now() - KNOWN_FOR).exists())


def answer(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """429 in the design of the login page, for whichever login was tried (see AXES_LOCKOUT_CALLABLE).

    The arguments are not relied on: under ASGI axes passes the credentials in the place of the response.
    """
    seconds = getattr(request, "try_again_in", 0)
    if seconds:
        text = ngettext(
            "Too many people are logging in at the moment. Try again in %(seconds)d second.",
            "Too many people are logging in at the moment. Try again in %(seconds)d seconds.",
            seconds,
        ) % {"seconds": seconds}
    else:
        seconds = _seconds_left(request)
        minutes = max(1, math.ceil(seconds / 60))
        text = ngettext(
            "Too many wrong passwords. Try again in %(minutes)d minute, or ask an administrator to unlock you.",
            "Too many wrong passwords. Try again in %(minutes)d minutes, or ask an administrator to unlock you.",
            minutes,
        ) % {"minutes": minutes}
    if request.headers.get("HX-Request"):
        locked = toast(request, "danger", text, 429)
        locked.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        return locked
    if request.headers.get("HX-Request"):
        locked = toast(request, "danger", text, 429)
        locked.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        return locked
    context = {
        "locked": text,
        "username": _credentials(request).get("username", ""),
        "next": request.POST.get("next", ""),
    }
    locked = render(request, "registration/login.html", context, status=429)
    locked.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return locked


def _credentials(request: HttpRequest) -> dict[str, Any]:
    return getattr(request, "axes_credentials", None) or {}


def _seconds_left(request: HttpRequest) -> float:
    """How long until so many failures are forgotten that fewer than the limit are left.

    axes keeps one row for each browser of a name and address; a row is forgotten some time after its last failure.
    """
    (attempts,) = AxesProxyHandler.get_implementation().get_user_attempts(request, _credentials(request))
    left = sum(attempt.failures_since_start for attempt in attempts)
    for attempt in attempts.order_by("attempt_time"):
        left -= attempt.failures_since_start
        if left < settings.AXES_FAILURE_LIMIT:
            until = attempt.attempt_time + settings.AXES_COOLOFF_TIME
            return float((until - timezone.now()).total_seconds())
    return 0.0
