"""What the live push sends over the channel layer, by which names, and how long that may take."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

# The group of the hubs: batches, and the type of a message that bears notices alone, from whoever is no worker.
GROUP, NOTICES = "live", "live.notices"
# The group that is notified whose login, permissions or phone changed, and the type of such a message: ids of users,
# or None for everybody.
PEOPLE, PEOPLE_CHANGED = "people", "people.changed"
# The type of a message from a hub to a worker: which languages are in use.
LANGUAGES = "live.languages"
# How long the channel layer may take for one thing that needs no waiting, in seconds.
LAYER_TIMEOUT = 2.0


def send_once_committed(group: str, message: Mapping[str, Any], otherwise: str) -> None:
    """Once what is being done is committed, send this to a group. Blocks. Where the layer fails, the log has the
    sentence `otherwise`.
    """
    transaction.on_commit(lambda: async_to_sync(_send)(group, message, otherwise))


async def _send(group: str, message: Mapping[str, Any], otherwise: str) -> None:
    try:
        async with asyncio.timeout(LAYER_TIMEOUT):
            await get_channel_layer().group_send(group, dict(message))
    except Exception as error:  # whatever the layer's backend raises: what was asked for is done
        logger.warning("%s: %r", otherwise, error)
