"""The demo PBX says what a real Asterisk 22 says, in all that the panel reads.

Each chapter of a scenario is played on both at the same time. A difference is a fault of the demo: the real one is
right.
"""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor

import pytest

import calls.events
import calls.recordings  # noqa: F401 (they register what the panel reads)
import conferences.events  # noqa: F401
import extensions.events  # noqa: F401
from engine.mirror import registry
from tests.lab.asterisk import Asterisk

from .benches import Bench, demo_bench, lab_bench
from .scenario import CHAPTERS, Scenario, Steps
from .transcript import STATE_OF, Lines, agrees, states_of

pytestmark = [pytest.mark.timeout(600)]

PLAYS = 3


# The demo does not say how every dial ended: not of an Originate, nor of one that the caller gives up, of which causes
# tell the same; nor, of every channel that ends, who ended it.
NOT_IN_THE_DEMO = {"DialBegin", "DialEnd", "HangupRequest"}


def events_the_panel_reads() -> frozenset[str]:
    return frozenset(registry.handlers) - NOT_IN_THE_DEMO | {"FullyBooted", "OriginateResponse", "PresenceStatus"}


# What the panel would read and this scenario does not bring about. The list is fixed: whatever else the panel
# begins to read has to be played, or put here.
NOT_PLAYED = {"Rename", "ParkedCallSwap", "AttendedTransfer"}
# Asterisk 22 has these names, but locking and unlocking sends nothing.
NEVER_SENT = {"ConfbridgeLock", "ConfbridgeUnlock"}


def events_told(steps: Steps) -> set[str]:
    lines = (line for step in steps.values() for told in step.values() for line in told)
    return {line.removeprefix("Event: ") for line in lines if line.startswith("Event: ")}


def play(bench: Bench, chapter: str) -> Steps:
    return Scenario(bench, events_the_panel_reads()).play(chapter)


def play_both(asterisk: Asterisk, chapter: str) -> tuple[Steps, Steps]:
    """What the real Asterisk says, and what the demo does."""
    with lab_bench(asterisk) as lab, demo_bench() as demo, ThreadPoolExecutor(2) as pool:
        real, ours = pool.submit(play, lab, chapter), pool.submit(play, demo, chapter)
        return real.result(180), ours.result(180)


def differences(real: Steps, ours: Steps) -> list[str]:
    """A readable account of each difference, by step and by who was speaking."""
    found: list[str] = []
    latest: dict[str, list[Lines]] = {}
    for step in real:
        for teller in dict.fromkeys([*real[step], *ours[step]]):
            expected, said = real[step].get(teller, []), ours[step].get(teller, [])
            if teller.startswith(STATE_OF):
                before, states = latest.get(teller, []), states_of(expected)
                latest[teller] = states[-1:] or before
                if agrees(states, states_of(said), before):
                    continue
            if expected != said:
                diff = difflib.unified_diff(expected, said, "Asterisk 22", "the demo", lineterm="", n=4)
                found.append("\n".join([f"### {step}: {teller}", *diff]))
    return found + invented(real, ours)


def invented(real: Steps, ours: Steps) -> list[str]:
    """The states which the demo says of a device or a hint that Asterisk has told of it in no step at all."""
    known, said = states_told(real), states_told(ours)
    return [f"### {teller}\n" + "\n".join(state) for teller, state in sorted(said - known)]


def states_told(steps: Steps) -> set[tuple[str, tuple[str, ...]]]:
    return {
        (teller, tuple(state))
        for step in steps.values()
        for teller, lines in step.items()
        if teller.startswith(STATE_OF)
        for state in states_of(lines)
    }


@pytest.mark.usefixtures("asterisk22")  # which skips, or fails, where none can be had
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_demo_says_what_asterisk_22_says(chapter: str) -> None:
    """Asterisk's threads speak in an order that is not always the same: what differs counts if it always does.

    Each play has an Asterisk of its own, since one that has had calls tells of them.
    """
    found: dict[str, str] = {}
    for number in range(PLAYS):
        with Asterisk("22") as asterisk:
            real, ours = play_both(asterisk, chapter)
        assert list(real) == list(ours)
        again = {difference.partition("\n")[0]: difference for difference in differences(real, ours)}
        found = again if number == 0 else {head: text for head, text in again.items() if head in found}
        told = events_told(real)
        assert CHAPTERS[chapter].events <= told
        assert not told & NEVER_SENT
        if not found:
            return
    pytest.fail(f"{len(found)} differences:\n\n" + "\n\n".join(found.values()), pytrace=False)


def test_each_event_that_the_panel_reads_is_played_in_a_chapter() -> None:
    played = frozenset[str]().union(*(chapter.events for chapter in CHAPTERS.values()))
    assert played == events_the_panel_reads() - NOT_PLAYED - NEVER_SENT


def test_a_difference_is_told_with_its_step_and_its_speaker() -> None:
    real: Steps = {
        "hold": {"PJSIP/101-#1": ["Event: Hold", "    MusicClass: default"], "answers": ["Response: Success"]}
    }
    ours: Steps = {"hold": {"PJSIP/101-#1": ["Event: Hold"], "answers": ["Response: Success"]}}
    (difference,) = differences(real, ours)
    assert difference.startswith("### hold: PJSIP/101-#1\n--- Asterisk 22\n+++ the demo")
    assert "-    MusicClass: default" in difference


def test_what_only_one_of_them_says_is_a_difference() -> None:
    real: Steps = {"hold": {}}
    ours: Steps = {"hold": {"PJSIP/101-#1": ["Event: Hold"]}}
    assert len(differences(real, ours)) == len(differences(ours, real)) == 1
