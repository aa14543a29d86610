"""The way of bytes into the database without a socket: each step of it on its own clock, in one thread."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")

from .traffic import Recording, reads


def prepare(folder: Path) -> None:
    """Django on an empty SQLite in this folder, with a PBX in it. Once in a process, before any `Replay`."""
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
    import django

    django.setup()
    from django.core.management import call_command

    from engine.gc_tuning import keep_what_is_loaded
    from engine.mirror.models import PBX

    call_command("migrate", verbosity=0)
    PBX.objects.create(name="main")
    keep_what_is_loaded()  # as the worker does


@dataclass
class Seconds:
    """How long each step took in all."""

    parse: float = 0.0
    fold: float = 0.0
    write: float = 0.0
    draw: float = 0.0

    @property
    def all(self) -> float:
        return self.parse + self.fold + self.write + self.draw


class Replay:
    """One PBX's state, fed with a recording; what changed is written and drawn after every so many reads."""

    def __init__(self, recording: Recording, reads_a_tick: int = 4) -> None:
        from engine.ami.protocol import Protocol
        from engine.mirror import registry
        from engine.mirror.state import State

        self.recording, self._reads_a_tick = recording, reads_a_tick
        self.state = State("main")
        self._drawn: dict[str, Any] = {}
        self._protocol = Protocol(greeting=False, wanted={*registry.handlers, "FullyBooted", "OriginateResponse"})
        self.play(recording.before)

    def play(self, data: bytes, *, draw: bool = True) -> Seconds:
        """Parse, fold, write and draw all of these bytes, in this order after so many reads."""
        from engine.live.fragments import rows_of
        from engine.mirror import store

        seconds, clock = Seconds(), time.perf_counter
        pieces = reads(data)
        for number, piece in enumerate(pieces, 1):
            began = clock()
            messages = self._protocol.receive(piece)
            parsed = clock()
            for message in messages:
                self.state.fold(message)
            folded = clock()
            seconds.parse += parsed - began
            seconds.fold += folded - parsed
            if number % self._reads_a_tick == 0 or number == len(pieces):
                changes = self.state.take()
                store.write(changes)
                written = clock()
                seconds.write += written - folded
                if draw:
                    rows_of("main", changes.subjects, ["en", "zh-hans"], self._drawn)
                    seconds.draw += clock() - written
        return seconds

    def check(self) -> None:
        """What is stored is what the PBX knows of itself, once all has been played."""
        from calls.models import Channel
        from conferences.models import Participant

        channels = {row.uniqueid: [row.name, row.state, row.bridge] for row in Channel.objects.all()}
        people = {row.uniqueid: [row.conference, row.talking] for row in Participant.objects.all()}
        expected = self.recording.expected
        assert channels == expected["channels"], f"{len(channels)} channels, {len(expected['channels'])} expected"
        assert people == expected["people"], f"{len(people)} people, {len(expected['people'])} expected"
