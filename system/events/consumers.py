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

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.identity import logged_in
from engine import limits
from engine.live.close_codes import FORBIDDEN, NO_SUCH_VIEW, NOT_LOGGED_IN
from engine.live.consumers import PanelConsumer, is_key
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
    """Watches the events of one PBX."""

    view = "events"
    pbx = ""
    filter: dict[str, Any] = {}
    heard_at = 0.0
    left_off = 0
    shown_state: tuple[str, str] | None = None

    def refusal(self) -> int | None:
        self.pbx = self.asked.get("pbx", "")
        if self.language not in dict(settings.LANGUAGES) or not is_key(self.pbx):
            return NO_SUCH_VIEW
        user = logged_in([self.session]).get(self.session)
        if user is None:
            return NOT_LOGGED_IN
        if not may(user, "see_events"):
            return FORBIDDEN
        return None if PBX.objects.filter(pk=self.pbx).exists() else NO_SUCH_VIEW

    async def work(self) -> None:
        """Say again and again that somebody watches, for as long as they may."""
        self.heard_at = time.monotonic()
        while await self.may_stay():
            await self._say({"type": event_stream.WATCH, "filter": self.filter})
            if time.monotonic() - self.heard_at > SILENCE_LIMIT:
                with translation.override(self.language):
                    await self._tell(event_stream.DOWN, _("The worker that connects to this PBX does not answer."))
            elif self.shown_state is None:
                await self._tell(event_stream.CONNECTING, "")
            await asyncio.sleep(RENEW_EVERY)

    async def leave(self) -> None:
        await self._say({"type": event_stream.UNWATCH})

    async def hear(self, word: str, rest: str) -> None:
        if word == "filter" and (wanted := _filter_in(rest)) is not None:
            self.filter = wanted
            await self._say({"type": event_stream.WATCH, "filter": wanted})

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
        await self.send_text(json.dumps(news, ensure_ascii=False, separators=(",", ":")))

    async def _say(self, message: dict[str, Any]) -> None:
        """To the worker that leads the PBX. A message that is lost is repeated in a moment."""
        try:
            await get_channel_layer().send(commands.channel_name(self.pbx), {**message, "channel": self.channel_name})
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Who watches events could not be told: %r", error)
