"""Another process that a bench talks to: one JSON value a line each way, `{"do": …}` in, the answer out."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

Answerer = Callable[[dict[str, Any]], Awaitable[Any]]


class Child:
    """A module of the bench, run as a process; its first line says what it has to say when it is ready."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.ready = self._read()
        except BaseException:
            self.stop()
            raise

    def ask(self, do: str, **values: Any) -> Any:
        """Ask, and wait for the answer."""
        self.tell(do, **values)
        return self._read()

    def tell(self, do: str, **values: Any) -> None:
        """Ask only; `answer` waits."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        return self._read()

    def stop(self) -> None:
        """End it by closing its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait(15)}")
        return json.loads(line)


def processor_time(pid: int) -> float:
    """What a process has used of the processor by now, in seconds: by Linux's clock of that process (see
    clock_getcpuclockid(3)), since /proc counts in steps of 10 ms.
    """
    return time.clock_gettime(~pid << 3 | 2)


async def serve(ready: Any, answerers: Mapping[str, Answerer]) -> None:
    """In the child: say that it is ready, and answer until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps(ready), flush=True)
    while line := await reader.readline():
        asked = json.loads(line)
        print(json.dumps(await answerers[asked["do"]](asked)), flush=True)
