"""The WebSocket of the page of events: `/ws/events/?pbx=main&lang=en`.

The server sends JSON: `state` (connecting, live, down) with `why`, `events` (each a time in ms and its fields, name
and value) and `left_off`, how many there were besides. The browser sends `filter {"name": …, "texts": […]}`, and as on
every page how many messages it has read (`read 17`), and now and then `ping`.
"""

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import parse_qs

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.identity import logged_in
from engine import limits, metrics
from engine.database import in_thread
from engine.live.consumers import NO_SUCH_VIEW, TRY_AGAIN_LATER, PanelConsumer, Window, ended, is_key
from engine.live.hub import FAILED, FORBIDDEN, NOT_LOGGED_IN, PEOPLE
from engine.mirror import commands, event_stream
from engine.mirror.models import PBX

from ..pages import may

logger = logging.getLogger(__name__)

# How often it is repeated that somebody watches, and checked whether they still may, in seconds.
RENEW_EVERY = 3.0
# After how long a silence of the worker the page says so, in seconds.
SILENCE_LIMIT = 8.0
# How many texts a filter may have.
_TEXTS = 10


def _filter_in(text: str) -> dict[str, Any] | None:
    """A filter as a page writes it: `{"name": …, "texts": […]}`; None for what is not one, which is ignored."""
    if len(text) > limits.EVENT_FILTER:
        return None
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict):
        return None
    name, texts = asked.get("name", ""), asked.get("texts", [])
    if not isinstance(name, str) or not isinstance(texts, list) or len(texts) > _TEXTS:
        return None
    # JSON can write half a character, which no other program takes.
    if not all(_is_text(one) for one in (name, *texts)):
        return None
    return {"name": name, "texts": texts}


def _is_text(one: Any) -> bool:
    return isinstance(one, str) and not any("\ud800" <= character <= "\udfff" for character in one)


class EventsConsumer(PanelConsumer):
    """One browser tab that watches the events of one PBX."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.window = Window()
        self.filter: dict[str, Any] = {}
        self.pbx = self.language = self.session_key = ""
        self.keeper: asyncio.Task[None] | None = None
        self.heard_at = 0.0
        self.left_off = 0
        self.shown_state: tuple[str, str] | None = None

    async def connect(self) -> None:
        asked = parse_qs(self.scope["query_string"].decode(errors="replace"))
        query = {name: values[0] for name, values in asked.items()}
        self.pbx, self.language = query.get("pbx", ""), query.get("lang", "")
        self.session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        await self.accept()
        if self.language not in dict(settings.LANGUAGES) or not is_key(self.pbx):
            await self.close(NO_SUCH_VIEW)
        elif await self._may_stay():
            metrics.SOCKETS.labels("events").inc()
            self.heard_at = time.monotonic()
            self.keeper = asyncio.create_task(self._keep_watching())
            await self._hear_of_people()

    async def give_up(self) -> None:
        if self.keeper is not None:
            metrics.SOCKETS.labels("events").dec()
            await ended(self.keeper)
            await self._say({"type": event_stream.UNWATCH})
            await self._hear_of_people(until_now=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        word, _separator, rest = (text_data or "").partition(" ")
        if word == "ping" and self.window.is_open:
            await self._send({"pong": True})
        elif word == "read" and rest.isdecimal() and len(rest) < 16:
            self.window.has_read(int(rest))
        elif word == "filter" and self.keeper is not None and (wanted := _filter_in(rest)) is not None:
            self.filter = wanted
            await self._say({"type": event_stream.WATCH, "filter": wanted})

    async def people_changed(self, message: dict[str, Any]) -> None:
        """Somebody logged out, or lost a permission; few watch events, so each is checked at once."""
        await self._may_stay()

    async def events_batch(self, message: dict[str, Any]) -> None:
        """What the worker sends."""
        self.heard_at = time.monotonic()
        if not self.window.is_open:
            self.left_off += len(message["events"]) + message["left_off"]
            return
        left_off, self.left_off = message["left_off"] + self.left_off, 0
        why = ""
        if message["reason"]:
            with translation.override(self.language):
                why = _(message["reason"]) % message["reason_parameters"]
        news: dict[str, Any] = {"events": message["events"], "left_off": left_off}
        if self.shown_state != (message["state"], why):
            news |= self._state(message["state"], why)
        if news["events"] or left_off or "state" in news:
            await self._send(news)

    def _state(self, state: str, why: str) -> dict[str, str]:
        self.shown_state = (state, why)
        return {"state": state, "why": why}

    async def _tell(self, state: str, why: str) -> None:
        if self.shown_state != (state, why) and self.window.is_open:
            await self._send(self._state(state, why))

    async def _send(self, news: dict[str, Any]) -> None:
        text = json.dumps(news, ensure_ascii=False, separators=(",", ":"))
        self.window.sent(text)
        await self.send(text_data=text)

    async def _keep_watching(self) -> None:
        try:
            while await self._may_stay():
                await self._say({"type": event_stream.WATCH, "filter": self.filter})
                if time.monotonic() - self.heard_at > SILENCE_LIMIT:
                    with translation.override(self.language):
                        await self._tell(event_stream.DOWN, _("The worker that connects to this PBX does not answer."))
                elif self.shown_state is None:
                    await self._tell(event_stream.CONNECTING, "")
                await asyncio.sleep(RENEW_EVERY)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Closing makes the browser come again.
            logger.exception("A socket that shows events failed.")
            await self.close(FAILED)

    async def _may_stay(self) -> bool:
        """Whether the user is still logged in and may see this; else the socket is closed with a code that says why."""
        try:
            code = await in_thread(self._farewell)()
        except (DatabaseError, InterfaceError) as error:
            logger.error("A socket was closed, since the database failed: %s", error)
            code = TRY_AGAIN_LATER
        if code is not None:
            await self.close(code)
        return code is None

    def _farewell(self) -> int | None:
        user = logged_in([self.session_key]).get(self.session_key)
        if user is None:
            return NOT_LOGGED_IN
        if not may(user, "see_events"):
            return FORBIDDEN
        return None if PBX.objects.filter(pk=self.pbx).exists() else NO_SUCH_VIEW

    async def _hear_of_people(self, *, until_now: bool = False) -> None:
        """Listen for who logs out and whose permissions change, or stop that. If it fails, `_keep_watching` sees it."""
        layer = get_channel_layer()
        try:
            await (layer.group_discard if until_now else layer.group_add)(PEOPLE, self.channel_name)
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Changes of people could not be listened for: %r", error)

    async def _say(self, message: dict[str, Any]) -> None:
        """To the worker that leads the PBX. A message that is lost is repeated in a moment."""
        try:
            await get_channel_layer().send(commands.channel_name(self.pbx), {**message, "channel": self.channel_name})
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Who watches events could not be told: %r", error)
