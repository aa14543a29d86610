"""docs/webhooks.md: each of its blocks is carried out, and what it says of times and headers is so."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import playwright
import pytest
from django.conf import settings

from tests.kinds import runs_a_program
from tests.webhooks.receiver import Receiver, receiving
from webhooks import formats, models, queue, sending

DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE))
COMMANDS = {
    "python": [sys.executable, "-c"],
    # The one that comes with Playwright.
    "javascript": [str(Path(playwright.__file__).parent / "driver/node"), "--input-type=module", "-e"],
    "bash": ["bash", "-e", "-c"],
}
SECRET = formats.new_secret()
BODY = json.dumps({"type": "call.ended", "data": {"id": "1.1", "name": "Jörg"}}, ensure_ascii=False)


def run(language: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(COMMANDS[language][0]) is None:
        sentence = f"NOT TESTED: {COMMANDS[language][0]} is missing, which a block of docs/webhooks.md needs."
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    return subprocess.run(
        [*COMMANDS[language], BLOCKS[language]],
        input=stdin, env={**os.environ, "WEBHOOK_SECRET": SECRET, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def signed(*secrets: str, at: float | None = None) -> dict[str, str]:
    """The environment that a block reads the headers from."""
    now = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    headers = formats.headers_of("msg_1", formats.Format.STANDARD, BODY, secrets, now)
    return {name.replace("-", "_").upper(): value for name, value in headers.items() if name.startswith("webhook-")}


@pytest.mark.parametrize("language", ["python", "javascript"])
@runs_a_program
def test_what_the_panel_signs_is_verified(language: str) -> None:
    for secrets in ((SECRET,), (formats.new_secret(), SECRET)):
        done = run(language, BODY, **signed(*secrets))
        assert (done.returncode, done.stdout) == (0, "call.ended 1.1\n"), done.stderr


@pytest.mark.parametrize("language", ["python", "javascript"])
@runs_a_program
def test_what_somebody_else_signs_or_is_old_or_was_changed_is_refused(language: str) -> None:
    for body, headers in (
        (BODY, signed(formats.new_secret())),
        (BODY, signed(SECRET, at=datetime.now(UTC).timestamp() - 400)),
        (BODY.replace("1.1", "1.2"), signed(SECRET)),
    ):
        done = run(language, body, **headers)
        assert done.returncode != 0
        assert done.stdout == ""


@runs_a_program
def test_a_receiver_is_tried_from_the_shell() -> None:
    with receiving() as receiver:
        done = run("bash", RECEIVER=receiver.url)
        assert done.returncode == 0, done.stderr
    assert is_taken(receiver)


def is_taken(receiver: Receiver) -> bool:
    (got,) = receiver.got
    return got.is_signed_by(SECRET) and got.told["type"] == formats.TEST_TYPE


def test_the_request_that_it_shows_has_the_headers_and_fields_that_are_sent() -> None:
    head, _empty, body = BLOCKS["http"].partition("\n\n")
    shown = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    sent = formats.headers_of("msg_1", formats.Format.STANDARD, "{}", [SECRET], datetime.now(UTC))
    assert set(sent) - {"User-Agent"} == set(shown) - {"Host"}
    assert shown["Content-Type"] == sent["Content-Type"]
    told = formats.Told("main", 42, "call.answered", "1.1", datetime.now(UTC), '{"id": "1.1"}')
    fields = json.loads(formats.body_of(told, formats.Format.STANDARD, "msg_1"))
    assert re.findall(r'"(\w+)":', body.partition('"data"')[0]) == list(fields)[:-1]


def test_the_numbers_that_it_names_are_those_of_the_code() -> None:
    assert f"within {sending.TIME_LIMIT:.0f} seconds" in DOCUMENT
    assert f"the first {sending.KEPT:,} characters" in DOCUMENT
    assert f"at most {queue.AT_ONCE_EACH} at a\ntime" in DOCUMENT
    hours = [f"{seconds / 3600:.0f}" for seconds in queue.RETRIES[3:]]
    assert f"after 5 seconds, 5 and 30 minutes, {', '.join(hours[:-1])} and {hours[-1]} hours" in DOCUMENT
    assert queue.RETRIES[:3] == (5, 300, 1800)
    assert f"{len(queue.RETRIES) + 1} times within {models.PATIENCE.days} days" in DOCUMENT
    assert f"{models.OLD_SECRET_LASTS.total_seconds() / 3600:.0f} hours" in DOCUMENT
    assert "up to a fifth" in DOCUMENT
    assert queue.SPREAD == 1 / 5
