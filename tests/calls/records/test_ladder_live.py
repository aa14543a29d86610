"""What the ladder of a call says, on a real Asterisk 22 and 16: moves of the laboratory, verbs of the panel, gaps."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from django.utils.html import strip_tags

from calls import commands, control, transfers
from calls.models import Channel, Transfer
from calls.records.models import CallRecord, CallStep
from calls.records.words import Names, sentence
from engine.ami.protocol import Action
from engine.ami.transports import Address
from engine.mirror.state import State
from tests.calls.test_control_live import BY_102, Board, a_call, board
from tests.engine.mirror.test_moves import EXPECTED as RESTS
from tests.engine.mirror.test_snapshot import Mirror
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.lab.record import MOVES, Moves, Scenario

pytestmark = [pytest.mark.timeout(120)]

# Move → what the pages say at its last rest, of each call in turn, those that have gone on in another within that.
EXPECTED: dict[str, list[list[str]]] = {
    "redirect": [[
        "Redirected 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Anna Alpha 101 is let go", "Ben Beta 102 rings", "Ben Beta 102 answers",
    ]],
    "redirect_both": [[
        "Both 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Anna Alpha 101 comes into the conference 8005", "Both 0401234567 comes into the conference 8005",
    ]],
    "blind_transfer": [[
        "Blind 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Blind 0401234567 is transferred to 102 by Anna Alpha 101", "Anna Alpha 101 is let go", "Ben Beta 102 rings",
    ]],
    "attended_transfer": [[
        "Attended 0401234567 dials 5101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Anna Alpha 101 puts the call on hold", "Dora Delta 104 rings", "Dora Delta 104 answers",
        "Attended 0401234567 and Dora Delta 104 are connected",
        "Attended 0401234567 is transferred to Dora Delta 104 by Anna Alpha 101", "Anna Alpha 101 is let go",
    ]],
    "attended_transfer_refused": [[
        "Attended 0401234567 dials 5101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Anna Alpha 101 puts the call on hold", "Dora Delta 104 rings", "Dora Delta 104 answers",
        "Dora Delta 104 is let go", "Attended 0401234567 and Anna Alpha 101 are connected",
        "Anna Alpha 101 takes the call off hold",
    ]],
    "bridge_of_two_calls": [
        [
            "One 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
            "Anna Alpha 101 and Ben Beta 102 are connected", "One 0401234567 is let go",
        ],
        [
            "Two 0401234567 dials 102", "Ben Beta 102 rings", "Ben Beta 102 answers", "Two 0401234567 is let go",
        ],
    ],
    "phone_holds": [[
        "Anna Alpha 101 dials 102", "Ben Beta 102 rings", "Ben Beta 102 answers",
        "Anna Alpha 101 puts the call on hold", "Anna Alpha 101 takes the call off hold",
    ]],
    "phone_transfers_attended_by_local": [[
        "Referred 0401234567 dials 101", "Anna Alpha 101 is being called", "Anna Alpha 101 answers",
        "Anna Alpha 101 puts the call on hold", "Anna Alpha 101 dials 5204", "Anna Alpha 101 takes the call off hold",
        "Dora Delta 104 rings",
        "Dora Delta 104 answers", "Referred 0401234567 and Dora Delta 104 are connected",
        "Another call joins this one: Dora Delta 104",
        "Referred 0401234567 is transferred to Dora Delta 104 by Anna Alpha 101",
        "Anna Alpha 101 is let go", "Anna Alpha 101 is let go",
    ]],
    "pickup": [[
        "Picked up 0401234567 dials 102", "Ben Beta 102 rings", "Dora Delta 104 dials *8102",
        "Dora Delta 104 picks up what rings at Ben Beta 102", "Picked up 0401234567 and Dora Delta 104 are connected",
        "Another call joins this one: Dora Delta 104",
    ]],
    "park_and_retrieve": [[
        "Parked 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Parked 0401234567 is parked on 701", "Anna Alpha 101 is let go", "Dora Delta 104 dials 701",
        "The PBX takes the call of Dora Delta 104", "Dora Delta 104 retrieves Parked 0401234567",
        "Another call joins this one: Dora Delta 104", "Parked 0401234567 and Dora Delta 104 are connected",
    ]],
    "park_and_give_up": [[
        "Parked 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Parked 0401234567 is parked on 701", "Anna Alpha 101 is let go", "Parked 0401234567 hangs up",
    ]],
    "park_until_time_is_over": [[
        "Parked 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
        "Parked 0401234567 is parked on 701", "Anna Alpha 101 is let go",
        "Parked 0401234567 was parked too long: the call goes back", "Anna Alpha 101 rings", "Anna Alpha 101 answers",
    ]],
    "queue_of_nobody": [[
        "Queued 0401234567 dials 611", "The PBX takes the call of Queued 0401234567",
        "Queued 0401234567: Waiting in queue night",
    ]],
}  # fmt: skip


def ladders(state: State) -> list[list[str]]:
    """What the page of each call says: a conference has a link and a name, of which the page shows one."""
    records = state.table(CallRecord).rows
    said: dict[str, list[str]] = {}
    for step in sorted(state.table(CallStep).rows.values(), key=lambda step: step.order):
        call, followed = step.call, 0
        while records[call].goes_on_in:
            call, followed = records[call].goes_on_in, followed + 1
            assert followed < 10, "calls go on in each other"
        said.setdefault(call, []).append(strip_tags(sentence(step, Names({7: "anna"}, {}))).replace("80058005", "8005"))
    return list(said.values())


async def until_said(state: State, expected: list[list[str]], seconds: float = 20) -> None:
    """Wait until the pages say this, in any order of what happens at one moment."""
    deadline = asyncio.get_running_loop().time() + seconds
    while [sorted(lines) for lines in ladders(state)] != [sorted(lines) for lines in expected]:
        if asyncio.get_running_loop().time() > deadline:
            assert ladders(state) == expected
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("move", [move for move in MOVES if move.__name__ in EXPECTED], ids=lambda move: move.__name__)
async def test_the_ladder_says_what_happened(asterisk: Asterisk, move: Callable[[Scenario], Moves]) -> None:
    mirror = Mirror()
    await mirror.connect(Address.parse(asterisk.ami_url))
    await mirror.take()
    with asterisk.ami(timeout=30) as session, contextlib.closing(move(Scenario(asterisk, session))) as steps:
        rests = 0
        while rests < len(RESTS[move.__name__]) and await asyncio.to_thread(next, steps, None) is not None:
            rests += 1
            await mirror.settle()
        await until_said(mirror.state, EXPECTED[move.__name__])
        await mirror.settle()
    await asyncio.to_thread(asterisk.quiet)
    records = mirror.state.table(CallRecord).rows
    async with asyncio.timeout(30):
        while any(record.ended_at is None for record in records.values()):
            await mirror.settle()
    mirror.session.close()
    assert all(record.is_whole for record in records.values())
    assert not mirror.state.table(Channel).rows


TO_104 = control.Destination("104", "internal")

# What users of the panel do. (`Board` gives the verbs as user 7, who is anna here.)

BEGAN = ["Outside 0401234567 dials 101", "Anna Alpha 101 rings", "Anna Alpha 101 answers"]


async def said(here: Board, *lines: str) -> None:
    await until_said(here.state, [[*BEGAN, *lines]])


async def test_a_transfer_says_who_asked_for_it_and_the_call_keeps_its_name(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        name = caller.call
        await asyncio.to_thread(phone_factory, asterisk, "104")
        assert (await here.give(control.transfer, caller, TO_104)).done
        await here.together(caller, await here.channel("PJSIP/104"))
        assert caller.call == name
        moved = "Outside 0401234567 is transferred to 104 by anna"
        await said(here, moved, "Anna Alpha 101 is let go", "Dora Delta 104 rings", "Dora Delta 104 answers")


async def test_hold_and_who_takes_it_off(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        row = await here.until(lambda: next(iter(here.state.table(Transfer).rows.values()), None))
        await here.until(lambda: not caller.bridge and row.apart)
        assert (await here.give(transfers.resume, row.code)).done
        await here.together(caller, mine)
        await said(here, "Outside 0401234567 is put on hold by anna", "Outside 0401234567 is off hold again by anna")


async def test_a_consultation_that_is_completed(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        name = caller.call
        await asyncio.to_thread(phone_factory, asterisk, "104")
        assert (await here.give(transfers.consult, caller, TO_104)).done
        target = await here.channel("PJSIP/104")
        row = next(iter(here.state.table(Transfer).rows.values()))
        await here.until(lambda: row.state == Transfer.State.TALKING and not caller.bridge)
        assert (await here.give(transfers.complete, row.code)).done
        await here.gone("PJSIP/101")
        assert (caller.call, target.call) == (name, name)
        await said(
            here,
            "Anna Alpha 101 consults 104; the caller hears music",
            "Dora Delta 104 rings", "Dora Delta 104 answers",
            "Outside 0401234567 is transferred to 104 by anna", "Outside 0401234567 and Dora Delta 104 are connected",
            "Anna Alpha 101 is let go",
        )  # fmt: skip


async def test_parked_and_retrieved_from_the_panel(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(control.park, caller)).done
        await here.gone("PJSIP/101")
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.retrieve, caller, BY_102)).done
        await here.together(caller, await here.channel("PJSIP/102"))
        await said(
            here,
            "Outside 0401234567 is parked on 701 by anna", "Anna Alpha 101 is let go",
            "anna has the phone Ben Beta 102 called, to get to a call", "Ben Beta 102 rings", "Ben Beta 102 answers",
            "Ben Beta 102 retrieves Outside 0401234567", "Another call joins this one: Ben Beta 102",
            "Outside 0401234567 and Ben Beta 102 are connected",
        )  # fmt: skip


async def test_who_hangs_up(asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory) -> None:
    """From the panel, the one who is with them is let go. At the phone itself, that is said."""
    async with board(asterisk) as here:
        _caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(commands.hangup_channel, mine)).done
        await said(here, "Anna Alpha 101 is hung up by anna", "Outside 0401234567 is let go")


async def test_who_hangs_up_at_the_phone(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(phone_factory, asterisk, "101", "answer_and_hangup")
        await asyncio.to_thread(caller_factory, asterisk, "101", number="0401234567", name="Outside")
        await said(here, "Anna Alpha 101 hangs up")


@pytest.mark.parametrize(
    ("behaviour", "words"), [("busy", "Ben Beta 102 is busy"), ("decline", "Ben Beta 102 declines")]
)
async def test_why_nobody_answers(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, behaviour: str, words: str
) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(phone_factory, asterisk, "102", behaviour)  # type: ignore[arg-type]
        await asyncio.to_thread(caller_factory, asterisk, "102", number="0401234567", name="Outside")
        called = "Ben Beta 102 is being called"
        found = await here.until(lambda: [one for one in ladders(here.state) if words in one])
        # The caller is let go by a thread of its own, and so may go first.
        assert found[0][:2] == ["Outside 0401234567 dials 102", called]


async def test_a_phone_that_is_turned_down_from_the_panel(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        _caller, ringing = await a_call(here, phone_factory, caller_factory, "102", "ring")
        assert (await here.give(control.reject, ringing)).done
        await here.until(lambda: any("Ben Beta 102 is turned down by anna" in one for one in ladders(here.state)))


async def test_a_recording_says_when_it_begins_pauses_and_ends(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        for name, more in (
            ("MixMonitor", (("File", "ladder.wav"),)),
            ("MixMonitorMute", (("Direction", "both"), ("State", "1"))),
            ("MixMonitorMute", (("Direction", "both"), ("State", "0"))),
            ("StopMixMonitor", ()),
        ):
            answer = await here.follower.session.ask(Action(name, (("Channel", caller.name), *more)))
            assert answer.ok, answer.text
        begins = "The call of Outside 0401234567 is being recorded"
        pauses = "The recording pauses: what is said now is silence in it"
        await said(here, begins, pauses, begins, "The recording ends")


def only_the_third(asterisk: Asterisk) -> bool:
    channels = asterisk.cli("core show channels concise")
    return "PJSIP/103" in channels and "PJSIP/102" not in channels


async def test_what_nobody_heard_is_not_made_up(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    """The link is lost, one call ends meanwhile, another one goes on, and a third began."""
    mirror = Mirror()
    await mirror.connect(Address.parse(asterisk.ami_url))
    await mirror.take()
    table = mirror.state.table(Channel)
    for number in ("101", "102", "103"):
        await asyncio.to_thread(phone_factory, asterisk, number)
    await asyncio.to_thread(caller_factory, asterisk, "101", name="Stays")
    over = await asyncio.to_thread(caller_factory, asterisk, "102", name="Goes")
    async with asyncio.timeout(20):
        while len([row for row in table.rows.values() if row.is_up]) < 4:
            await mirror.settle()
    mirror.session.close()
    await asyncio.to_thread(over.stop)
    await asyncio.to_thread(caller_factory, asterisk, "103", name="New")
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(only_the_third, asterisk):  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.05)
    await mirror.connect(Address.parse(asterisk.ami_url))
    await mirror.take()
    gap, lost = (
        "Nobody listened for a while: what happened then is not known",
        "The call was found to be over: how and when it ended is not known",
    )
    found = {lines[0]: lines[-1] for lines in ladders(mirror.state)}
    assert found == {"Stays 0401234567 dials 101": gap, "Goes 0401234567 dials 102": lost}
    records = mirror.state.table(CallRecord).rows.values()
    states = sorted((record.is_whole, record.ended_at is not None) for record in records)
    assert states == [(False, False), (True, False), (True, True)]
    mirror.session.close()
