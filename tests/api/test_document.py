"""docs/api.md: each of its blocks is carried out, and what it says of problems is so."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import playwright
import pytest
from django.conf import settings

from calls.records.models import KEPT_CALLS
from engine import limits
from extensions.people.models import Person
from tests.access import people
from tests.access.people import Asterisk

from .conftest import Makes, Program
from .test_calls import many

DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
COMMANDS = {
    "bash": ["bash", "-e", "-c"],
    "python": [sys.executable, "-c"],
    # The one that comes with Playwright.
    "javascript": [str(Path(playwright.__file__).parent / "driver/node"), "--input-type=module", "-e"],
}
RUN = [pytest.param(language, text, id=f"{language}-{number}") for number, (language, text) in enumerate(BLOCKS)
       if language in COMMANDS]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), RUN)
def test_each_block_does_what_it_says(
    language: str, text: str, live_server: Any, program: Makes, asterisk: Asterisk
) -> None:
    if shutil.which(COMMANDS[language][0]) is None:
        sentence = f"NOT TESTED: {COMMANDS[language][0]} is missing, which a block of docs/api.md needs."
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    mine = program(people.person("Operator"))
    if "/presences/" in text:  # one's own
        Person.objects.update(user=None)
        Person.objects.filter(name="Anna Alpha").update(user=mine.token.owner_id)
    many(1)
    done = subprocess.run(
        [*COMMANDS[language], text],
        env={**os.environ, "PANEL": live_server.url, "TOKEN": mine.written},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    assert len(asterisk.commands) == ('"102"' in text or "set-presence" in text)


def test_every_language_has_a_block() -> None:
    assert {language for language, _text in BLOCKS} >= set(COMMANDS)


@pytest.mark.django_db
def test_the_problem_that_it_shows_is_as_it_is(operator: Program) -> None:
    (shown,) = [json.loads(text) for language, text in BLOCKS if language == "json"]
    assert operator.post("/calls", {"number": "abc"}).json() == shown


def test_the_numbers_that_it_names_are_those_of_the_code() -> None:
    assert f"{settings.API_REQUESTS} requests a minute" in DOCUMENT
    assert f"up to {limits.REFERENCE} characters)" in DOCUMENT
    assert f"of up to {limits.KEY} characters" in DOCUMENT
    assert f"The last {KEPT_CALLS:,} calls" in DOCUMENT
