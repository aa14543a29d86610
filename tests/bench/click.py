"""From a click to its action at Asterisk's socket: hanging up, muting and click-to-call, beside a bare action.

The panel is one process (`manage.py runpanel`) on SQLite, with nothing else to do; a demo PBX in another process notes
when bytes reach its socket. The time is from the request, with session and CSRF token, until the first bytes that hold
the action; the bare action is sent to the same PBX by an AMI client, between the clicks.

`python -m tests.bench.click --base COMMIT` holds this tree against that commit: each has a panel and a PBX of its own,
and they take turns. Nothing of that commit is imported here: it is spoken to by HTTP, as a browser would.
"""

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.error import URLError

from tests.lab.ami import Ami
from tests.panel import PASSWORD, ROOT, Panel

from .button import Browser
from .child import Child
from .figure import Figure, at_most

# So many clicks of each kind, in blocks between which the trees take turns; one block more warms up.
BLOCKS, CLICKS = 12, 20
CONFERENCE, NUMBER = "8003", "102"
BARE = "a bare action"
# What is clicked, and the action that it sends.
ACTIONS = {"hang up": "Hangup", "mute": "ConfbridgeMute", "click-to-call": "Originate"}

# Somebody who may do all of it, as often as they like, and whose phone only rings. In whichever app the models are.
_PERSON = f"""
from django.apps import apps
from django.contrib.auth.models import Group, User
models = {{model.__name__: model for model in apps.get_models()}}
user = User.objects.create_user("anna", password={PASSWORD!r})
user.groups.add(Group.objects.get(name="Administrator"))
models["Profile"].objects.create(user=user, extension="105", endpoint="PJSIP/105", dial_context="internal")
models["DialPolicy"].objects.update(calls_per_minute=1_000_000, calls_per_day=1_000_000)
"""

Delays = dict[str, list[float]]


