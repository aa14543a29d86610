"""The API: a call placed by it beside one placed on the page, and the list of calls of a board with 10,000 channels.

Both ways to place a call take turns on one panel (`manage.py runpanel`, SQLite); the time is from the request until the
bytes of `Originate` are at the PBX's socket. The list is asked for as a program does, until its last byte has come.
"""

import time
from contextlib import ExitStack
from statistics import median
from uuid import uuid4

import httpx

from tests.panel import ROOT, Panel

from .child import Child
from .click import ACTIONS, CLICKS, Side
from .figure import Figure, at_most
from .installation import installation, wait_until_up

BLOCKS, MANY, REQUESTS = 6, 10_000, 30
PAGE, API = "click-to-call", "POST /api/v1/calls"
_TOKEN = """
from django.contrib.auth.models import User
from api import operations, service, tokens
user = User.objects.get(username="anna")
print(tokens.make(user, user, name="bench", scopes=sorted(operations.scopes))[1])
"""


def figures() -> list[Figure]:
    page, api = _placing()
    part, known = _listing()
    return [
        Figure(f"{API}: to Asterisk's socket, median", api, "ms"),
        Figure("  beside the page's own way", page, "ms"),
        Figure("  the difference", api - page, "ms", None, at_most(15, "ms")),
        Figure("GET /api/v1/calls?limit=100 of 10,000 channels, median", part, "ms", None, at_most(50, "ms")),
        Figure("  the same by its ETag", known, "ms"),
    ]


def token_of(panel: Panel) -> dict[str, str]:
    """The header of a program that asks in Anna's name."""
    return {"Authorization": f"Bearer {panel.shell(_TOKEN)}"}


def _placing() -> tuple[float, float]:
    """The median of each way, in ms."""
    with ExitStack() as stack:
        side = Side(ROOT, stack)
        program = stack.enter_context(httpx.Client(base_url=side.panel.url, headers=token_of(side.panel)))
        side.delays[API] = []
        for number in range(BLOCKS + 1):
            side.block(PAGE)
            for _ in range(CLICKS):
                side.rest()
                side.pbx.ask("arrived", text="")
                sent = time.monotonic_ns()
                key = {"Idempotency-Key": uuid4().hex}
                answer = program.post("/api/v1/calls", json={"number": "102"}, headers=key)
                assert answer.status_code == 201, answer.text
                side.note(API, sent, f"Action: {ACTIONS[PAGE]}\r\n")
            side.pbx.ask("clear")
            if number == 0:
                side.forget()
        return median(side.delays[PAGE]), median(side.delays[API])


def _listing() -> tuple[float, float]:
    """The median of a whole answer, and of one that says that nothing has changed, in ms."""
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(MANY)))
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        headers = token_of(panel)
        panel.start()
        wait_until_up(panel, MANY)
        program = stack.enter_context(httpx.Client(base_url=panel.url, headers=headers, timeout=30))
        etag = program.get("/api/v1/calls?limit=100").headers["ETag"]
        found: dict[int, list[float]] = {200: [], 304: []}
        for status in (200, 304) * REQUESTS:
            sent = time.monotonic()
            known = {"If-None-Match": etag} if status == 304 else {}
            answer = program.get("/api/v1/calls?limit=100", headers=known)
            found[status].append((time.monotonic() - sent) * 1000)
            assert answer.status_code == status, answer.text
        return median(found[200]), median(found[304])
