"""From an event on the AMI socket to the DOM of a real Chromium, 200 calls, while 20 verbs a second are asked.

The others are muted, recorded and held by turns, each by a request of its own, as by that many operators. How long
those take to be answered is told beside. The PBX is the demo; all of it is on one machine.
"""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median, quantiles

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS, Panel

from .child import Child
from .figure import Figure, at_most
from .installation import cookie, installation, rows, wait_until_up

STANDING, CALLS, PER_SECOND, SAMPLES = 20, 200, 20, 200
# What is asked of each call, one after another.
VERBS = ("mute", "record", "unmute", "stop-record", "hold", "resume")

# Resolves with the wall-clock time at which the state of that call is seen to change.
_ARM = """(id) => {
  const card = document.getElementById(id);
  window.changed = new Promise((resolve) => new MutationObserver((records, observer) => {
    observer.disconnect();
    resolve(performance.timeOrigin + performance.now());
  }).observe(card, {attributes: true, attributeFilter: ["class"]}));
}"""


class Operators:
    """Ask verbs of these calls, so many a second, until they are told to stop."""

    def __init__(self, panel: Panel, session: str, callers: list[str]) -> None:
        self.took: list[float] = []
        self.refused: list[str] = []
        self._panel, self._callers = panel, callers
        self._client = httpx.Client(base_url=panel.url, headers={"Cookie": session}, timeout=20)
        token = self._client.get("/calls/").cookies["csrftoken"]
        self._client.headers.update({"Cookie": f"{session}; csrftoken={token}", "X-CSRFToken": token})
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        number, next_at = 0, time.monotonic()
        with ThreadPoolExecutor(PER_SECOND) as pool:
            while not self._ended.wait(max(0.0, next_at - time.monotonic())):
                # A call is asked again once all others have been: by then the verb before is over.
                verb = VERBS[number // len(self._callers) % len(VERBS)]
                pool.submit(self._ask, verb, self._callers[number % len(self._callers)])
                number += 1
                next_at += 1 / PER_SECOND

    def _ask(self, verb: str, caller: str) -> None:
        path = f"/calls/main/channels/{caller}/{verb}/"
        if verb == "resume":
            ((code,),) = rows(self._panel, f"SELECT code FROM calls_transfer WHERE held = '{caller}'")
            path = f"/calls/main/transfers/{code}/resume/"
        began = time.monotonic()
        answer = self._client.post(path, data={"direction": "in"} if verb == "mute" else {})
        self.took.append((time.monotonic() - began) * 1000)
        if answer.status_code >= 400:
            self.refused.append(f"{verb}: {answer.status_code} {answer.text[:300]}")


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(STANDING)))
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, STANDING)
        callers = pbx.ask("talk", count=CALLS)
        wait_until_up(panel, STANDING + 2 * CALLS)
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(chromium.close)
        context = chromium.new_context()
        name, _separator, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": panel.url}])
        page = context.new_page()
        page.goto(f"{panel.url}/calls/")
        page.wait_for_selector("html[data-live]", timeout=30_000)
        card = f"call-main-{callers[0].replace('.', '-')}"
        page.wait_for_selector(f"#{card}")
        ask: Callable[[], float] = lambda: pbx.ask("toggle", uniqueid=callers[0])["at"] * 1000  # noqa: E731
        still = _delays(page, card, ask)
        operators = Operators(panel, session, callers[1:])
        try:
            page.wait_for_timeout(3000)
            delays = _delays(page, card, ask)
        finally:
            operators.stop()
        assert not operators.refused, operators.refused[:5]
        assert len(operators.took) > SAMPLES * 0.05 * PER_SECOND / 2
    return [
        Figure("20 verbs a second on 200 calls: event to DOM, 99th percentile", quantiles(delays, n=100)[98], "ms",
               None, at_most(100, "ms")),
        Figure("  median", median(delays), "ms"),
        Figure("  median without the verbs", median(still), "ms"),
        Figure("  a verb is answered, median", median(operators.took), "ms"),
        Figure("  a verb is answered, 99th percentile", quantiles(operators.took, n=100)[98], "ms"),
    ]  # fmt: skip


def _delays(page: Page, card: str, ask: Callable[[], float]) -> list[float]:
    delays, chance = [], random.Random(3)
    for _ in range(SAMPLES):
        page.evaluate(_ARM, card)
        sent = ask()
        delays.append(page.evaluate("() => window.changed") - sent)
        time.sleep(chance.uniform(0.02, 0.12))
    return delays
