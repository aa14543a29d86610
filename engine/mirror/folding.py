"""The link of one PBX, and what its events and lists make of the state."""

import asyncio
import logging
import time

from django.utils import timezone

from engine import metrics
from engine.ami import actions
from engine.ami.client import Link, LinkState, Session, check_version
from engine.ami.errors import AmiError, LinkLost, gettext_noop
from engine.ami.protocol import Message
from engine.ami.transports import Address

from . import registry, sync
from .agenda import Agenda
from .context import CommandContext
from .figures import Figures

logger = logging.getLogger(__name__)

# The classes of events we ask Asterisk for, and what of them we ask it to keep to itself.
EVENT_MASK = "system,call,dialplan,dtmf,user"
UNWANTED_EVENTS = ("VarSet", "RTCPSent", "RTCPReceived", "ChannelTalkingStart", "ChannelTalkingStop")
# How often the mirror is compared with a fresh snapshot, in seconds.
CHECK_EVERY = 60.0


class Folding:
    """Holds the link: takes a snapshot when it comes up, folds every event, compares with Asterisk now and then.

    Everything here happens in the event loop, without I/O between the bytes and the state.
    """

    def __init__(self, pbx: str, address: Address, agenda: Agenda, figures: Figures) -> None:
        self.pbx, self.agenda, self.figures = pbx, agenda, figures
        self.state = agenda.state
        self.link = Link(
            address,
            on_event=self.on_event,
            on_up=self._on_up,
            on_state=self.on_link_state,
            events=EVENT_MASK,
            wanted={*registry.handlers, "FullyBooted", "OriginateResponse"},
        )
        self._link_state: LinkState | None = None

    @property
    def session(self) -> Session | None:
        """The session to send in; None while the link is down."""
        return self.link.session

    def context(self, session: Session, deadline: float, user_id: int = 0, command_id: str = "") -> CommandContext:
        """What a command or a job works with that is to end by `deadline` (as `time.time()`)."""
        return CommandContext(session, self.state, user_id, deadline, self.figures.event_counts, command_id)

    async def _on_up(self, session: Session) -> None:
        self.agenda.is_taking_snapshot = True
        try:
            for event in UNWANTED_EVENTS:
                answer = await session.ask(actions.filter_out(event))
                if not answer.ok:
                    logger.warning("%s: the filter for %s was refused: %s", self.pbx, event, answer.text)
            settings = await session.ask(actions.core_settings())
            check_version(settings.response.get("AMIversion"))
            await sync.take(session, self.state)
            self.agenda.link_changes["version"] = settings.response.get("AsteriskVersion")[:80]
            self.agenda.is_snapshot_new = True
            self.agenda.collect()
            metrics.LINKS.labels(self.pbx).inc()
        finally:
            self.agenda.is_taking_snapshot = False

    def on_link_state(self, state: LinkState, error: AmiError | None) -> None:
        """`error` says why it is down."""
        if state is not LinkState.UP:
            self.state.clear_tombstones()
        if state is not self._link_state:
            if self._link_state is LinkState.UP:
                self.state.last_contact = self.state.now()
            self._link_state = state
            self.agenda.change_link(link_since=timezone.now())
            self.figures.forget_round_trip()
        self.agenda.change_link(
            link=state.value,
            reason=error.sentence if error else "",
            reason_parameters=error.parameters if error else {},
        )
        self.agenda.collect()

    def on_event(self, event: Message) -> None:
        """Fold it: one that we fold wrongly must not cost the link."""
        started = time.perf_counter()
        self.figures.events[event.name] += 1
        try:
            self.state.fold(event)
        except Exception:
            logger.exception("%s: an event could not be folded: %r", self.pbx, event)
        self.agenda.collect()
        self.figures.fold_seconds += time.perf_counter() - started

    async def check_now_and_then(self) -> None:
        """The drift check, every `CHECK_EVERY` seconds."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            try:
                await self.check()
            except AmiError as error:
                logger.info("%s: the drift check ended with the link: %s", self.pbx, error)

    async def check(self) -> list[sync.Difference]:
        """Compare with a fresh snapshot now, and heal. Raises `AmiError` when the link is down or fails meanwhile."""
        session = self.session
        if session is None:
            raise LinkLost(gettext_noop("There is no connection."))
        differences = await sync.check(session, self.state)
        metrics.DRIFT_CHECKS.labels(self.pbx).inc()
        metrics.DRIFT_FOUND.labels(self.pbx).inc(len(differences))
        for difference in differences:
            logger.warning("%s: drift healed: %s", self.pbx, difference)
        self.agenda.collect()
        return differences
