"""The WebSocket of a page: `/ws/?view=calls&key=&lang=en`. It only sends; commands go by HTTP POST.

A page that is shown in part says which: `&limit=48&q=anna` at first, and `look 96 anna` whenever that changes.
A page says now and then how many messages it has read (`read 17`). What is under way beyond that is bounded, so a
browser that does not read costs little; it gets a fresh board when it reads again.
"""

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from engine import limits, metrics
from engine.database import in_thread

from . import fragments
from .fragments import Query, Row, query_of
from .hub import FAILED, FORBIDDEN, NOT_LOGGED_IN, Hub, Subscriber, compose
from .viewport import Viewport

logger = logging.getLogger(__name__)

# As the codes of the hub; the second for a database that cannot be reached. Of the codes that RFC 6455 names itself,
# Daphne (Autobahn) lets an application send 1000 alone.
NO_SUCH_VIEW, TRY_AGAIN_LATER = 4404, 4503

# How many messages and characters may be under way to a browser before it has said that it read them.
WINDOW, WINDOW_SIZE = 64, 2**20
# How long a board that could not be read waits for the next try, in seconds.
RETRY_AFTER = 1.0


def is_key(text: str) -> bool:
    """Whether this can be what a socket is about: a name of ours, none of which contains a NUL."""
    return len(text) <= limits.SOCKET_KEY and "\0" not in text


class Window:
    """Counts what was sent and not read yet."""

    def __init__(self) -> None:
        self._sizes: deque[int] = deque()
        self._size = self._read = 0

    @property
    def is_open(self) -> bool:
        """Whether more may be sent."""
        return len(self._sizes) < WINDOW and self._size < WINDOW_SIZE

    def sent(self, text: str) -> None:
        self._sizes.append(len(text))
        self._size += len(text)

    def has_read(self, count: int) -> None:
        """So many messages have been read since the socket was opened."""
        while self._read < count and self._sizes:
            self._size -= self._sizes.popleft()
            self._read += 1


class PanelConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """What all sockets of the panel have in common: whatever becomes of one, what it holds is given up."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            # Closing makes the browser come again.
            logger.exception("A socket failed.")
            await send({"type": "websocket.close", "code": FAILED})
        finally:
            await self.give_up()

    async def give_up(self) -> None:
        """End the tasks of this socket, and stop counting it. It may not even have been accepted."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As in Channels, which first checks the database connections of a thread that nothing here uses."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """What is not text, or longer than any page sends, is ignored."""
        text = message.get("text")
        if text is not None and len(text) <= limits.MESSAGE:
            await self.receive(text_data=text)


async def ended(task: asyncio.Task[None]) -> None:
    """End a task, and wait until it has; what it raised by itself goes into the log."""
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, Exception):
        logger.error("A task of a socket failed.", exc_info=result)


