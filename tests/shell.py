"""Code that is run with the models of an installation, in one process that stays: each further piece costs no start.

`python -m tests.shell` in the environment of the installation reads one JSON text a line, and answers each with a line:
what the code printed, or how it failed.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Shell:
    """That process, from outside."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.shell"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, code: str) -> str:
        """What the code prints, without the white space around it. Fails where the code does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(code)}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["failed"] is None, answer["failed"]
        printed: str = answer["printed"]
        return printed.strip()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(15)


def _run(code: str) -> dict[str, str | None]:
    from django.db import connections

    printed, failed = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "<code of a test>", "exec"), {"__name__": "shell"})
    except Exception:  # whatever the code raises is said to the test
        failed = traceback.format_exc()
    finally:
        connections.close_all()
    return {"printed": printed.getvalue(), "failed": failed}


def _serve() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
    import django

    django.setup()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)


if __name__ == "__main__":
    _serve()
