"""From an event on the AMI socket to the DOM of a real Chromium, 1,000 live channels, 50 events of change a second.

Beside Chromium, 200 further sockets show the board of the conference that changes. The PBX, the panel, Chromium and the
sockets are processes of one machine, so what they take from each other counts, too.
"""

import random
import time
from contextlib import ExitStack
from statistics import median, quantiles

from playwright.sync_api import Page, sync_playwright

from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS

from .child import Child
from .figure import Figure, at_most
from .installation import cookie, installation, wait_until_up

CHANNELS, CHANGES, SAMPLES = 1000, 50, 200
# The further sockets: how many of which page.
SOCKETS = {"view=conference&key=main/8001": 200}

# Resolves with the wall-clock time at which that participant is seen to begin or stop talking.
_ARM = """(id) => {
  window.changed = new Promise((resolve) => new MutationObserver((records, observer) => {
    if (!records.some((record) => record.target.id === id)) return;
    observer.disconnect();
    resolve(performance.timeOrigin + performance.now());
  }).observe(document.getElementById("participants"),
             {attributes: true, attributeFilter: ["data-talking-since"], subtree: true}));
}"""


def figures() -> list[Figure]:
    with ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        panel = stack.enter_context(installation({"AMI_URL": pbx.ready["url"]}))
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, CHANNELS)
        browsers = stack.enter_context(Child("sockets"))
        for view, count in SOCKETS.items():
            browsers.ask("open", group=view, path=f"/ws/?{view}&lang=en", port=panel.port, cookie=session,
                         count=count, board=True)  # fmt: skip
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        stack.callback(chromium.close)
        context = chromium.new_context()
        name, _separator, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": panel.url}])
        page = context.new_page()
        page.goto(f"{panel.url}/conferences/main/8001/")
        page.wait_for_selector("html[data-live]", timeout=30_000)
        pbx.ask("change", per_second=CHANGES)
        page.wait_for_timeout(2000)
        delays = _delays(page, pbx)
        pbx.ask("change", per_second=0)
        for view, count in SOCKETS.items():
            state = browsers.ask("state", group=view)
            assert state["open"] == count, f"{state['open']} of {count} sockets of {view} are open"
            assert state["messages"] > count * 10, f"{view}: only {state['messages']} messages came"
    at_99 = quantiles(delays, n=100)[98]
    return [
        Figure("event to DOM, 99th percentile", at_99, "ms", None, at_most(100, "ms")),
        Figure("  median", median(delays), "ms"),
    ]


def _delays(page: Page, pbx: Child) -> list[float]:
    delays, chance = [], random.Random(3)
    uniqueid = pbx.ask("speak", member=0)["uniqueid"]
    time.sleep(1)
    for _ in range(SAMPLES):
        page.evaluate(_ARM, f"participant-main-{uniqueid.replace('.', '-')}")
        sent = pbx.ask("speak", member=0)["at"] * 1000
        delays.append(page.evaluate("() => window.changed") - sent)
        time.sleep(chance.uniform(0.02, 0.12))
    return delays