class LiveConsumer(PanelConsumer):
    """One browser tab: subscribes at the hub, gets the whole board, then every change of it."""

    # The hub subscribes to the channel layer, once for all sockets; this one needs none of its own.
    channel_layer_alias = "none"

    subscriber: Subscriber | None = None
    sender: asyncio.Task[None] | None = None
    # The part of a long page that it asks for; the viewport of the subscriber is the one that it has.
    query: Query | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.window = Window()
        self.told_of_database = False

    async def connect(self) -> None:
        asked = parse_qs(self.scope["query_string"].decode(errors="replace"))
        query = {name: values[0] for name, values in asked.items()}
        await self.accept()
        page = fragments.live_pages.get(query.get("view", ""))
        language, key = query.get("lang", ""), query.get("key", "")
        session = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        try:
            viewer = (await in_thread(fragments.viewers_of)([session])).get(session)
        except (DatabaseError, InterfaceError) as error:
            logger.error("A socket was closed, since the database failed: %s", error)
            await self.close(TRY_AGAIN_LATER)
            return
        if viewer is None:
            await self.close(NOT_LOGGED_IN)
        elif page is None or language not in dict(settings.LANGUAGES) or not is_key(key):
            await self.close(NO_SUCH_VIEW)
        elif not page.allows(viewer.permissions, key):
            await self.close(FORBIDDEN)
        else:
            subscriber = Subscriber(page, key, replace(viewer, language=language), session=session)
            if page.paged_list is not None:
                self.query = query_of(query.get("limit", ""), query.get("q", ""), language)
                subscriber.viewport = Hub.here().viewport(page, page.paged_list, self.query)
            metrics.SOCKETS.labels(page.name).inc()
            self.subscriber = subscriber
            await Hub.here().register(subscriber)
            self.sender = asyncio.create_task(self._send_what_comes(subscriber))

    async def give_up(self) -> None:
        if self.subscriber is not None:
            metrics.SOCKETS.labels(self.subscriber.page.name).dec()
            Hub.here().unregister(self.subscriber)
        if self.sender is not None:
            await ended(self.sender)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A tab that wakes up asks whether the socket still lives; any says what it has read, and that of a long page
        which part is shown. Nothing else counts."""
        word, _separator, number = (text_data or "").partition(" ")
        if word == "ping" and self.window.is_open:
            await self._send('{"pong": true}')
        elif word == "read" and number.isdecimal() and len(number) < 16:
            self.window.has_read(int(number))
            if self.subscriber is not None:
                self.subscriber.wake.set()
        elif word == "look" and self.subscriber is not None and self.query is not None:
            limit, _separator, search = number.partition(" ")
            self.query = query_of(limit, search, self.subscriber.viewer.language)
            self.subscriber.wake.set()

    async def _send(self, text: str) -> None:
        self.window.sent(text)
        await self.send(text_data=text)

    async def _send_what_comes(self, subscriber: Subscriber) -> None:
        try:
            while True:
                await subscriber.wake.wait()
                subscriber.wake.clear()
                if subscriber.farewell is not None:
                    await self.close(subscriber.farewell)
                    return
                if not self.window.is_open:
                    continue
                if (
                    self.query is not None
                    and subscriber.viewport is not None
                    and subscriber.viewport.query != self.query
                ):
                    await self._turn(subscriber, subscriber.viewport, self.query)
                if subscriber.needs_board and not await self._send_board(subscriber):
                    await asyncio.sleep(RETRY_AFTER)
                    continue
                if text := subscriber.take():
                    await self._send(text)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Closing makes the browser come again, and its new socket begins with a fresh board.
            logger.exception("Sending to a browser failed.")
            await self.close(FAILED)

    async def _send_board(self, subscriber: Subscriber) -> bool:
        # From here on batches queue up again; the board is read after that, so none is missed.
        subscriber.needs_board = False
        try:
            if subscriber.viewport is not None:
                await Hub.here().read(subscriber.viewport)
                if subscriber.needs_board:  # batches were missed meanwhile
                    return True
            board = await _board(subscriber)
        except (DatabaseError, InterfaceError) as error:
            logger.error("A board could not be read, trying again: %s", error)
            if not self.told_of_database:
                self.told_of_database = True
                await self._send(fragments.trouble("database", subscriber.viewer.language))
            subscriber.ask_for_board()
            return False
        self.told_of_database = False
        metrics.BOARDS.inc()
        await self._send(board)
        return True

    async def _turn(self, subscriber: Subscriber, former: Viewport, query: Query) -> None:
        """Show another part of the page. If it only has more rows than before, only those are sent."""
        hub, page, paged_list = Hub.here(), subscriber.page, former.paged_list
        viewport = hub.viewport(page, paged_list, query)
        if query.words != former.query.words or subscriber.needs_board or not former.is_read:
            subscriber.viewport = viewport
            subscriber.ask_for_board()
            return
        try:
            await hub.read(viewport)
            if subscriber.needs_board or not viewport.is_read:  # batches were missed meanwhile
                subscriber.viewport = viewport
                subscriber.ask_for_board()
                return
            # What the former viewport showed by now is sent or waits to be; from here on the batches are of the other.
            waiting = subscriber.take()
            entered = [subject for id, subject in viewport.shown.items() if id not in former.shown]
            left = [
                Row(id, paged_list.kind, None, permission=paged_list.permission)
                for id in former.shown.keys() - viewport.shown
            ]
            subscriber.viewport, foot = viewport, viewport.foot
            read = in_thread(fragments.inside_of)
            inside = await read(page, paged_list, subscriber.viewer.language, entered, foot)
        except (DatabaseError, InterfaceError):
            subscriber.viewport = viewport
            subscriber.ask_for_board()  # which tells the page of the database
        else:
            parts = [fragments.partial(container, html, "rows") for container, html in inside.items()]
            await self._send("".join([waiting, compose(left, page, subscriber.key, subscriber.viewer), *parts]))


async def _board(subscriber: Subscriber) -> str:
    page, viewer, key, viewport = subscriber.page, subscriber.viewer, subscriber.key, subscriber.viewport
    subjects, foot = ([*viewport.shown.values()], viewport.foot) if viewport is not None else ([], None)

    def read() -> str:
        inside = None
        if viewport is not None and foot is not None:
            inside = fragments.inside_of(page, viewport.paged_list, viewer.language, subjects, foot)
        return fragments.board_of(page, viewer, key, inside)

    html: str = await in_thread(read)()
    return html
