"""Tries the faults of the table, each in a copy of the project, and shows which test notices it."""

import argparse
import contextlib
import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from .fault import Broken, Fault, Kind, put
from .table import FAULTS

# What a kind chooses of the files named. A former commit, on which the table is tried too, may know fewer markers: so
# `addopts`, and --strict-markers with it, is left out.
CHOSEN: dict[Kind, Sequence[str]] = {
    "fast": ("-m", "not live and not servers and not browser"),
    "live": ("-m", "(live or servers) and not browser"),
    "browser": ("-m", "browser"),
}
# On a machine that is busy a test may fail for want of time: what fails is tried once more.
PYTEST = (
    sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "-r", "fE", "--tb", "line",
    "--reruns", "1",
)  # fmt: skip
# How long one fault may take, how long all tests without a fault, and how long tests that are interrupted get to end
# what they have started, in seconds.
TIMEOUT, WITHOUT_FAULT, ENDS_WITHIN = 600.0, 3600.0, 20.0
_FAILED = re.compile(r"^(?:FAILED|ERROR|SUBFAILED\S*) (\S+?::.+?)(?: - .*)?$", re.MULTILINE)


class Tests:
    """The runs of pytest that are under way; `end` ends them all, and lets no other begin."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self.ended = False

    def run(self, copy: Path, kind: Kind, arguments: Sequence[str], timeout: float) -> tuple[int | None, str]:
        """The exit code, None where they were ended since their time was over, and what was printed."""
        with tempfile.TemporaryFile("w+") as output:
            with self._lock:
                if self.ended:
                    return None, ""
                process = subprocess.Popen(
                    [*PYTEST, *CHOSEN[kind], *arguments], cwd=copy, text=True, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
                self._running.add(process)
            try:
                code: int | None = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
                with self._lock:
                    self._running.discard(process)
            output.seek(0)
            return code, output.read()

    def end(self) -> None:
        with self._lock:
            self.ended = True
            running = list(self._running)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        for process in running:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """By an interrupt first: then tests end the Asterisk and the browser that they have started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN)
    with contextlib.suppress(ProcessLookupError):  # what else is left of its session
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a fault: `noticed`, or not, or (None) it could not be tried; and by which test, or why not."""

    noticed: bool | None
    words: str
    seconds: float


def attempt(tests: Tests, copy: Path, fault: Fault, timeout: float) -> Result:
    """Try a fault in a copy, which is as before afterwards."""
    path, started = copy / fault.file, time.monotonic()
    try:
        faulty = fault.faulty(copy)
    except Broken as error:
        return Result(None, f"BROKEN: {error}", 0)
    whole = path.read_text()
    put(path, faulty)
    try:
        code, output = tests.run(copy, fault.kind, ["-x", *fault.tests], timeout)
    finally:
        put(path, whole)
    return Result(*_meaning_of(tests, copy, fault, code, output, timeout), time.monotonic() - started)


def _meaning_of(
    tests: Tests, copy: Path, fault: Fault, code: int | None, output: str, timeout: float
) -> tuple[bool | None, str]:
    """What pytest's exit code and words say of the fault, which the copy holds no more."""
    if code is None:
        return fault.hangs or None, f"hangs: ended after {timeout:.0f} s"
    if code == 0:
        return False, "NOT NOTICED"
    found = _FAILED.search(output)
    if code != 1 or found is None:
        return None, f"BROKEN: pytest ended with {code}: {_last_line(output)}"
    if tests.run(copy, fault.kind, [found[1]], timeout)[0] != 0:
        return None, f"BROKEN: {found[1]} fails without the fault as well"
    if not fault.hangs and ("from pytest-timeout" in output or "+ Timeout +" in output):
        return None, f"BROKEN: {found[1]} ran out of time, and the row does not say that it hangs"
    return True, found[1]


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "it said nothing")


