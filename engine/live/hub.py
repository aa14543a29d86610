"""One hub for each web process: one subscription to the channel layer, every batch handed to all its sockets.

A batch is a message on the group `live`: the PBX, the epoch of the worker that wrote it, a number that counts
up, rows, and notices. A number that was missed, or a new epoch, makes every socket ask for the whole board.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, transaction
from django.utils.html import format_html

from engine import metrics
from engine.database import in_thread

from . import fragments
from .fragments import LivePage, Notice, PagedList, Query, Row, Viewer
from .viewport import Viewport

logger = logging.getLogger(__name__)

GROUP = "live"
# The group that is notified whose login, permissions or phone changed, and the type of such a message: ids of users,
# or None for everybody.
PEOPLE, PEOPLE_CHANGED = "people", "people.changed"
# The type of a message from a hub to a worker: which languages are in use.
LANGUAGES = "live.languages"
# A socket for which this many messages or characters wait is brought up to date by a fresh board instead.
QUEUE_LIMIT, QUEUE_SIZE = 200, 2**20
# How many toasts wait for a socket that does not read; older ones are lost.
TOAST_LIMIT = 20
# How many sockets are woken in one turn of the event loop.
WAKE_AT_ONCE = 25
# Workers publish a batch every second, if an empty one; silence beyond this is checked, in seconds. The
# worker's last sign of life in the database can be newer than its last batch, and by then it must count as lost there.
SILENCE_LIMIT = 7.0

# How often a hub says that it listens: a restarted Redis has forgotten it, in seconds.
JOIN_EVERY = 3.0
# How often a hub checks what every page has, since no message tells that a worker was lost, in seconds.
WATCH_EVERY = 3.0
# How often it is checked whether a socket's user is still logged in and may still see the page, in seconds, though none
# of the signals (accounts/changes.py) has told of a change. The time is shortened by chance, by up to so much of it,
# and it is done for all whose turn it is at once, every so many seconds.
CHECK_EVERY, CHECK_SPREAD, CHECK_STEP = 60.0, 0.5, 1.0
# Codes of our own with which a socket is closed; the page shows each as a state of its own.
NOT_LOGGED_IN, FORBIDDEN, FAILED = 4401, 4403, 4500
# How long the channel layer may take for one thing that needs no waiting, in seconds.
LAYER_TIMEOUT = 2.0
# A viewport is filled up again at most this often, in seconds, and never takes more than a tenth of the time.
REFILL_EVERY, REFILL_SHARE = 1.0, 0.1


async def publish(
    pbx: str,
    epoch: str,
    number: int,
    rows: Iterable[Row] = (),
    notices: Iterable[Notice] = (),
    *,
    languages: Iterable[str] | None = None,
    tell: str = "",
) -> None:
    """Send one batch to the hubs of all web processes. Raises whatever the layer's backend does, or `TimeoutError`.

    `languages`: something has changed, and is drawn in these alone; None: in all. `tell` is the channel on which the
    worker learns which languages are in use (a message `LANGUAGES`).
    """
    batch = {
        "type": "live.batch",
        "pbx": pbx,
        "epoch": epoch,
        "number": number,
        "languages": None if languages is None else list(languages),
        "tell": tell,
        "rows": [row.as_json() for row in rows],
        "notices": [
            {"user_id": notice.user_id, "code": notice.code, "parameters": dict(notice.parameters)}
            for notice in notices
        ],
    }
    async with asyncio.timeout(LAYER_TIMEOUT):
        await get_channel_layer().group_send(GROUP, batch)


def look_at_people(users: Collection[int] | None) -> None:
    """Once what is being done is committed, have every socket of these users (None: of everybody) checked at once:
    whether its user is still logged in, and what they may see. Blocks.
    """
    transaction.on_commit(lambda: async_to_sync(_tell_of_people)(users))


async def _tell_of_people(users: Collection[int] | None) -> None:
    message = {"type": PEOPLE_CHANGED, "users": None if users is None else list(users)}
    try:
        async with asyncio.timeout(LAYER_TIMEOUT):
            await get_channel_layer().group_send(PEOPLE, message)
    except Exception as error:  # whatever the layer's backend raises: what was asked for is done, the check comes later
        logger.warning("Whose sockets to look at could not be told, so it is seen within a minute: %r", error)


class Subscriber:
    """One browser tab at the hub: what it shows, and what is still to be sent to it.

    `viewport` is the part of its page that it has on screen; None: it has all of it. `session` is the key of the
    session with which its user is logged in.
    """

    def __init__(
        self, page: LivePage, key: str, viewer: Viewer, viewport: Viewport | None = None, session: str = ""
    ) -> None:
        self.page, self.key, self.viewer, self.viewport, self.session = page, key, viewer, viewport, session
        self.needs_board = True
        # The code with which it is to be closed, once it may no longer be here; and when to check that next.
        self.farewell: int | None = None
        self.check_at = 0.0
        self.wake = asyncio.Event()
        self.wake.set()
        self._batches: list[str] = []
        self._size = 0
        self._toasts: deque[str] = deque(maxlen=TOAST_LIMIT)

    def put_batch(self, text: str) -> None:
        """What changed on the page; whoever puts it wakes the subscriber.

        A board that is still to be read holds it already: it was committed before.
        """
        if self.needs_board:
            return
        if len(self._batches) >= QUEUE_LIMIT or self._size + len(text) > QUEUE_SIZE:
            metrics.GAPS.labels("queue").inc()
            self.ask_for_board()
            return
        self._batches.append(text)
        self._size += len(text)

    def put_toast(self, text: str) -> None:
        """Adds a toast, which is not lost when a board is read."""
        self._toasts.append(text)
        self.wake.set()

    def ask_for_board(self) -> None:
        self._batches.clear()
        self._size = 0
        self.needs_board = True
        self.wake.set()

    def take(self) -> str:
        """All that waits to be sent, as one message; empty when nothing does."""
        text = "".join([*self._batches, *self._toasts])
        self._batches.clear()
        self._size = 0
        self._toasts.clear()
        return text


class Hub:
    """The subscribers of this process, and the task that feeds them. `Hub.here()` is the one of the running loop."""

    _hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.subscribers: set[Subscriber] = set()
        # Set when it is known whether the channel layer can be listened to.
        self._settled = asyncio.Event()
        self._layer_is_away = False
        # Set when it is to be checked at once who may still be here.
        self._doubtful = asyncio.Event()
        self._position: dict[str, tuple[str, int]] = {}
        self._last_batch_at: dict[str, float] = {}
        # What every page has, as it was when last queried, by id; and what is newer than the query under way:
        # these rows, or, once whole boards were asked for, anything.
        self._common: dict[str, Row] = {}
        self._newer: set[str] | None = set()
        self._task: asyncio.Task[None] | None = None
        # PBX → the channel on which its worker learns which languages are in use; and those that were sent to it.
        self._tell: dict[str, str] = {}
        self._told: dict[str, set[str]] = {}
        # Those that somebody views, or is about to.
        self._viewports: WeakValueDictionary[tuple[str, Query], Viewport] = WeakValueDictionary()
        self._refills: dict[Viewport, asyncio.Task[None]] = {}
        # Row → the phones whose users have had it announced.
        self._told_aloud: dict[str, set[str]] = {}
        # Those for whom something has been put.
        self._to_wake: deque[Subscriber] = deque()
        self._is_waking = False

    @classmethod
    def here(cls) -> "Hub":
        return cls._hubs.setdefault(asyncio.get_running_loop(), cls())

    async def register(self, subscriber: Subscriber) -> None:
        """Subscribe; batches reach it from now on."""
        subscriber.check_at = _next_check()
        self.subscribers.add(subscriber)
        if self._task is None or self._task.done():
            self._settled.clear()
            self._task = asyncio.create_task(self._run())
        try:
            await self._settled.wait()
        except asyncio.CancelledError:  # the browser went away while the channel layer could not be reached
            self.unregister(subscriber)
            raise
        if self._layer_is_away:
            subscriber.put_toast(fragments.trouble("layer", subscriber.viewer.language))
        elif any(subscriber.viewer.language not in told for told in self._told.values()):
            await self._tell_languages()

    async def _tell_languages(self) -> None:
        """Tell the workers which languages are in use. A worker that misses it draws nothing, which heals."""
        languages = {subscriber.viewer.language for subscriber in self.subscribers}
        self._told = dict.fromkeys(self._tell, languages)
        if not languages:
            return
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                for channel in set(self._tell.values()):
                    await layer.send(channel, {"type": LANGUAGES, "languages": list(languages)})
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Which languages are in use could not be sent: %r", error)

    def unregister(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)

    def viewport(self, page: LivePage, paged_list: PagedList, query: Query) -> Viewport:
        """The one viewport of all who view this part of this page. It gets every batch from now on."""
        viewport = self._viewports.get((page.name, query))
        if viewport is None:
            viewport = self._viewports[page.name, query] = Viewport(paged_list, query)
        return viewport

    async def read(self, viewport: Viewport) -> None:
        """Make sure that it is known what the viewport shows. Raises what the database does."""
        await viewport.read()
        self._refill_if_stale(viewport)

    def _refill_if_stale(self, viewport: Viewport) -> None:
        if viewport.is_stale and viewport not in self._refills:
            task = self._refills[viewport] = asyncio.create_task(self._refill(viewport))
            task.add_done_callback(lambda _task: self._refills.pop(viewport))

    async def _refill(self, viewport: Viewport) -> None:
        """Fill the screens up again, once what left them and what came has settled a little."""
        pause = REFILL_EVERY
        while viewport.is_stale:
            await asyncio.sleep(pause)
            subscribers = [subscriber for subscriber in self.subscribers if subscriber.viewport is viewport]
            if not subscribers:
                return
            started = time.monotonic()
            try:
                rows = await viewport.read_again()
            except (DatabaseError, InterfaceError) as error:
                logger.error("A page could not be filled up again, trying again: %s", error)
                rows = []
            if rows:
                self._hand_out({viewport: rows})
            pause = max(REFILL_EVERY, (time.monotonic() - started) / REFILL_SHARE)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep_listening())
                    group.create_task(self._watch())
                    group.create_task(self._look_after_subscribers())
            except* Exception:  # whatever it is: pages that are not updated would show what is no longer so
                logger.exception("What feeds the pages failed; it begins anew.")
                self._everybody_needs_a_board("failure")
                await asyncio.sleep(1)

    async def _look_after_subscribers(self) -> None:
        """Check who may no longer be here: logged out, deactivated, or without the permission."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_STEP):
                    await self._doubtful.wait()
            self._doubtful.clear()
            now = time.monotonic()
            subscribers = [subscriber for subscriber in self.subscribers if now >= subscriber.check_at]
            if not subscribers:
                continue
            for subscriber in subscribers:
                subscriber.check_at = _next_check()
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

    def _doubt(self, users: Collection[int] | None) -> None:
        """Check the subscribers of these users at once, or all."""
        for subscriber in self.subscribers:
            if users is None or subscriber.viewer.user_id in users:
                subscriber.check_at = 0.0
        self._doubtful.set()

    def _let_stay(self, subscriber: Subscriber, viewer: Viewer | None) -> None:
        if viewer is None or not subscriber.page.allows(viewer.permissions, subscriber.key):
            subscriber.farewell = FORBIDDEN if viewer else NOT_LOGGED_IN
            self.unregister(subscriber)
            subscriber.wake.set()
            return
        viewer = replace(viewer, language=subscriber.viewer.language)
        if viewer != subscriber.viewer:
            subscriber.viewer = viewer
            subscriber.ask_for_board()

    async def _watch(self) -> None:
        """Query what every page has: whether a PBX has a worker, whether the PBX still exists."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            self._newer = set()
            languages = {subscriber.viewer.language for subscriber in self.subscribers}
            try:
                drawn = await in_thread(fragments.rows_on_every_page)(languages)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("What every page has could not be looked up, trying again: %s", error)
                continue
            except Exception:  # whatever a template raises: the sockets must outlive it
                logger.exception("What every page has could not be drawn, trying again.")
                continue
            if self._newer is None or any(
                subscriber.viewer.language not in languages for subscriber in self.subscribers
            ):
                continue  # the next query has what came meanwhile, also in the languages of new subscribers
            rows = {row.id: row for row in drawn}
            known, self._common = self._common, rows
            if known.keys() - rows.keys():
                self._everybody_needs_a_board("common")
                continue
            changed = [row for id, row in rows.items() if row != known.get(id) and id not in self._newer]
            if changed:
                self._hand_out(dict.fromkeys([None, *self._viewports.values()], changed))

    async def _keep_listening(self) -> None:
        """Listen for good; when the layer fails, say so, try again, and then show every socket a fresh board."""
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever the layer's backend raises: the sockets must outlive it
                if not self._layer_is_away:
                    logger.exception("The channel layer failed; trying again every second.")
                    self._layer_is_away = True
                    for subscriber in self.subscribers:
                        subscriber.put_toast(fragments.trouble("layer", subscriber.viewer.language))
                else:
                    logger.warning("The channel layer still fails: %r", error)
                self._settled.set()
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        layer = get_channel_layer()
        # Of the kind that has no prefix of its own: Redis reads one kind at a time, so nothing else may be of another.
        channel = await layer.new_channel()
        joined = -math.inf
        while True:
            if time.monotonic() - joined >= JOIN_EVERY:
                async with asyncio.timeout(LAYER_TIMEOUT):
                    await layer.group_add(GROUP, channel)
                    await layer.group_add(PEOPLE, channel)
                joined = time.monotonic()
                self._settled.set()
                await self._tell_languages()
                if self._layer_is_away:
                    self._layer_is_away = False
                    self._everybody_needs_a_board("layer")
            try:
                async with asyncio.timeout(SILENCE_LIMIT / 3):
                    message = await layer.receive(channel)
            except TimeoutError:
                pass
            else:
                if message["type"] == PEOPLE_CHANGED:
                    self._doubt(message["users"])
                else:
                    self._deliver(message)
                if self._tell.keys() != self._told.keys():
                    await self._tell_languages()
            self._notice_silence()

    def _notice_silence(self) -> None:
        now = time.monotonic()
        silent = [pbx for pbx, heard in self._last_batch_at.items() if now - heard > SILENCE_LIMIT]
        for pbx in silent:
            logger.warning("The worker of %s is silent.", pbx)
            del self._last_batch_at[pbx], self._position[pbx]
            self._everybody_needs_a_board("silence")

    def _everybody_needs_a_board(self, why: str) -> None:
        metrics.GAPS.labels(why).inc()
        self._newer = None
        self._told_aloud.clear()
        for viewport in self._viewports.values():
            viewport.forget()
        for subscriber in self.subscribers:
            subscriber.ask_for_board()

    def _deliver(self, batch: dict[str, Any]) -> None:
        pbx, epoch, number = batch["pbx"], batch["epoch"], batch["number"]
        last = self._position.get(pbx)
        self._position[pbx] = (epoch, number)
        self._last_batch_at[pbx] = time.monotonic()
        if batch["tell"]:
            self._tell[pbx] = batch["tell"]
        self._deliver_notices(batch["notices"])
        rows = [Row(**row) for row in batch["rows"]]
        self._tell_aloud(rows)
        if last != (epoch, number - 1):
            self._everybody_needs_a_board("number" if last and last[0] == epoch else "epoch")
            return
        drawn = batch["languages"]
        if drawn is not None and any(subscriber.viewer.language not in drawn for subscriber in self.subscribers):
            # Somebody views a page in a language that the worker does not know of yet.
            self._everybody_needs_a_board("language")
            return
        if not rows:
            return
        if self._newer is not None:
            self._newer |= {row.id for row in rows if row.kind in fragments.COMMON}
        viewports = list(self._viewports.values())
        self._hand_out({None: rows, **{viewport: viewport.take(rows) for viewport in viewports}})
        for viewport in viewports:
            self._refill_if_stale(viewport)

    def _hand_out(self, rows: Mapping[Viewport | None, Iterable[Row]]) -> None:
        """Put rows into the queues of the subscribers, each those of its viewport; composed once per viewport."""
        shared: dict[tuple[object, ...], str] = {}
        for subscriber in self.subscribers:
            if subscriber.viewport not in rows:
                continue
            page, key, viewer = subscriber.page, subscriber.key, subscriber.viewer
            if page.personal:
                text = compose(rows[subscriber.viewport], page, key, viewer)
            else:
                same_for = (page.name, key, viewer.language, viewer.permissions, subscriber.viewport)
                if same_for not in shared:
                    shared[same_for] = compose(rows[subscriber.viewport], page, key, viewer)
                text = shared[same_for]
            if text:
                subscriber.put_batch(text)
                self._to_wake.append(subscriber)
        if self._to_wake and not self._is_waking:
            self._is_waking = True
            self._wake_some()

    def _wake_some(self) -> None:
        """So many in one turn of the loop: theirs is sent before the next ones' is made, and nothing waits for all."""
        for _ in range(min(WAKE_AT_ONCE, len(self._to_wake))):
            self._to_wake.popleft().wake.set()
        self._is_waking = bool(self._to_wake)
        if self._is_waking:
            asyncio.get_running_loop().call_soon(self._wake_some)

    def _deliver_notices(self, notices: list[dict[str, Any]]) -> None:
        for values in notices:
            notice = Notice(**values)
            for subscriber in self.subscribers:
                if subscriber.viewer.user_id == notice.user_id:
                    html = fragments.toast(notice, subscriber.viewer.language)
                    subscriber.put_toast(fragments.partial("toasts", html, "toasts"))

    def _tell_aloud(self, rows: list[Row]) -> None:
        """Announce to users what concerns their phone, on any open page; and take it back when it is over."""
        said: dict[str, list[tuple[Row, str]]] = {}
        for row in rows:
            before, now = self._told_aloud.pop(row.id, set()), set(row.aloud)
            if now:
                self._told_aloud[row.id] = now
            for phone in before | now:
                said.setdefault(phone, []).append((row, phone))
        if not said:
            return
        for subscriber in self.subscribers:
            for row, phone in said.get(subscriber.viewer.phone, ()):
                if row.is_for(subscriber.viewer.permissions):
                    subscriber.put_toast(_aloud(row, row.aloud.get(phone), subscriber.viewer.language))


