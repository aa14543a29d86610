"""Every operation asked by schemathesis with what its description allows and with what it does not, on a running panel.

What is answered is held against the description: statuses, media types, headers and schemas; that nothing is done
without a token, and that what must not be sent is refused. `PANEL_EXAMPLES=new` tries new requests, and more.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.api.test_operations import NAMES
from tests.matrix import share
from tests.panel import ROOT, Panel

IS_NEW = os.environ.get("PANEL_EXAMPLES") == "new"
pytestmark = pytest.mark.timeout(3600 if IS_NEW else 600)

_TOKEN = """
from django.contrib.auth.models import User
from api import operations, service, tokens
from tests.api.conftest import make_own
user = User.objects.get(username="anna")
make_own(user)
print(tokens.make(user, user, name="Fuzz", scopes=sorted(operations.scopes))[1])
"""
# What the examples name, on a PBX to which no worker is connected.
_AWAY = """
from engine.mirror.models import PBX
from tests.api.conftest import make_small_pbx
make_small_pbx()
PBX.objects.update(link="down")
"""
# What is not looked at.
EXCLUDED = {
    # `only_a_pbx_that_is_away_is_an_error_of_the_server` is stricter where the PBX is there, and knows of 503 and 504.
    "not_a_server_error",
    # Which texts are numbers, cursors or sounds says no schema; nor that a key was used before.
    "positive_data_acceptance",
}
# What cannot be meant is refused before the PBX is asked, so it is enough to try that where it is connected.
PHASES = {"connected": ["examples,fuzzing,stateful", "coverage"], "away": ["examples,fuzzing"]}
# Of these every boundary of every field is tried, which takes longer than all else; in matrix and soak of all.
COVERED = NAMES if IS_NEW else share(NAMES, 0, of=4)


@pytest.fixture(params=["connected", "away"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Panel, str]]:
    """A panel that takes any number of requests, and whether its PBX is connected: then it is the demo PBX."""
    panel = Panel(tmp_path, {"API_REQUESTS": "1000000000"})
    panel.prepare()
    try:
        if request.param == "connected":
            panel.start()
        else:
            panel.shell(_AWAY)
            panel.spawn("manage.py", "serve", "--port", str(panel.port))
            panel.wait_until_served()
        yield panel, request.param
    finally:
        panel.stop()


@pytest.mark.matrix
def test_every_answer_is_as_it_is_described(served: tuple[Panel, str], tmp_path: Path) -> None:
    panel, pbx = served
    token = panel.shell(_TOKEN)
    for phases in PHASES[pbx]:
        names = COVERED if phases == "coverage" else NAMES
        done = fuzz(panel, pbx, token, phases, names, tmp_path)
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr + panel.log[-5000:]
        assert f"Selected: {len(names)}/{len(NAMES)}" in done.stdout


def fuzz(
    panel: Panel, pbx: str, token: str, phases: str, names: Sequence[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis on these operations."""
    options = ["--max-examples", "50"] if IS_NEW else ["--max-examples", "2", "--generation-deterministic"]
    return subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis", "run", f"{panel.url}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {token}", "--phases", phases,
            "--include-operation-id-regex", f"^({'|'.join(names)})$",
            "--exclude-checks", ",".join(sorted(EXCLUDED)), "--continue-on-failure", "--no-shrink", "--no-color",
            "--workers", "1", "--warnings", "off", "--suppress-health-check", "all", *options,
        ],
        cwd=folder,
        env={
            **os.environ, "SCHEMATHESIS_HOOKS": "tests.api.fuzzing", "PYTHONPATH": str(ROOT),
            "FUZZED_PANEL": panel.url, "FUZZED_TOKEN": token, "FUZZED_PBX": pbx,
        },
        capture_output=True, text=True, timeout=3500 if IS_NEW else 280, check=False,
    )  # fmt: skip
