"""Who looks at the pages: whether their users are still logged in, and what each may see now."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Collection
from dataclasses import replace

from django.db import DatabaseError, InterfaceError

from engine.database import in_thread

from . import fragments
from .close_codes import FORBIDDEN, NOT_LOGGED_IN
from .fragments import Viewer
from .layer import PEOPLE, PEOPLE_CHANGED, send_once_committed
from .subscriber import Subscriber

logger = logging.getLogger(__name__)

# How often it is checked whether a socket's user is still logged in and may still see the page, in seconds, though none
# of the signals (accounts/changes.py) has told of a change. The time is shortened by chance, by up to so much of it,
# and it is done for all whose turn it is at once, every so many seconds.
CHECK_EVERY, CHECK_SPREAD, CHECK_STEP = 60.0, 0.5, 1.0


def look_at_people(users: Collection[int] | None) -> None:
    """Once what is being done is committed, have every socket of these users (None: of everybody) checked at once:
    whether its user is still logged in, and what they may see. Blocks.
    """
    message = {"type": PEOPLE_CHANGED, "users": None if users is None else list(users)}
    send_once_committed(PEOPLE, message, "Whose sockets to look at could not be told, so it is seen within a minute")


class People:
    """Checks the users of these subscribers: now and then, and at once those who are doubted."""

    def __init__(self, subscribers: set[Subscriber]) -> None:
        self._subscribers = subscribers
        # Set when it is to be checked at once who may still be here.
        self._doubtful = asyncio.Event()
        # How often it was said that somebody may see something else by now; whoever comes meanwhile is checked again.
        self.doubts = 0

    async def look_after(self) -> None:
        """Check for good who may no longer be here: logged out, deactivated, or without the permission."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_STEP):
                    await self._doubtful.wait()
            self._doubtful.clear()
            now = time.monotonic()
            subscribers = [subscriber for subscriber in self._subscribers if now >= subscriber.check_at]
            if not subscribers:
                continue
            for subscriber in subscribers:
                subscriber.check_at = next_check()
            try:
                viewers = await in_thread(fragments.viewers_of)({subscriber.session for subscriber in subscribers})
            except (DatabaseError, InterfaceError) as error:
                logger.error("Whether the users of sockets are still logged in could not be looked up: %s", error)
                for subscriber in subscribers:
                    subscriber.ask_for_board()  # which tells the page of the database
                continue
            except Exception:  # whatever is wrong with one session: the sockets must outlive it
                logger.exception("Whether the users of sockets are still logged in could not be looked up.")
                continue
            for subscriber in subscribers:
                self._let_stay(subscriber, viewers.get(subscriber.session))

    def doubt(self, users: Collection[int] | None) -> None:
        """Check the subscribers of these users at once, or all."""
        self.doubts += 1
        for subscriber in self._subscribers:
            if users is None or subscriber.viewer.user_id in users:
                subscriber.check_at = 0.0
        self._doubtful.set()

    def _let_stay(self, subscriber: Subscriber, viewer: Viewer | None) -> None:
        if viewer is None or not subscriber.page.allows(viewer.permissions, subscriber.key):
            subscriber.farewell = FORBIDDEN if viewer else NOT_LOGGED_IN
            self._subscribers.discard(subscriber)
            subscriber.wake.set()
            return
        viewer = replace(viewer, language=subscriber.viewer.language)
        if viewer != subscriber.viewer:
            subscriber.viewer = viewer
            subscriber.ask_for_board()


def next_check() -> float:
    return time.monotonic() + CHECK_EVERY * (1 - CHECK_SPREAD * random.random())  # noqa: S311 (nothing secret)