def copy_tree(root: Path, copy: Path) -> None:
    """All that git knows of the tree, or would take up, as it is at this moment; and a key of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for name in set(listed.stdout.split("\0")) - {""}:
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name, follow_symlinks=False)
    (copy / "var").mkdir()
    (copy / "var/secret_key").write_text(secrets.token_urlsafe(50))


def without_fault(tests: Tests, copy: Path, faults: Sequence[Fault], processes: int) -> bool:
    """Whether all tests that are named pass as long as no fault is there."""
    for kind in CHOSEN:
        named = sorted({test for fault in faults if fault.kind == kind for test in fault.tests})
        if not named:
            continue
        started = time.monotonic()
        code, output = tests.run(copy, kind, ["-n", str(processes), *named], WITHOUT_FAULT)
        if code != 0:
            print(output)
            print(f"Without any fault these tests ({kind}) do not pass; nothing was tried.")
            return False
        print(f"Without any fault all of these tests pass ({kind}, {time.monotonic() - started:.0f} s).", flush=True)
    return True


def numbered(chosen: Sequence[str], kind: str = "") -> list[tuple[int, Fault]]:
    """The faults of a kind with these numbers, or whose file or meaning holds one of these texts; without any, all."""
    return [
        (number, fault)
        for number, fault in enumerate(FAULTS, 1)
        if kind in ("", fault.kind) and (not chosen or any(_is_meant(text, number, fault) for text in chosen))
    ]


def _is_meant(text: str, number: int, fault: Fault) -> bool:
    if text.isdecimal():
        return int(text) == number
    return text.lower() in f"{fault.file} {fault.meaning}".lower()


def check(root: Path, faults: Sequence[tuple[int, Fault]]) -> bool:
    """Whether each is a fault of this tree; says of each that is not, why."""
    broken = 0
    for number, fault in faults:
        try:
            fault.faulty(root)
        except Broken as error:
            broken += 1
            print(f"{number:3}  {fault.file}: {fault.meaning}: {error}")
    print(f"{len(faults)} faults, {broken} broken rows.")
    return not broken


def try_all(faults: Sequence[tuple[int, Fault]], root: Path, processes: int, timeout: float) -> bool:
    """Whether each is noticed; tells of each as soon as it is known."""
    tests, copies = Tests(), queue.SimpleQueue[Path]()

    def one(fault: Fault) -> Result:
        copy = copies.get()
        try:
            return attempt(tests, copy, fault, timeout)
        finally:
            copies.put(copy)

    noticed = broken = 0
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ThreadPoolExecutor(processes) as pool,
        _ending(tests, pool),
    ):
        made = [Path(folder, str(number)) for number in range(processes)]
        for copy in made:
            copy_tree(root, copy)
            copies.put(copy)
        if not without_fault(tests, made[0], [fault for _number, fault in faults], processes):
            return False
        under_way = {pool.submit(one, fault): (number, fault) for number, fault in faults}
        for done in as_completed(under_way):
            (number, fault), result = under_way[done], done.result()
            noticed += result.noticed is True
            broken += result.noticed is None
            kind = "" if fault.kind == "fast" else f" ({fault.kind})"
            print(f"{number:3}  {fault.file}{kind}: {fault.meaning}")
            print(f"     {result.words}, {result.seconds:.0f} s", flush=True)
    rows = f" {broken} rows are broken." if broken else ""
    print(f"{len(faults)} faults, {noticed} noticed.{rows}")
    return noticed == len(faults)


@contextlib.contextmanager
def _ending(tests: Tests, pool: ThreadPoolExecutor) -> Iterator[None]:
    """Meanwhile an interrupt, or the wish that this ends, ends the tests as well.

    A shell has what it starts in the background ignore interrupts, and so would the tests.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        tests.end()
        pool.shutdown(cancel_futures=True)
        for number, handler in former.items():
            signal.signal(number, handler)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("chosen", nargs="*", help="numbers of faults, or texts that their file or meaning holds")
    parser.add_argument("--kind", choices=CHOSEN, default="", help="only those that tests of this kind notice")
    parser.add_argument("--processes", type=int, default=2, help="how many are tried at a time")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="how long one may take, in seconds")
    parser.add_argument("--list", action="store_true", help="tell the faults and try none")
    parser.add_argument("--check", action="store_true", help="look only whether each can be put into the code")
    options = parser.parse_args()
    root, faults = Path.cwd(), numbered(options.chosen, options.kind)
    if not faults:
        parser.error("no fault is meant by that")
    if options.list:
        for number, fault in faults:
            print(f"{number:3}  {fault.kind:7}  {fault.file}: {fault.meaning}")
        return 0
    if not check(root, faults):
        return 1
    if options.check:
        return 0
    try:
        return 0 if try_all(faults, root, options.processes, options.timeout) else 1
    except subprocess.CalledProcessError as error:
        print(f"The tree cannot be copied: {error}")
        return 1
    except KeyboardInterrupt:
        print("Interrupted.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