class TreesPanel(Panel):
    """The panel of a tree, which may be another than this one."""

    def __init__(self, tree: Path, folder: Path, ami_url: str) -> None:
        super().__init__(folder, {"AMI_URL": ami_url})
        self.tree = tree
        # Of the kernel's choice: no test that runs meanwhile is about to take it.
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port = held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=self.tree, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.manage("shell", "--no-imports", "-c", _PERSON)

    def spawn(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.tree, env={**self.environment, **environment}, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def wait_until_well(self) -> None:
        """Until it says that its link is up."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                    if json.load(answer)["status"] == "ok":
                        return
            except URLError:
                pass
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(0.2)


class Side:
    """A tree with its panel, its PBX and somebody who clicks; `delays` has what was measured, in ms."""

    def __init__(self, tree: Path, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.pbx = stack.enter_context(Child("click_pbx"))
        ready = self.pbx.ready
        self.panel = TreesPanel(tree, folder, ready["url"])
        stack.callback(self.panel.stop)
        self.panel.prepare()
        self.panel.start()
        self.panel.wait_until_well()
        self._browser = Browser(self.panel, "anna", PASSWORD)
        stack.callback(self._browser.hang_up)
        self._bare = stack.enter_context(Ami(ready["port"], ready["user"], ready["secret"]))
        self._bare.action("Events", EventMask="off")
        self._chance = random.Random(3)
        self.delays: Delays = {name: [] for name in (*ACTIONS, BARE)}

    def block(self, what: str) -> None:
        """A block of clicks, each when what the one before has changed is over."""
        self._browser.hang_up()  # a panel may have closed what was idle
        clicks = self._clicks(what)
        time.sleep(1)
        for path, fields in clicks:
            self.rest()
            self.note(BARE, self._send_bare(), "ActionID: lab-")
            self.rest()
            self.pbx.ask("arrived", text="")
            self.note(what, self._browser.press(path, fields), f"Action: {ACTIONS[what]}\r\n")
        self.pbx.ask("clear")

    def forget(self) -> None:
        """What was measured until now has warmed up."""
        for delays in self.delays.values():
            delays.clear()

    def _clicks(self, what: str) -> list[tuple[str, dict[str, str]]]:
        """Address and fields of each click of a block, once the page shows all that they are about."""
        if what == "click-to-call":
            self._browser.get("/calls/")
            return [("/calls/dial/", {"number": NUMBER, "command_id": uuid.uuid4().hex}) for _ in range(CLICKS)]
        if what == "hang up":
            ids = self.pbx.ask("calls", count=CLICKS)
            self._wait_for("/calls/", [f"call-main-{one.replace('.', '-')}" for one in ids])
            return [(f"/calls/main/{linkedid}/hangup/", {}) for linkedid in ids]
        ids = self.pbx.ask("people", conference=CONFERENCE, count=CLICKS)
        self._wait_for(f"/conferences/main/{CONFERENCE}/", [f"participant-main-{one.replace('.', '-')}" for one in ids])
        return [(f"/conferences/main/participants/{uniqueid}/mute/", {}) for uniqueid in ids]

    def _wait_for(self, path: str, ids: list[str]) -> None:
        deadline = time.monotonic() + 30
        while True:
            page = self._browser.get(path)
            if all(f'id="{one}"' in page for one in ids):
                return
            assert time.monotonic() < deadline, f"{path} does not show all of {ids}"
            time.sleep(0.1)

    def rest(self) -> None:
        """Longer than a tick, and never in step with it."""
        time.sleep(self._chance.uniform(0.05, 0.1))

    def _send_bare(self) -> int:
        sent = time.monotonic_ns()
        self._bare.send("Ping")
        self._bare.listen(0.01)
        return sent

    def note(self, what: str, sent: int, text: str) -> None:
        arrived = self.pbx.ask("arrived", text=text)
        assert arrived is not None, f"{what}: {text.strip()} never came"
        self.delays[what].append((arrived - sent) / 1e6)


def measure(*trees: Path) -> list[Delays]:
    """How long clicks took in each of these trees, which take turns."""
    with ExitStack() as stack:
        sides = [Side(tree, stack) for tree in trees]
        for number in range(BLOCKS + 1):
            for what in ACTIONS:
                for side in sides if number % 2 else reversed(sides):
                    side.block(what)
            if number == 0:
                for side in sides:
                    side.forget()
        return [side.delays for side in sides]


def figures() -> list[Figure]:
    (delays,) = measure(ROOT)
    bare = median(delays[BARE])
    found = []
    for what in ACTIONS:
        seen = median(delays[what])
        found += [
            Figure(f"{what}: click to Asterisk's socket, median", seen, "ms", seen / bare,
                   at_most(150, "× a bare action")),
            Figure("  99th percentile", _at_99(delays[what]), "ms"),
        ]  # fmt: skip
    return [
        *found,
        Figure(f"  {BARE}, median", bare, "ms", 1.0),
        Figure(f"  {BARE}, 99th percentile", _at_99(delays[BARE]), "ms"),
    ]


def compare(base: Path) -> str:
    """This tree beside another, in columns."""
    before, now = measure(base, ROOT)
    rows = [("click to Asterisk's socket, ms", "base: median", "p99", "now: median", "p99", "now / base")]
    for what in now:
        medians = median(before[what]), median(now[what])
        rows.append(
            (f"{what}, {len(now[what])} times each",
             f"{medians[0]:.2f}", f"{_at_99(before[what]):.2f}", f"{medians[1]:.2f}", f"{_at_99(now[what]):.2f}",
             f"{medians[1] / medians[0]:.2f} ×")
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([f"{name:<{widths[0]}}", *map(str.rjust, cells, widths[1:])]) for name, *cells in rows)


def _at_99(delays: list[float]) -> float:
    return quantiles(delays, n=100)[98]


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """The tree of a commit, in a folder of its own for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.click", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--base", required=True, metavar="COMMIT", help="hold this tree against that commit")
    options = parser.parse_args()
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{options.base}^{{commit}}"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if known.returncode:
        parser.error(f"there is no commit “{options.base}”")
    with worktree(options.base) as tree:
        print(compare(tree))


if __name__ == "__main__":
    main()
