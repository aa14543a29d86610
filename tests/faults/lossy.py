"""The panel's settings, with a channel layer that loses some of what is published."""

import os
from typing import Any

from channels.layers import InMemoryChannelLayer

from engine.live.hub import GROUP
from pbxpanel.settings import *  # noqa: F403 (settings are what they are, but for the one below)

# Every so many batches one is lost.
LOSES = int(os.environ["LOSES_EVERY"])


class LossyLayer(InMemoryChannelLayer):  # type: ignore[misc]
    """Every n-th batch that is to go to the hubs does not."""

    published = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if group == GROUP:
            self.published += 1
            if self.published % LOSES == 0:
                print(f"LOST {self.published}", flush=True)
                return
        await super().group_send(group, message)


CHANNEL_LAYERS = {"default": {"BACKEND": "tests.faults.lossy.LossyLayer", "CONFIG": {"capacity": 5000}}}
