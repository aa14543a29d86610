"""The demo user, whose password everybody knows: only the process that says so admits it, for as long as it runs.

That is `make run` with a demo PBX of its own, which only this machine can reach (see `runpanel`). A row of `DemoUser`
marks a demo user, whatever its name or phone is by now.
"""

from django.contrib.auth.models import User
from django.db.models import Q

_admitting = False


def admit() -> None:
    """Admit the demo user in this process from now on."""
    global _admitting
    _admitting = True


def admits(user: User) -> bool:
    """Whether a user is admitted here: all are but a demo user, unless this process admits it."""
    return _admitting or not hasattr(user, "demo")


def admitted() -> Q:
    """`admits`, as a condition on users."""
    return Q() if _admitting else Q(demo__isnull=True)
