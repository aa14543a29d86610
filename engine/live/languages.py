"""In which languages pages are open: a worker draws rows in these alone."""

import asyncio
import logging
from collections.abc import Collection

from channels.layers import get_channel_layer

from .layer import LANGUAGES, LAYER_TIMEOUT
from .subscriber import Subscriber

logger = logging.getLogger(__name__)


class Languages:
    """Those of these subscribers, and what the workers have been told of them."""

    def __init__(self, subscribers: set[Subscriber]) -> None:
        self._subscribers = subscribers
        # PBX → the channel on which its worker is told; and what it was told.
        self._channels: dict[str, str] = {}
        self._told: dict[str, set[str]] = {}

    @property
    def in_use(self) -> set[str]:
        return {subscriber.viewer.language for subscriber in self._subscribers}

    def are_among(self, languages: Collection[str]) -> bool:
        """Whether what is drawn in these is drawn for every subscriber."""
        return all(subscriber.viewer.language in languages for subscriber in self._subscribers)

    def hear_of(self, pbx: str, channel: str) -> None:
        """The worker of this PBX is told on this channel."""
        if channel:
            self._channels[pbx] = channel

    @property
    def has_new_worker(self) -> bool:
        """Whether there is a worker that has been told nothing."""
        return self._channels.keys() != self._told.keys()

    def is_known(self, language: str) -> bool:
        """Whether all workers that were told anything were told of this language."""
        return all(language in told for told in self._told.values())

    async def tell(self) -> None:
        """Tell the workers which languages are in use. A worker that misses it draws nothing, which heals."""
        languages = self.in_use
        self._told = dict.fromkeys(self._channels, languages)
        if not languages:
            return
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                for channel in set(self._channels.values()):
                    await layer.send(channel, {"type": LANGUAGES, "languages": list(languages)})
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("Which languages are in use could not be sent: %r", error)
