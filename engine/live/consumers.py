"""What all sockets have in common, and the socket of a live page: `/ws/?view=calls&key=&lang=en`.

It only sends; commands go by HTTP POST. A page that is shown in part says which: `&limit=48&state=ringing&q=anna` at
first, and `look 96 ringing anna` whenever that changes. Any page says now and then how many messages it has read
(`read 17`). What is under way beyond that is bounded, so a browser that does not read costs little, and gets a fresh
board when it does.
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
from django.utils import translation

from engine import limits, metrics
from engine.database import in_thread

from . import fragments
from .close_codes import FAILED, FORBIDDEN, NO_SUCH_VIEW, NOT_LOGGED_IN, TRY_AGAIN_LATER
from .delivery import compose
from .fragments import PagedList, Query, Row, query_of
from .hub import Hub
from .layer import LAYER_TIMEOUT, PEOPLE
from .subscriber import Subscriber
from .viewport import Viewport

logger = logging.getLogger(__name__)

# How many messages and characters may be under way to a browser before it has said that it read them.
WINDOW, WINDOW_SIZE = 64, 2**20
# How long a board that could not be read waits for the next try, in seconds.
RETRY_AFTER = 1.0
# How often it is checked whether the user of a socket without work of its own may still be there, in seconds.
CHECK_EVERY = 60.0


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
    """The socket of one browser tab, `?lang=en&…`, whatever it is about. Each kind adds its own:

    `refusal` says, in a thread, with which code whoever may not be here is closed; None: they may. `join` takes what
    the socket holds, `leave` gives it up, even what is only half taken. `work` is what it does in between, and `hear`
    takes what its page says beside `ping` and `read 17`.
    """

    # As what it is counted.
    view = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.window = Window()
        # What the page's address says, and the key of the session with which its user is logged in.
        self.asked: dict[str, str] = {}
        self.language = self.session = ""
        self._is_in = False
        self._work: asyncio.Task[None] | None = None

    def refusal(self) -> int | None:
        raise NotImplementedError

    async def join(self) -> None:
        """Nothing, unless a kind of socket holds something."""

    async def leave(self) -> None:
        """Nothing, as above. Never raises."""

    async def work(self) -> None:
        while await self.may_stay():  # noqa: ASYNC110 (of what changes nobody may have told)
            await asyncio.sleep(CHECK_EVERY)

    async def hear(self, word: str, rest: str) -> None:
        """Nothing else counts."""

    async def send_text(self, text: str) -> None:
        self.window.sent(text)
        await self.send(text_data=text)

    async def may_stay(self) -> bool:
        """Whether the user is still logged in and may be here; else the socket is closed with a code that says why."""
        try:
            code = await in_thread(self.refusal)()
        except (DatabaseError, InterfaceError) as error:
            logger.error("A socket was closed, since the database failed: %s", error)
            code = TRY_AGAIN_LATER
        if code is not None:
            await self.close(code)
        return code is None

    async def people_changed(self, message: dict[str, Any]) -> None:
        """Somebody logged out, or lost a permission; such sockets are few, so each is checked at once."""
        await self.may_stay()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            # Closing makes the browser come again.
            logger.exception("A socket failed.")
            await send({"type": "websocket.close", "code": FAILED})
        finally:
            # Whatever became of it; it may not even have been accepted.
            if self._is_in:
                await self._give_up()

    async def connect(self) -> None:
        asked = parse_qs(self.scope["query_string"].decode(errors="replace"))
        self.asked = {name: values[0] for name, values in asked.items()}
        self.language = self.asked.get("lang", "")
        self.session = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        await self.accept()
        if await self.may_stay():
            self._is_in = True
            metrics.SOCKETS.labels(self.view).inc()
            await self.join()
            await self._hear_of_people()
            self._work = asyncio.create_task(self._keep_working())

    async def _give_up(self) -> None:
        metrics.SOCKETS.labels(self.view).dec()
        try:
            if self._work is not None:
                self._work.cancel()
                await asyncio.gather(self._work, return_exceptions=True)
        finally:
            await self.leave()
            await self._hear_of_people(until_now=True)

    async def _keep_working(self) -> None:
        try:
            await self.work()
        except Exception:
            # Closing makes the browser come again, and its new socket begins anew.
            logger.exception("The work of a socket failed.")
            await self.close(FAILED)

    async def _hear_of_people(self, *, until_now: bool = False) -> None:
        """Listen for who logs out and whose permissions change, or stop that. If it fails, `work` sees it."""
        if (layer := self.channel_layer) is None:
            return
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                await (layer.group_discard if until_now else layer.group_add)(PEOPLE, self.channel_name)
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Changes of people could not be listened for: %r", error)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As in Channels, which first checks the database connections of a thread that nothing here uses."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """What is not text, or longer than any page sends, is ignored."""
        text = message.get("text")
        if text is not None and len(text) <= limits.MESSAGE:
            await self.receive(text_data=text)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A tab that wakes up asks whether the socket still lives, and any says what it has read."""
        word, _separator, rest = (text_data or "").partition(" ")
        if word == "ping" and self.window.is_open:
            await self.send_text('{"pong": true}')
        elif word == "read" and rest.isdecimal() and len(rest) < 16:
            self.window.has_read(int(rest))
        if self._is_in:
            await self.hear(word, rest)


