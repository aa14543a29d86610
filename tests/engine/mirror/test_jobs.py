"""Refreshes read and cannot act; jobs act, each guarded by itself, those of one kind and key one after another."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.ami import actions
from engine.ami.errors import AnswerTimeout, LinkLost
from engine.ami.protocol import Action
from engine.mirror import jobs, registry
from engine.mirror.agenda import Agenda
from engine.mirror.context import CommandContext
from engine.mirror.jobs import Jobs
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from tests.waiting import until_async


class Bench:
    """The jobs of a PBX whose link is up, and what they do: `did` has the keys in order."""

    def __init__(self) -> None:
        self.state = State("main")
        self.agenda = Agenda("main", self.state)
        self.folding: Any = SimpleNamespace(
            session=SimpleNamespace(),
            state=self.state,
            context=lambda session, deadline: CommandContext(session, self.state, 0, deadline),
        )
        self.jobs = Jobs("main", cast(Any, self.folding), self.agenda)
        self.did: list[str] = []
        self.may_end = asyncio.Event()

    def ask(self, kind: str, key: str) -> None:
        self.state.ask_for_job(kind, key)
        self.agenda.collect()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    bench = Bench()

    async def fails(ctx: CommandContext, key: str) -> None:
        raise ValueError(key)

    async def lasts(ctx: CommandContext, key: str) -> None:
        bench.did.append(f"begin {key}")
        await bench.may_end.wait()
        bench.did.append(f"end {key}")

    async def is_quick(ctx: CommandContext, key: str) -> None:
        bench.did.append(key)

    async def is_not_answered_at_first(ctx: CommandContext, key: str) -> None:
        bench.did.append(key)
        if len(bench.did) == 1:
            raise AnswerTimeout("no answer")

    async def loses_the_link(ctx: CommandContext, key: str) -> None:
        bench.did.append(key)
        raise LinkLost("gone")

    for function in (fails, lasts, is_quick, is_not_answered_at_first, loses_the_link):
        monkeypatch.setitem(registry.jobs, function.__name__, function)
    monkeypatch.setattr(jobs, "AGAIN_DELAY", 0.01)
    monkeypatch.setattr(jobs, "REFRESH_DELAY", 0.01)
    running = [asyncio.create_task(bench.jobs.begin()), asyncio.create_task(bench.jobs.refresh())]
    yield bench
    bench.agenda.stop()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_one_job_that_fails_drops_no_other(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("fails", "loses_the_link", "is_quick"):
        bench.state.ask_for_job(kind, kind)
    bench.agenda.collect()
    await until_async(lambda: len(bench.did) == 2)
    assert set(bench.did) == {"loses_the_link", "is_quick"}
    await until_async(lambda: "a job failed: ('fails', 'fails')" in caplog.text)


async def test_one_job_does_not_wait_for_another_but_those_of_one_key_do(bench: Bench) -> None:
    bench.ask("lasts", "8001")
    await until_async(lambda: bench.did)
    bench.ask("lasts", "8001")
    bench.ask("lasts", "8002")
    await until_async(lambda: "begin 8002" in bench.did)
    assert bench.did == ["begin 8001", "begin 8002"]
    bench.may_end.set()
    await until_async(lambda: bench.did.count("end 8001") == 2)
    assert bench.did.count("end 8002") == 1


async def test_a_job_that_got_no_answer_is_done_again(bench: Bench) -> None:
    bench.ask("is_not_answered_at_first", "a")
    await until_async(lambda: bench.did == ["a", "a"])


async def test_a_job_waits_until_the_link_is_up(bench: Bench) -> None:
    session, bench.folding.session = bench.folding.session, None
    bench.ask("is_quick", "a")
    await until_async(lambda: not bench.agenda.due.is_set())
    bench.folding.session = session
    bench.agenda.collect()
    await until_async(lambda: bench.did == ["a"])


async def test_one_refresh_that_fails_drops_no_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refresh(snapshot: Snapshot, key: str) -> None:
        bench.did.append(key)
        if key == "bad":
            raise ValueError(key)

    monkeypatch.setitem(registry.refreshers, "thing", refresh)
    for key in ("bad", "good"):
        bench.state.request("thing", key)
    bench.agenda.collect()
    await until_async(lambda: len(bench.did) == 2)
    assert set(bench.did) == {"bad", "good"}
    assert bench.state.requests == set()


@pytest.mark.parametrize("action", [actions.hangup("PJSIP/101-1"), actions.command("core restart now")])
async def test_what_reads_anew_cannot_act(action: Action) -> None:
    snapshot = Snapshot(None, State("main"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="does not only read"):
        await snapshot.ask(action)
    with pytest.raises(TypeError, match="does not only read"):
        await snapshot.list(action, lambda event: None)
