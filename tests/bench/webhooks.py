"""How late webhooks come: 1,000 events in a minute to one receiver, which answers after 200 ms, on SQLite.

A worker as it is tells of them, three of each call in order, so its ticks write them, and its webhooks send them to a
receiver in another process. What is measured is the time from the event's own, when it was written into the log, until
the request has come.
"""

import tempfile
from statistics import median

from .child import Child
from .figure import Figure, at_most

EVENTS, SECONDS, ANSWERS_AFTER = 1000, 60.0, 0.2
MOST = 2.0


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Child("receiver", str(ANSWERS_AFTER)) as receiver:
        environment = {
            "AMI_URL": "", "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3", "REDIS_URL": "",
            "WEBHOOK_NETWORKS": "127.0.0.0/8",
        }  # fmt: skip
        with Child("telling", f"http://127.0.0.1:{receiver.ready}/", environment=environment) as worker:
            worker.ask("happen", events=EVENTS, seconds=SECONDS)
            worker.ask("delivered", events=EVENTS)
        late = sorted(receiver.ask("late"))
    assert len(late) == EVENTS
    return [
        Figure("1,000 webhooks a minute, the latest", late[-1], "s", None, at_most(MOST, "s")),
        Figure("  half of them within", median(late), "s"),
        Figure("  99 of 100 within", late[int(EVENTS * 0.99)], "s"),
    ]
