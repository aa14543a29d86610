"""What the worker does without being asked by a command: reading things anew, and jobs; each is guarded by itself."""

import asyncio
import logging
import time

from engine.ami.client import Session
from engine.ami.errors import AmiError, AnswerTimeout

from . import registry, sync
from .agenda import Agenda
from .folding import Folding
from .models import Subject

logger = logging.getLogger(__name__)

# How long a request to read a thing anew waits for more of the same, in seconds.
REFRESH_DELAY = 0.2
# How long a job waits that is to be done again, in seconds.
AGAIN_DELAY = 0.2
# How often what is due at a time is looked for, in seconds.
CLOCK_EVERY = 1.0
# How long a job may take by itself, in seconds; one that has to wait takes another context for each of its steps.
JOB_TIMEOUT = 20.0


class Jobs:
    """Refreshes read from Asterisk and cannot act; jobs may act, and one does not wait for another."""

    def __init__(self, pbx: str, folding: Folding, agenda: Agenda) -> None:
        self.pbx, self.folding, self.agenda = pbx, folding, agenda
        self.state = agenda.state
        # Jobs under way, and whether each was asked for again meanwhile.
        self._under_way: dict[Subject, bool] = {}

    async def refresh(self) -> None:
        """Read anew what handlers asked for; many requests for one thing within a moment are one."""
        while True:
            await self.agenda.requested.wait()
            await asyncio.sleep(REFRESH_DELAY)
            self.agenda.requested.clear()
            session = self.folding.session
            if session is None:
                continue  # they are read when the next link is up
            requests = set(self.state.requests)
            self.state.requests.clear()
            for request in requests:
                await self._read(session, request)
            self.agenda.collect()

    async def _read(self, session: Session, request: Subject) -> None:
        kind, key = request
        try:
            await registry.refreshers[kind](sync.Snapshot(session, self.state), key)
        except AnswerTimeout as error:
            logger.warning("%s: %s", self.pbx, error)
            self.state.requests.add(request)
        except AmiError as error:
            logger.info("%s: a refresh ended with the link: %s", self.pbx, error)
        except Exception:  # one thing that we read wrongly must not cost the others, nor the link
            logger.exception("%s: something could not be read anew: %s", self.pbx, request)

    async def begin(self) -> None:
        """Begin the jobs that were asked for, once the link is up; those of one kind and key run one after another."""
        while True:
            await self.agenda.due.wait()
            self.agenda.due.clear()
            session = self.folding.session
            if session is None:
                continue  # they begin when the next link is up
            jobs = set(self.state.jobs)
            self.state.jobs.clear()
            for job in jobs:
                if job in self._under_way:
                    self._under_way[job] = True
                else:
                    self._under_way[job] = False
                    self.agenda.start(self._do(session, job))

    async def _do(self, session: Session, job: Subject) -> None:
        kind, key = job
        try:
            ctx = self.folding.context(session, time.time() + JOB_TIMEOUT)
            await registry.jobs[kind](ctx, key)
        except AnswerTimeout as error:
            logger.warning("%s: %s", self.pbx, error)
            self._under_way[job] = True
        except AmiError as error:
            logger.info("%s: a job ended with the link: %s", self.pbx, error)
        except Exception:  # one job that fails must not cost the others
            logger.exception("%s: a job failed: %s", self.pbx, job)
        finally:
            if self._under_way[job]:
                await asyncio.sleep(AGAIN_DELAY)
                self.state.jobs.add(job)
            del self._under_way[job]
            self.agenda.collect()

    async def watch_the_clock(self) -> None:
        """Call what asked to be called each second, while the link is up."""
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            if self.folding.session is not None:
                for clock in registry.clocks:
                    clock(self.state)
                self.agenda.collect()
