"""A room of 60 who all talk and stop twice a second, 240 changes a second: what it costs server and browser.

The demo PBX, the panel (one process) and a Chromium with the room's page, which a moderator looks at. The server's
share is of one core; a task is what Chromium's main thread does without a pause, in its own CPU time.
"""

import json
import os
import time
from contextlib import ExitStack
from typing import Any

from playwright.sync_api import sync_playwright

from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS, Panel

from .child import Child
from .figure import Figure, at_least, at_most
from .installation import cookie, installation, wait_until_up

ROOM, PEOPLE, TIMES, SECONDS = "8003", 60, 2, 15

# Counts what comes, and how often somebody was seen to begin or to stop.
_WATCH = """() => {
  window.seen = {messages: 0, size: 0, changes: 0};
  addEventListener("htmx:ws:after:message:incoming", (event) => {
    window.seen.messages += 1;
    window.seen.size += event.detail.message.data.length;
  });
  new MutationObserver((records) => { window.seen.changes += records.length; }).observe(
    document.getElementById("participants"),
    {attributes: true, attributeFilter: ["data-talking-since"], subtree: true});
}"""


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", "0"))
        pbx.ask("crowd", room=ROOM, count=PEOPLE)
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, PEOPLE)
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(chromium.close)
        context = chromium.new_context()
        name, _separator, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": panel.url}])
        page = context.new_page()
        page.goto(f"{panel.url}/conferences/main/{ROOM}/")
        page.wait_for_selector("html[data-live]", timeout=30_000)
        assert page.locator(".participant").count() == PEOPLE
        page.wait_for_timeout(2000)
        pbx.ask("chatter", room=ROOM, times=TIMES)
        page.wait_for_timeout(3000)
        page.evaluate(_WATCH)
        chromium.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
        spent, began = _cpu(panel), time.monotonic()
        page.wait_for_timeout(SECONDS * 1000)
        spent, took = _cpu(panel) - spent, time.monotonic() - began
        seen = page.evaluate("() => window.seen")
        tasks = _tasks(chromium.stop_tracing())
        pbx.ask("chatter", room=ROOM, times=0)
    return [
        Figure("room of 60, 240 changes a second: in the DOM", seen["changes"] / took, "changes/s", None,
               at_least(0.9 * 2 * TIMES * PEOPLE, "changes/s")),
        Figure("  server, of one core", 100 * spent / took, "%", None, at_most(50, "%")),
        Figure("  the browser's longest task", max(tasks), "ms", None, at_most(50, "ms")),
        Figure("  the browser's main thread, each second", sum(tasks) / took, "ms"),
        Figure("  a message to a viewer", seen["size"] / seen["messages"], "characters"),
        Figure("  messages to a viewer", seen["messages"] / took, "messages/s"),
    ]  # fmt: skip


def _cpu(panel: Panel) -> float:
    """How many seconds of CPU the panel's processes have spent so far."""
    ticks = 0
    for process in panel.processes:
        with open(f"/proc/{process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _tasks(trace: bytes) -> list[float]:
    """How long each task of the page's main thread took, in ms."""
    events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
    # The page's process is the one whose main thread ran its scripts.
    mains = {(event["pid"], event["tid"]) for event in events
             if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"}  # fmt: skip
    tasks: dict[tuple[int, int], list[float]] = {main: [] for main in mains}
    for event in events:
        if event["name"] in ("RunTask", "ThreadControllerImpl::RunTask") and event["ph"] == "X":
            thread = event["pid"], event["tid"]
            if thread in mains:
                tasks[thread].append(event.get("tdur", 0) / 1000)
    return max(tasks.values(), key=sum)
