"""One message of 2 KB to 1,000 sockets of one Daphne process: the panel's hub, beside a group with a member for each.

The sockets of the hub are those of the page of calls, logged in; those of the stock way are a consumer as the tutorial
of Channels has it. Both are open on the same process all the time, and take turns; the clients are another process. The
time is from the word of a client until the last socket has the message.
"""

from contextlib import ExitStack
from statistics import median

from .child import Child
from .figure import Figure, at_most
from .installation import cookie, installation

SOCKETS, ROUNDS = 1000, 15


def figures() -> list[Figure]:
    with ExitStack() as stack:
        panel = stack.enter_context(installation({"AMI_URL": "ami://nobody:x@127.0.0.1:9"}))
        session = cookie(panel, "anna")
        panel.spawn(
            "-m", "daphne", "--port", str(panel.port), "--bind", "127.0.0.1", "tests.bench.fanout_site:application"
        )
        panel.wait_until_served()
        browsers = stack.enter_context(Child("sockets"))
        everybody = {"port": panel.port, "cookie": session}
        browsers.ask("open", group="control", path="/bench/control/", count=1, board=False, **everybody)
        browsers.ask("open", group="hub", path="/ws/?view=calls&key=&lang=en", count=SOCKETS, board=True, **everybody)
        browsers.ask("open", group="stock", path="/bench/stock/", count=SOCKETS, board=False, **everybody)
        seen: dict[str, list[float]] = {"hub": [], "stock": []}
        for number in range(ROUNDS + 2):
            for way in ("hub", "stock") if number % 2 else ("stock", "hub"):
                mark = f"{way}-{number}"
                started = browsers.ask("say", group="control", text=f"{way} {mark}")
                taken = max(browsers.ask("times", group=way, mark=mark)) - started
                if number >= 2:  # the first ones warm up
                    seen[way].append(taken * 1000)
        for way in seen:
            state = browsers.ask("state", group=way)
            assert state["open"] == SOCKETS, f"{state['open']} sockets of {way} are open"
        assert "Traceback" not in panel.log, panel.log[-2000:]
    ours, stock = median(seen["hub"]), median(seen["stock"])
    return [
        Figure("fan-out to 1,000 sockets, the last one", ours, "ms", ours / stock, at_most(0.2, "× a group")),
        Figure("  a group with a member for each", stock, "ms", 1.0),
    ]
