"""A board of 10,000 live channels: its first page, a search, what a viewer is sent, whether the browser stays fluid.

Requests come one after another over HTTP. A search is timed in Chromium from what the page asks of its socket until the
answer is in the DOM. Long tasks (over 50 ms) are Chromium's own count, at rest and with 50 events of change a second.
"""

import time
import urllib.request
from contextlib import ExitStack
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS, Panel

from .child import Child
from .figure import Figure, at_most
from .installation import cookie, installation, wait_until_up

CHANNELS, CHANGES, REQUESTS, SECONDS = 10_000, 50, 30, 15
SEARCHES = ("anna", "4999", "+4930 outside", "caller", "nobody of this name", "pjsip/1")

# Counts what comes, what takes long, and how long each answer to `look` takes until it is in the DOM.
_WATCH = """() => {
  window.seen = {messages: 0, size: 0, tasks: [], answers: [], asked: 0};
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.seen.tasks.push(task.duration);
  }).observe({type: "longtask"});
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    if (String(text).startsWith("look ")) window.seen.asked = performance.now();
    return send.call(this, text);
  };
  addEventListener("htmx:ws:after:message:incoming", (event) => {
    const text = event.detail.message.data;
    window.seen.messages += 1;
    window.seen.size += text.length;
    if (window.seen.asked && text.includes('hx-target="#calls" hx-swap="innerMorph"')) {
      window.seen.answers.push(performance.now() - window.seen.asked);
      window.seen.asked = 0;
    }
  });
}"""


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, CHANNELS)
        time.sleep(2)
        board, home = (_median_ms(panel, session, path) for path in ("/calls/", "/"))
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(chromium.close)
        context = chromium.new_context()
        name, _separator, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": panel.url}])
        page = context.new_page()
        page.goto(f"{panel.url}/calls/")
        page.wait_for_selector("html[data-live]", timeout=30_000)
        page.wait_for_selector("[data-show-more]")
        page.wait_for_timeout(2000)
        page.evaluate(_WATCH)
        at_rest = _watch(page)
        answers = _search(page)
        pbx.ask("change", per_second=CHANGES)
        page.wait_for_timeout(1000)
        changing = _watch(page)
        pbx.ask("change", per_second=0)
    assert changing["messages"] > SECONDS, f"only {changing['messages']} messages came"
    per_message = changing["size"] / changing["messages"]
    return [
        Figure("first page of calls, 10,000 channels, median", board, "ms", None, at_most(200, "ms")),
        Figure("first page of what needs attention, the same", home, "ms", None, at_most(200, "ms")),
        Figure("search to DOM, median", median(answers), "ms", None, at_most(100, "ms")),
        Figure("  the slowest", max(answers), "ms"),
        Figure("a message to a viewer, 50 changes a second", per_message, "characters"),
        Figure("long tasks at rest", len(at_rest["tasks"]), "tasks", None, at_most(0, "tasks")),
        Figure("long tasks, 50 changes a second", len(changing["tasks"]), "tasks", None, at_most(0, "tasks")),
        Figure("  the longest", max(changing["tasks"], default=0), "ms"),
    ]


def _median_ms(panel: Panel, session: str, path: str) -> float:
    """How long a page takes, over many requests."""
    times = []
    for _ in range(REQUESTS):
        request = urllib.request.Request(panel.url + path, headers={"Cookie": session})
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert b"data-server-time" in answer.read()
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def _watch(page: Page) -> Any:
    """What came to the page, and what took it long, within some seconds."""
    page.evaluate("() => { Object.assign(window.seen, {messages: 0, size: 0, tasks: []}); }")
    page.wait_for_timeout(SECONDS * 1000)
    return page.evaluate("() => window.seen")


def _search(page: Page) -> list[float]:
    for number, text in enumerate([*SEARCHES, ""] * 3, 1):
        page.fill("#search", text)
        page.wait_for_function("n => window.seen.answers.length >= n", arg=number, timeout=30_000)
    answers: list[float] = page.evaluate("() => window.seen.answers")
    return answers
