"""What an examination knows so far: the checks read and write it, one after another."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from engine.mirror.verbs import Verb


@dataclass(frozen=True, slots=True)
class Person:
    """A user with their phone and context, and the labels of what they may do that needs the one or the other."""

    name: str
    phone: str
    context: str
    by_phone: tuple[str, ...]
    by_context: tuple[str, ...]


@dataclass(slots=True)
class Wanted:
    """Whose calls are examined: a phone, the context in which it dials, a number; what is empty is not."""

    phone: str = ""
    context: str = ""
    number: str = ""
    # Of a user of the panel: their name, and why their dial policies forbid it, in the active language.
    user: str = ""
    refusal: str = ""
    # What they may ask, by its name; None: anything.
    verbs: frozenset[str] | None = None
    # Whether their phone is to ring.
    call: bool = False
    # Everybody, of whom only phones and contexts are examined.
    people: Sequence[Person] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.phone or self.context or self.number or self.user)

    def may(self, verb: Verb[Any, Any]) -> bool:
        return self.verbs is None or str(verb) in self.verbs


@dataclass(slots=True)
class Examination:
    """One PBX under examination. `patience` is how long each step of the connection may take, in seconds."""

    address: Address
    wanted: Wanted = field(default_factory=Wanted)
    patience: float = 5.0
    # How long an event may take to come back, and a phone may ring, in seconds.
    echo: float = 3.0
    ringing: float = 20.0
    now: Callable[[], float] = time.time

    # Our address on the connection, and as Asterisk sees it, which differs where a NAT stands between.
    source: str = ""
    seen_source: str = ""
    # The doctor's own session, and who listens to its events.
    session: Session | None = None
    listeners: list[Callable[[Message], None]] = field(default_factory=list)
    # Action → its classes, of those that this user may use.
    permitted: dict[str, set[str]] = field(default_factory=dict)
    # The user's classes, where they could be learned.
    read: set[str] | None = None
    write: set[str] | None = None
    # The lines of the user's stanza in manager.conf (never its secret), where it may be read.
    lines: list[tuple[str, str]] | None = None

    @property
    def where(self) -> str:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"{host}:{self.address.port}"

    def on_event(self, event: Message) -> None:
        for listener in self.listeners:
            listener(event)

    def may(self, action: str) -> bool:
        """Whether the user may use this action, and this Asterisk has it."""
        return action in self.permitted

    def has_class(self, name: str) -> bool:
        """Whether the user is known to have this write class."""
        return name in self.write if self.write is not None else {name} in self.permitted.values()

    def lacks(self, action: str) -> bool:
        """Whether the action is refused for lack of a class, not because this Asterisk lacks the action."""
        classes = actions.PRIVILEGES[action]
        return bool(classes) and not self.may(action) and not any(map(self.has_class, classes))

    async def ask(self, action: Action, *, timeout: float = 5.0) -> Answer:
        """Raises `AmiError`."""
        assert self.session is not None  # noqa: S101  the engine skips what needs one
        return await self.session.ask(action, timeout=timeout)

    async def hear(self) -> None:
        """Have every event sent to our session from now on. Raises `AmiError`."""
        assert self.session is not None  # noqa: S101
        await self.session.hear("on")

    async def ask_list(self, action: Action) -> Answer:
        """Raises `AmiError`."""
        assert self.session is not None  # noqa: S101
        return await self.session.ask_list(action)

    async def cli(self, line: str) -> list[str] | None:
        """What a line of the CLI prints; None where it may not be asked. Raises `AmiError`."""
        if not self.may("Command"):
            return None
        assert self.session is not None  # noqa: S101
        return (await self.session.ask(actions.command(line))).response.output

    async def value(self, variable: str) -> str:
        """`Getvar` of no channel: a function's or a global variable's value; empty where it has none."""
        return (await self.ask(actions.getvar("", variable))).response.get("Value").strip()
