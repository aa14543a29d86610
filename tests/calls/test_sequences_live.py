"""Random sequences of verbs: two operators at once on ten calls, on a real Asterisk 22 and 16.

After each step the board equals Asterisk, and whoever did not hang up, and was let go by nobody, is where the board
says and an operator can fetch them. The sequences are the same in each run; with `PANEL_EXAMPLES=new` (`make soak`)
they are new ones, and what failed tells its number, which `PANEL_SEQUENCE` plays again.
"""

import asyncio
import contextlib
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from calls import commands, control, transfers
from calls.control import Destination, Keys, OwnPhone
from calls.models import Channel, ParkedCall, Transfer
from engine.ami import actions
from engine.ami.errors import AmiError
from engine.mirror import sync
from engine.mirror.context import CommandContext
from engine.mirror.verbs import Parameters, Verb
from tests.calls.test_control_live import Board, board
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(180)

SEQUENCES, ROUNDS = 20, 15
IS_NEW = os.environ.get("PANEL_EXAMPLES") == "new"
# The numbers of new ones: one that failed is played once more.
_new: dict[int, int] = {}
# Whom the ten callers dial: a queue (first: its members must be free), two operators' phones, by Local channels too,
# two phones that ring, and a machine.
DIALLED = ("610", "101", "102", "101", "102", "5201", "5202", "103", "103", "602")
ANSWERED = 8
PHONES = {"101": "answer", "102": "answer", "103": "ring", "104": "answer", "105": "answer", "106": "answer"}
# To whom they are sent: who answers.
TARGETS = ("104", "105", "106", "5204", "602", "606")
OPERATORS = {7: OwnPhone("PJSIP/101", "101"), 8: OwnPhone("PJSIP/102", "102")}
# A phone that nobody answers is given up by the dialplan after 30 s; whoever still rings then may go.
RINGS_FOR = 25.0
# Where in the dialplan somebody may be who is alone.
PLACES = {"Dial", "Queue", "Wait", "MusicOnHold", "Bridge", "Park", "Ringing"}


@dataclass
class Act:
    """What somebody does to a channel, or to somebody on hold: a verb of an operator, or hanging up by hand."""

    user: int
    verb: Verb[Any, Any] | None
    row: Channel | Transfer | str
    parameters: Parameters | None = None

    def __str__(self) -> str:
        about = self.row if isinstance(self.row, str) else self.row.key
        name = self.row.name if isinstance(self.row, Channel) else ""
        return f"{self.user}: {self.verb or 'hangs up by hand'} {about} {name} {self.parameters or ''}"