def _aloud(row: Row, words: fragments.Html | None, language: str) -> str:
    """What is said of a row, for the part of a page that is read aloud; the same again is no change of it."""
    if words is None or language not in words:
        return fragments.partial("announcements", f'<i id="{row.id}-aloud" data-gone></i>', "rows")
    html = format_html('<p id="{}-aloud" data-order="0">{}</p>', row.id, words[language])
    return fragments.partial("announcements", html, "rows")


def _next_check() -> float:
    return time.monotonic() + CHECK_EVERY * (1 - CHECK_SPREAD * random.random())  # noqa: S311 (nothing secret)


def compose(rows: Iterable[Row], page: LivePage, key: str, viewer: Viewer) -> str:
    """The message that brings one page from before a batch to after it; empty when it shows none of it."""
    inside: dict[str, list[str]] = {}
    for row in rows:
        home = page.containers.get(row.kind) or fragments.COMMON.get(row.kind)
        if home is None:
            continue
        container = page.container_of(row, viewer, key)
        if container is None:
            continue
        if container and row.html is not None:
            inside.setdefault(container, []).append(row.html[viewer.language])
        elif row.is_for(viewer.permissions):
            inside.setdefault(home, []).append(f'<i id="{row.id}" data-gone></i>')
    return "".join(fragments.partial(container, "".join(html), "rows") for container, html in inside.items())
