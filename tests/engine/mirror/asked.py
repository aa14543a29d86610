"""What handlers have asked for, done as the worker does it: for tests that hold a session and a state themselves."""

import time

from engine.ami.client import Session
from engine.mirror import registry, sync
from engine.mirror.context import CommandContext
from engine.mirror.jobs import JOB_TIMEOUT
from engine.mirror.state import State


def is_anything_asked(state: State) -> bool:
    """Whether something is still to be read anew, or a job to be done."""
    return bool(state.requests or state.jobs)


async def do_what_is_asked(session: Session, state: State) -> None:
    """Read anew, and do the jobs, one after another. Raises `AmiError`."""
    requests, jobs = sorted(state.requests), sorted(state.jobs)
    state.requests.clear()
    state.jobs.clear()
    for kind, key in requests:
        await registry.refreshers[kind](sync.Snapshot(session, state), key)
    for kind, key in jobs:
        await registry.jobs[kind](CommandContext(session, state, 0, time.time() + JOB_TIMEOUT), key)