class LiveConsumer(PanelConsumer):
    """A live page: subscribes at the hub, gets the whole board, then every change of it."""

    # The hub subscribes to the channel layer, once for all sockets; this one needs none of its own.
    channel_layer_alias = "none"

    subscriber: Subscriber
    # The part of a long page that it asks for: limit, state and search. (Its subscriber's viewport is what it has.)
    looked_at = ("", "", "")
    told_of_database = False
    # Of the hub (`People.doubts`), before it was asked who the viewer is.
    doubts = 0

    async def connect(self) -> None:
        self.doubts = Hub.here().people.doubts
        await super().connect()

    def refusal(self) -> int | None:
        viewer = fragments.viewers_of([self.session]).get(self.session)
        page, key = fragments.live_pages.get(self.asked.get("view", "")), self.asked.get("key", "")
        if viewer is None:
            return NOT_LOGGED_IN
        if page is None or self.language not in dict(settings.LANGUAGES) or not is_key(key):
            return NO_SUCH_VIEW
        if not page.allows(viewer.permissions, key):
            return FORBIDDEN
        self.view = page.name
        self.subscriber = Subscriber(page, key, replace(viewer, language=self.language), session=self.session)
        return None

    async def join(self) -> None:
        page = self.subscriber.page
        if page.paged_list is not None:
            self.looked_at = (self.asked.get("limit", ""), self.asked.get("state", ""), self.asked.get("q", ""))
            query = self._query(page.paged_list)
            self.subscriber.viewport = Hub.here().viewport(page, page.paged_list, query)
        hub = Hub.here()
        await hub.register(self.subscriber)
        if hub.people.doubts != self.doubts:
            hub.people.doubt([self.subscriber.viewer.user_id])

    async def leave(self) -> None:
        Hub.here().unregister(self.subscriber)

    async def hear(self, word: str, rest: str) -> None:
        """What it has read may let more be sent; that of a long page says which part is shown."""
        if word == "look":
            limit, _separator, others = rest.partition(" ")
            state, _separator, search = others.partition(" ")
            self.looked_at = (limit, state, search)
        if word in ("look", "read"):
            self.subscriber.wake.set()

    def _query(self, paged_list: PagedList) -> Query:
        limit, state, search = self.looked_at
        query = query_of(limit, search, self.language)
        return replace(query, group=paged_list.group_of(state, self.subscriber.viewer, bool(query.words)))

    async def work(self) -> None:
        """Send what comes."""
        subscriber = self.subscriber
        while True:
            await subscriber.wake.wait()
            subscriber.wake.clear()
            if subscriber.farewell is not None:
                await self.close(subscriber.farewell)
                return
            if not self.window.is_open:
                continue
            if (viewport := subscriber.viewport) is not None:
                query = self._query(viewport.paged_list)
                if viewport.query != query:
                    await self._turn(subscriber, viewport, query)
            if subscriber.needs_board and not await self._send_board(subscriber):
                await asyncio.sleep(RETRY_AFTER)
                continue
            if text := subscriber.take():
                await self.send_text(text)

    async def _send_board(self, subscriber: Subscriber) -> bool:
        # From here on batches queue up again; the board is read after that, so none is missed.
        subscriber.needs_board = False
        try:
            if subscriber.viewport is not None:
                await Hub.here().read(subscriber.viewport)
                if subscriber.needs_board:  # batches were missed meanwhile
                    return True
            board = await _board(subscriber)
            board += await _counts(subscriber)
        except (DatabaseError, InterfaceError) as error:
            logger.error("A board could not be read, trying again: %s", error)
            if not self.told_of_database:
                self.told_of_database = True
                await self.send_text(fragments.trouble("database", subscriber.viewer.language))
            subscriber.ask_for_board()
            return False
        self.told_of_database = False
        metrics.BOARDS.inc()
        await self.send_text(board)
        return True

    async def _turn(self, subscriber: Subscriber, former: Viewport, query: Query) -> None:
        """Show another part of the page. If it only has more rows than before, only those are sent."""
        hub, page, paged_list = Hub.here(), subscriber.page, former.paged_list
        viewport = hub.viewport(page, paged_list, query)
        is_other = (query.words, query.group) != (former.query.words, former.query.group)
        if is_other or subscriber.needs_board or not former.is_read:
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
            inside = await in_thread(fragments.inside_of)(page, paged_list, subscriber.viewer.language, entered, foot)
        except (DatabaseError, InterfaceError):
            subscriber.viewport = viewport
            subscriber.ask_for_board()  # which tells the page of the database
        else:
            parts = [fragments.partial(container, html, "rows") for container, html in inside.items()]
            await self.send_text("".join([waiting, compose(left, page, subscriber.key, subscriber.viewer), *parts]))


async def _counts(subscriber: Subscriber) -> str:
    if subscriber.page.paged_list is None:
        return ""
    tally = await Hub.here().tally(subscriber.page, subscriber.page.paged_list)
    return tally.html_for(subscriber.viewer)


async def _board(subscriber: Subscriber) -> str:
    page, viewer, key, viewport = subscriber.page, subscriber.viewer, subscriber.key, subscriber.viewport
    subjects, foot = ([*viewport.shown.values()], viewport.foot) if viewport is not None else ([], None)

    def read() -> str:
        inside = None
        if viewport is not None and foot is not None:
            inside = fragments.inside_of(page, viewport.paged_list, viewer.language, subjects, foot)
            with translation.override(viewer.language):
                inside |= page.beside(viewer)
        return fragments.board_of(page, viewer, key, inside)

    return await in_thread(read)()