class Sequence:
    """One sequence, and what has been done so far."""

    def __init__(self, here: Board, number: int) -> None:
        self.here, self.chance = here, random.Random(number)
        self.table, self.holds = here.state.table(Channel), here.state.table(Transfer)
        self.story: list[str] = [f"sequence {number}, Asterisk {here.asterisk.version}"]
        # The unique ids of those who called and have not been let go.
        self.callers = set[str]()
        self.last = set[tuple[str, ...]]()
        self.began = time.monotonic()

    def outside(self) -> list[Channel]:
        return [row for row in self.table.rows.values() if row.endpoint == "PJSIP/outside"]

    # Who is with whom.

    def around(self, *uniqueids: str) -> set[str]:
        """The channels that are connected with these: by a bridge, or by a Local channel."""
        found, new = set[str](), {*uniqueids} & self.table.rows.keys()
        while new:
            row = self.table.rows[new.pop()]
            found.add(row.uniqueid)
            near = self.table.where("bridge", row.bridge) if row.bridge else []
            near += self.table.where("name", row.other_half) if row.is_local else []
            new |= {other.uniqueid for other in near} - found
        return found

    def let_go_by(self, act: Act) -> set[str]:
        """Whose call may end by it."""
        row = act.row
        if isinstance(row, str):
            return set()
        if isinstance(row, Transfer):
            return self.around(row.mine) | ({row.mine} if act.verb is transfers.complete else set())
        around = self.around(row.uniqueid)
        # Whoever waits for somebody on hold goes with them.
        around |= self.around(*(transfer.mine for transfer in self.holds.where("held", row.uniqueid)))
        if act.verb in (None, commands.hangup_channel):
            return around if row.is_up else around | self.call_of(row)
        if act.verb in (control.transfer, control.takeover, control.park):
            return around - {row.uniqueid}
        if act.verb is control.reject:
            return self.call_of(row)
        return set()

    def call_of(self, row: Channel) -> set[str]:
        return {other.uniqueid for other in self.table.rows.values() if other.call == row.call}

    def touched_by(self, act: Act) -> set[str]:
        """All whom it may concern."""
        row = act.row
        if isinstance(row, str):
            return set()
        if isinstance(row, Transfer):
            return self.around(row.held, row.mine)
        found = self.around(row.uniqueid) | {
            other.uniqueid for other in self.table.rows.values() if other.call == row.call
        }
        for transfer in self.holds.rows.values():
            if {transfer.held, transfer.mine} & found:
                found |= self.around(transfer.held, transfer.mine)
        return found

    # What is done.

    def act(self, user: int) -> Act:
        """Something that this operator, or somebody at a telephone, may do now; now and then what makes no sense."""
        chance, phone = self.chance, OPERATORS[user]
        ends = sorted((row for row in self.table.rows.values() if not row.is_local), key=lambda row: row.name)
        held, parked = list(self.holds.rows.values()), list(self.here.state.table(ParkedCall).rows)
        ringing = [row for row in ends if row.state == "Ringing"]
        target = Destination(chance.choice(TARGETS), "internal")
        choices: list[tuple[float, Callable[[], Act]]] = [
            (3, lambda: Act(user, transfers.hold, chance.choice(ends))),
            (4, lambda: Act(user, transfers.consult, chance.choice(ends), target)),
            (2, lambda: Act(user, control.transfer, chance.choice(ends), target)),
            (2, lambda: Act(user, control.park, chance.choice(ends))),
            (2, lambda: Act(user, control.takeover, chance.choice(ends), phone)),
            (1, lambda: Act(user, control.listen, chance.choice(ends), phone)),
            (1, lambda: Act(user, control.keypad, chance.choice(ends), Keys("1"))),
            (1, lambda: Act(user, commands.hangup_channel, chance.choice(ends))),
            (2, lambda: Act(user, None, chance.choice(ends))),
            (0.5, lambda: Act(user, control.transfer, "1.1", target)),
            (0.5, lambda: Act(user, control.pickup, chance.choice(ends), phone)),
        ]
        if held:
            verbs: tuple[Verb[Any, Any], ...] = (transfers.resume, transfers.cancel, transfers.complete)
            choices.append((8, lambda: Act(user, chance.choice(verbs), chance.choice(held))))
        if parked:
            choices.append((3, lambda: Act(user, control.retrieve, self.table.rows[chance.choice(parked)], phone)))
        if ringing:
            choices.append((3, lambda: Act(user, control.pickup, chance.choice(ringing), phone)))
            choices.append((0.5, lambda: Act(user, control.reject, chance.choice(ringing))))
        (chosen,) = chance.choices([make for _weight, make in choices], [weight for weight, _make in choices])
        return chosen()

    async def do(self, act: Act) -> str:
        if act.verb is None:
            assert isinstance(act.row, Channel)
            await self.here.follower.session.ask(actions.hangup(act.row.name))
            return "done"
        key = act.row if isinstance(act.row, str) else act.row.key
        ctx = CommandContext(self.here.follower.session, self.here.state, act.user, time.time() + 10, command_id="c1")
        outcome = await act.verb.carry_out(ctx, key, act.parameters or Parameters())
        return f"{outcome.status} {outcome.text}"

    async def round(self) -> None:
        """Both operators do something at once."""
        acts = [self.act(user) for user in OPERATORS]
        let_go = set[str]().union(*map(self.let_go_by, acts))
        # Of two who do something to one call one is first, and what the other lets go depends on it.
        one, other = map(self.touched_by, acts)
        if one & other and any(map(self.let_go_by, acts)):
            let_go |= one | other
        self.callers -= let_go
        self.story += map(str, acts)
        self.story += await asyncio.gather(*map(self.do, acts))

    # What is so then.

    async def listed(self) -> set[tuple[str, ...]]:
        """Unique id, name, state and bridge of each channel, as Asterisk says.

        What is left for a while of one that was moved (`Surrogate/`) is nobody: no event tells of it.
        """
        answer = await self.here.follower.session.ask(actions.command("core show channels concise"))
        lines = [line.split("!") for line in answer.response.output if "!" in line]
        lines = [fields for fields in lines if not fields[0].startswith("Surrogate/")]
        self.last = {(fields[-1], fields[0], fields[4], fields[-2]) for fields in lines}
        return self.last

    def shown(self) -> set[tuple[str, ...]]:
        return {(row.uniqueid, row.name, row.state, row.bridge) for row in self.table.rows.values()}

    def lost(self) -> list[str]:
        """Whom nobody could fetch, or who is not as the board says."""
        parked, held = self.here.state.table(ParkedCall).rows, {row.held for row in self.holds.rows.values()}
        mine = {row.mine for row in self.holds.rows.values()}
        wrong = []
        for uniqueid in self.callers:
            row = self.table.get(uniqueid)
            if row is None:
                wrong.append(f"{uniqueid} is gone")
            elif row.bridge and len(self.table.where("bridge", row.bridge)) < 2 and uniqueid not in parked:
                wrong.append(f"{row.name} is alone in a bridge")
            elif not row.bridge and row.application not in PLACES:
                wrong.append(f"{row.name} is in {row.application}")
        for row in self.table.rows.values():
            at = (row.context, row.extension) if not row.bridge else ("", "")
            if at == ("pbxpanel", "hold") and row.uniqueid not in held:
                wrong.append(f"{row.name} is on hold, and the board does not say so")
            if at == ("pbxpanel", "holding") and row.uniqueid not in mine:
                wrong.append(f"{row.name} waits for nobody")
        for transfer in self.holds.rows.values():
            row = self.table.get(transfer.held)
            if row is None or row.bridge or row.context != "pbxpanel":
                wrong.append(f"{row or transfer.held} is not on hold, and the board says so")
        return wrong

    async def settled(self) -> None:
        """Wait until all is well, and the board equals Asterisk."""
        if time.monotonic() - self.began > RINGS_FOR:
            self.callers -= {row.uniqueid for row in self.table.rows.values() if row.state in ("Ring", "Ringing")}
        try:
            async with asyncio.timeout(15):
                while self.lost() or await self.listed() != self.shown():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.look_once_more()
            raise
        assert await sync.check(self.here.follower.session, self.here.state, settle=0.5) == []

    async def look_once_more(self) -> None:
        """Add to the story what Asterisk says now, by another way, and whether the link still answers."""
        said = await asyncio.to_thread(self.here.asterisk.cli, "core show channels concise")
        self.story += ["On the command line:", *said.splitlines()]
        try:
            await self.listed()
        except AmiError as error:
            self.story.append(f"Over AMI: {error}")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Whatever fails within tells the whole story."""
        try:
            yield
        except BaseException as error:
            for row in self.table.rows.values():
                place = f"{row.context}/{row.extension} {row.application}"
                self.story.append(f"{row.uniqueid} {row.name} {row.state} {place} {row.bridge[:8]}")
            self.story += [f"{channel} is not as Asterisk says" for channel in sorted(self.last ^ self.shown())]
            for line in (*self.story, *self.lost(), *map(repr, self.holds.rows.values())):
                error.add_note(line)
            raise


@pytest.mark.parametrize(
    ("asterisk", "number"), [(("22", "16")[number % 2], number) for number in range(SEQUENCES)], indirect=["asterisk"]
)
async def test_nobody_is_lost_who_did_not_hang_up(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, number: int
) -> None:
    if IS_NEW:
        number = _new.setdefault(number, int(os.environ.get("PANEL_SEQUENCE", secrets.randbelow(10**9))))
    async with board(asterisk) as here:
        sequence = Sequence(here, number)
        with sequence.told():
            for phone, behaviour in PHONES.items():
                await asyncio.to_thread(phone_factory, asterisk, phone, behaviour)  # type: ignore[arg-type]
            for place, dialled in enumerate(DIALLED):
                await asyncio.to_thread(caller_factory, asterisk, dialled, number=f"040000000{place}")
                if not place:
                    await here.until(lambda: [row for row in sequence.outside() if row.is_up])
            await here.until(lambda: sum(row.is_up for row in sequence.outside()) == ANSWERED)
            await here.until(lambda: len(sequence.outside()) == len(DIALLED))
            sequence.callers = {row.uniqueid for row in sequence.outside()}
            sequence.began = time.monotonic()
            await sequence.settled()
            for _ in range(ROUNDS):
                await sequence.round()
                await sequence.settled()
        for task in here.follower.tasks:
            assert not task.done() or task.exception() is None, task
