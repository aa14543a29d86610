"""The WebSocket of a page: `/ws/?view=calls&key=&lang=en`. It only sends; commands go by HTTP POST."""

import asyncio
import contextlib
import logging
import time
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from . import fragments
from .fragments import Viewer
from .hub import Hub, Seat

logger = logging.getLogger(__name__)

# Codes of our own with which the socket is closed; the page shows each as a state of its own.
NOT_LOGGED_IN, FORBIDDEN, NO_SUCH_VIEW = 4401, 4403, 4404

# How often it is looked whether a socket's user is still logged in and may still see the page, in seconds.
CHECK_EVERY = 60.0


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One browser tab: takes a seat at the hub, gets the whole board, then every change of it."""

    # The hub subscribes to the channel layer, once for all sockets; this one needs none of its own.
    channel_layer_alias = "none"

    seat: Seat | None = None
    sender: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        asked = parse_qs(self.scope["query_string"].decode(errors="replace"))
        query = {name: values[0] for name, values in asked.items()}
        await self.accept()
        view = fragments.views.get(query.get("view", ""))
        language = query.get("lang", "")
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(NOT_LOGGED_IN)
        elif view is None or language not in dict(settings.LANGUAGES):
            await self.close(NO_SUCH_VIEW)
        else:
            viewer: Viewer = await database_sync_to_async(fragments.viewer_of)(user, language)
            if not view.allows(viewer.permissions):
                await self.close(FORBIDDEN)
                return
            self.seat = Seat(view, query.get("key", ""), viewer)
            await Hub.here().register(self.seat)
            self.sender = asyncio.create_task(self._send_what_comes(self.seat))

    async def disconnect(self, code: int) -> None:
        if self.seat is not None:
            Hub.here().unregister(self.seat)
        if self.sender is not None:
            self.sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.sender

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A tab that wakes up asks whether the socket still lives; nothing else is understood."""
        if text_data == "ping":
            await self.send(text_data='{"pong": true}')

    async def _send_what_comes(self, seat: Seat) -> None:
        check_at = time.monotonic() + CHECK_EVERY
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, check_at - time.monotonic())):
                        await seat.wake.wait()
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + CHECK_EVERY
                    if code := await self._code_of_farewell(seat):
                        Hub.here().unregister(seat)
                        await self.close(code)
                        return
                seat.wake.clear()
                if seat.needs_board:
                    # From here on batches queue up again; the board is read after that, so none is missed.
                    seat.needs_board = False
                    await self.send(text_data=await _board(seat))
                if text := seat.take():
                    await self.send(text_data=text)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Closing makes the browser come again, and its new socket begins with a fresh board.
            logger.exception("Sending to a browser failed.")
            await self.close(1011)

    async def _code_of_farewell(self, seat: Seat) -> int | None:
        """Why this socket may no longer be open: logged out, deactivated, or without the permission. None: it may."""
        session = self.scope["session"]
        user = await get_user({"session": session.__class__(session.session_key)})
        if not user.is_authenticated:
            return NOT_LOGGED_IN
        viewer: Viewer = await database_sync_to_async(fragments.viewer_of)(user, seat.viewer.language)
        if not seat.view.allows(viewer.permissions):
            return FORBIDDEN
        if viewer != seat.viewer:
            seat.viewer = viewer
            seat.ask_for_board()
        return None


async def _board(seat: Seat) -> str:
    read = database_sync_to_async(fragments.board_of, thread_sensitive=False)
    html: str = await read(seat.view, seat.viewer, seat.key)
    return html
