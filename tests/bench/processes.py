"""How many sockets 1, 2 and 4 web processes serve: batches of 2 KB, ten a second, over Redis and a proxy.

So many browsers are kept up with as the last of them has 95 of 100 batches within 250 ms, with none lost and no board
read anew. Everything is on this one machine, and so are the browsers, which cost about as much as serving them. So that
its cores are not what there is too little of, each web process gets a fifth of a core and no more. The web processes'
own cost for a message and a socket is there, too, from which docs/scaling.md says what a machine of its own carries.
"""

import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from tests.lab.asterisk import free_port
from tests.panel import Panel
from tests.servers import running_haproxy, running_postgresql, running_redis

from .child import Child
from .figure import Figure
from .installation import cookie, installation
from .share import share_of_a_core

PROCESSES = (1, 2, 4)
# So many sockets, one after the other, until they are not kept up with.
STEPS = (50, 75, 100, 125, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 700, 800, 1000)
SHARE_OF_A_CORE = 0.2
BATCHES, RATE, WITHIN, SHARE = 60, 10, 0.250, 0.95
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Seen:
    """What was seen with one number of processes."""

    sockets: int = 0
    micros_a_message: float = 0.0
    bytes_a_socket: float = 0.0
    busy: float = 0.0


def seconds_of(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def machine() -> tuple[float, float]:
    """CPU time of the whole machine so far: used, and in all."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS, sum(ticks) / _TICKS


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def figures() -> list[Figure]:
    others = busy_with_others()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(running_redis(folder))
        database = stack.enter_context(running_postgresql()).database()
        environment = {"DATABASE_URL": database, "REDIS_URL": redis.url, "AMI_URL": "ami://nobody:x@127.0.0.1:9"}
        panel = stack.enter_context(installation(environment))
        session = cookie(panel, "anna")
        ports = [free_port() for _ in range(max(PROCESSES))]
        publisher = stack.enter_context(Child("publisher", environment=panel.environment))
        seen: dict[int, Seen] = {}
        for number in PROCESSES:
            for port in ports[len(panel.processes) : number]:
                stack.enter_context(share_of_a_core(panel.spawn_web(port).pid, SHARE_OF_A_CORE))
            for port in ports[:number]:
                panel.wait_until_served(port)
            place = folder / str(number)
            place.mkdir()
            with running_haproxy(place, ports[:number]) as proxy, Child("sockets") as browsers:
                seen[number] = climb(panel, publisher, browsers, {"port": proxy.port, "cookie": session})
        assert "Traceback" not in panel.log, panel.log[-2000:]
    found = [figure for number in PROCESSES for figure in lines(number, seen[number], seen[1])]
    return [*found, Figure("  of the machine in use by others, before", others * 100, "%")]


def busy_with_others() -> float:
    """How much of the machine is in use before the bench begins; where that is much, its figures say little."""
    used, all_ = machine()
    time.sleep(3)
    used_then, all_then = machine()
    return (used_then - used) / (all_then - all_)


def climb(panel: Panel, publisher: Child, browsers: Child, everybody: dict[str, Any]) -> Seen:
    """More sockets until they are not kept up with."""
    seen, pids = Seen(), [process.pid for process in panel.processes]
    publisher.ask("publish", count=2, rate=RATE, mark="first")
    empty = sum(map(resident, pids))
    way = {"group": "all", "path": "/ws/?view=calls&key=&lang=en", "board": True, **everybody}
    for sockets in STEPS:
        browsers.ask("open", count=sockets - seen.sockets, **way)
        warm_up(publisher, browsers, sockets)
        before, (used, all_) = sum(map(seconds_of, pids)), machine()
        messages = browsers.ask("state", group="all")["messages"]
        sent = publisher.ask("publish", count=BATCHES, rate=RATE, mark=str(sockets))
        time.sleep(1)
        marks = [f"{sockets}-{number}" for number in range(BATCHES)]
        got = browsers.ask("last", group="all", marks=marks)
        late = [inf if last is None else last - begun for last, begun in zip(got, sent, strict=True)]
        took, (used_then, all_then) = sum(map(seconds_of, pids)) - before, machine()
        state = browsers.ask("state", group="all")
        assert state["open"] == sockets, f"{state['open']} of {sockets} sockets are open"
        in_time = sorted(late)[int(BATCHES * SHARE) - 1]
        print(f"{len(pids)} processes, {sockets} sockets: {SHARE:.0%} of the batches within {in_time * 1000:.0f} ms, "
              f"{(used_then - used) / (all_then - all_):.0%} of the machine busy", flush=True)  # fmt: skip
        if in_time > WITHIN:
            return seen
        seen = Seen(
            sockets,
            took / (state["messages"] - messages) * 1e6,
            (sum(map(resident, pids)) - empty) / sockets,
            (used_then - used) / (all_then - all_),
        )
    return seen


def warm_up(publisher: Child, browsers: Child, sockets: int) -> None:
    """Batches until one has reached everybody: until then boards are read."""
    for number in range(5):
        mark = f"warm-{sockets}-{number}"
        publisher.ask("publish", count=RATE, rate=RATE, mark=mark)
        time.sleep(1)
        if browsers.ask("last", group="all", marks=[f"{mark}-{RATE - 1}"]) != [None]:
            return


def lines(number: int, seen: Seen, one: Seen) -> list[Figure]:
    web = f"{number} web process{'es' if number > 1 else ''}, a fifth of a core each"
    return [
        Figure(f"sockets kept up with, {web}", seen.sockets, "sockets", seen.sockets / max(one.sockets, 1)),
        Figure(f"  a message to a socket, {web}", seen.micros_a_message, "µs of CPU"),
        Figure(f"  a socket, {web}", seen.bytes_a_socket / 1024, "KiB"),
        Figure(f"  of the machine in use then, {web}", seen.busy * 100, "%"),
    ]
