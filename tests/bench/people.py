"""How soon somebody is found by name among 50,000, as the page's request; and a wall of 1,000 drawn as states change.

On SQLite, for somebody who has called 200 of them: what is typed, from a letter to a name that nobody has, each several
times; the slowest of their medians. Then a tick in which 50 phones of 1,000 people have changed: their tiles, drawn for
two languages.
"""

import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from .figure import Figure, at_most

PEOPLE, WALL, CHANGES, ROUNDS = 50_000, 1000, 50, 9
TYPED = ("a", "an", "anna", "anna be", "ll", "lilei", "sales", "77", "30117", "nobody at all")
_FIRST = ("Anna", "Ben", "Carla", "Zoë", "Hannah", "Leo", "Mia", "Nils", "李雷", "韩梅梅")
_LAST = ("Alpha", "Beta", "Müller", "Schneider", "Fischer", "Weber", "Becker", "Hoffmann", "Schulz", "Koch")


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(name)}/people.sqlite3"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        _fill()
        return [
            Figure("found among 50,000 people", max(_finding().values()) * 1e3, "ms", None, at_most(50, "ms")),
            Figure("50 of 1,000 tiles drawn, in two languages", _drawing() * 1e3, "ms", None, at_most(100, "ms")),
        ]


def _fill() -> None:
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from engine.mirror.models import PBX
    from extensions.models import Extension
    from extensions.people.models import LISTS, TEXTS, Person, put
    from extensions.people.own import MOST_CALLED, Called

    chance = random.Random(1)
    empty = {**dict.fromkeys(TEXTS, ""), **{name: [] for name in LISTS}, "pbx": "", "hidden": False}
    put(
        (
            Person(),
            {
                **empty,
                "name": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
                "department": chance.choice(("Sales", "Support", "Reception", "研发")),
                "extension": [str(10_000 + number)] if number < WALL else [],
                "outside": [f"030 {1_000_000 + number}"],
            },
        )
        for number in range(PEOPLE)
    )
    pbx = PBX.objects.create(name="main")
    for number in range(WALL):
        extension = str(10_000 + number)
        Extension.objects.create(pbx=pbx, address=f"{extension}@internal", extension=extension, context="internal")
    user = User.objects.create_user("anna")
    user.groups.add(Group.objects.get(name="Operator"))
    now = timezone.now()
    called = chance.sample(range(PEOPLE), MOST_CALLED)
    Called.objects.bulk_create(Called(user=user, person_id=person + 1, count=person, at=now) for person in called)


def _finding() -> dict[str, float]:
    """What is typed → the median of its requests, in seconds."""
    from django.contrib.auth.models import User
    from django.test import Client, override_settings

    client = Client()
    client.force_login(User.objects.get())
    took: dict[str, list[float]] = {typed: [] for typed in TYPED}
    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False):
        for _ in range(ROUNDS):
            for typed in TYPED:
                began = time.perf_counter()
                response = client.get("/people/find/", {"q": typed})
                took[typed].append(time.perf_counter() - began)
                assert response.status_code == 200
    return {typed: median(times) for typed, times in took.items()}


def _drawing() -> float:
    from engine.live import fragments
    from extensions.models import Extension

    took = []
    for number in range(ROUNDS):
        first = number * CHANGES
        addresses = [f"{10_000 + first + one}@internal" for one in range(CHANGES)]
        Extension.objects.filter(address__in=addresses).update(state=1)
        began = time.perf_counter()
        rows = fragments.rows_of("main", [("extension", address) for address in addresses], ["en", "zh-hans"])
        took.append(time.perf_counter() - began)
        assert sum(row.kind == "person" for row in rows) == CHANGES
    return median(took)
