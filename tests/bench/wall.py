"""A wall of 1,000 people in a real Chromium, 50 changes a second: whether the browser stays fluid.

Long tasks (over 50 ms) are Chromium's own count: at rest, with 50 lamps a second in another state, and with 50 events
of calls a second besides, by which tiles say who calls and with whom somebody talks. The PBX, the panel and Chromium
are processes of one machine.
"""

import json
import time
from contextlib import ExitStack
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS, Panel

from .child import Child
from .figure import Figure, at_least, at_most
from .installation import cookie, installation, rows, wait_until_up
from .pbx import FIRST_PHONE

PEOPLE, CHANNELS, CHANGES, SECONDS = 1000, 200, 50, 15

_FILL = """
import json
from extensions.people.models import NOTHING, Person, put
put([(Person(), {**NOTHING, **values}) for values in json.loads(%r)])
"""
# Counts tiles that change, and what takes long.
WATCH = """() => {
  window.seen = {tiles: 0, tasks: []};
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.seen.tasks.push(task.duration);
  }).observe({type: "longtask"});
  new MutationObserver((records) => {
    window.seen.tiles += new Set(records.map((record) => record.target)).size;
  }).observe(document.getElementById("people"), {attributes: true, attributeFilter: ["class"], subtree: true});
}"""


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        pbx.ask("phones", count=PEOPLE)
        fill(panel, PEOPLE)
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, CHANNELS)
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(chromium.close)
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        name, _separator, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": panel.url}])
        page = context.new_page()
        started = time.perf_counter()
        page.goto(f"{panel.url}/people/")
        page.wait_for_selector("html[data-live]", timeout=30_000)
        loaded = (time.perf_counter() - started) * 1000
        assert page.locator(".tile").count() == PEOPLE
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        at_rest = watch(page, SECONDS)
        pbx.ask("lamps", per_second=CHANGES)
        page.wait_for_timeout(1000)
        lamps = watch(page, SECONDS)
        pbx.ask("change", per_second=CHANGES)
        page.wait_for_timeout(1000)
        calls = watch(page, SECONDS)
        assert page.locator(".tile-talk").count(), "no tile says with whom somebody talks"
    return [
        Figure("wall of 1,000, until it is live", loaded, "ms"),
        Figure(
            "tiles changed in the browser, 50 lamps a second", lamps["tiles"] / SECONDS, "/s", None, at_least(45, "/s")
        ),
        Figure("long tasks at rest, wall", len(at_rest["tasks"]), "tasks"),
        Figure("long tasks, 50 lamps a second", len(lamps["tasks"]), "tasks", None, at_most(0, "tasks")),
        Figure("  the longest", max(lamps["tasks"], default=0), "ms"),
        Figure("long tasks, and 50 events of calls a second", len(calls["tasks"]), "tasks", None, at_most(0, "tasks")),
        Figure("  the longest", max(calls["tasks"], default=0), "ms"),
    ]


def fill(panel: Panel, count: int) -> None:
    """So many people, each with one of the phones."""
    people = [
        {"name": f"Somebody {n}", "extension": [str(FIRST_PHONE + n)], "department": f"Department {n % 20}"}
        for n in range(count)
    ]
    panel.shell(_FILL % json.dumps(people))
    assert rows(panel, "SELECT count(*) FROM extensions_person") == [(count,)]


def watch(page: Page, seconds: float) -> Any:
    """Which tiles changed within some seconds, and what took long."""
    page.evaluate("() => { Object.assign(window.seen, {tiles: 0, tasks: []}); }")
    page.wait_for_timeout(seconds * 1000)
    return page.evaluate("() => window.seen")
