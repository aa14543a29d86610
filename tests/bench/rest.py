"""What rest costs: the processor for 1,000 standing calls and 100 open boards, and the memory for 10,000 channels.

The panel is one process (`manage.py runpanel`), the PBX and the browsers are others. Processor time is the kernel's
count for the panel's process over 30 s; memory is what it holds when a board has been read, and the most it ever held.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path

from .child import Child
from .figure import Figure, at_most
from .installation import cookie, installation, wait_until_up

CALLS, BOARDS, SECONDS, MANY = 1000, 100, 30, 10_000


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pid = _panel(stack, 2 * CALLS, BOARDS)
        time.sleep(5)
        before = _processor_seconds(pid)
        time.sleep(SECONDS)
        share = (_processor_seconds(pid) - before) / SECONDS * 100
    with ExitStack() as stack:
        pid = _panel(stack, MANY, 1)
        time.sleep(2)
        held, most = _megabytes(pid, "VmRSS"), _megabytes(pid, "VmHWM")
    return [
        Figure("at rest, 1,000 calls, 100 boards", share, "% of a core", None, at_most(2, "% of a core")),
        Figure("memory, 10,000 channels", held, "MB", None, at_most(300, "MB")),
        Figure("  the most it held", most, "MB"),
    ]


def _panel(stack: ExitStack, channels: int, boards: int) -> int:
    """A panel with so many channels and so many boards open; its process."""
    pbx = stack.enter_context(Child("pbx", str(channels)))
    panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
    session = cookie(panel, "anna")
    panel.start()
    wait_until_up(panel, channels)
    browsers = stack.enter_context(Child("sockets"))
    opened = browsers.ask("open", group="boards", path="/ws/?view=calls&key=&lang=en", port=panel.port, cookie=session,
                          count=boards, board=True)  # fmt: skip
    assert opened == boards
    return panel.processes[0].pid


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int, name: str) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6
