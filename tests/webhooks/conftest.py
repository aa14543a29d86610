"""Webhooks of an administrator, the log that they are made of, and who delivers them, in this process."""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db.models import Max
from django.utils import timezone
from pytest_django.fixtures import Settings

from engine.mirror.companions import Leading
from engine.mirror.models import PBX
from eventlog.declarations import event_types
from eventlog.models import Event
from tests.access import people
from tests.waiting import until_stored
from tests.webhooks.receiver import Receiver
from webhooks import sending
from webhooks.delivering import Deliverer
from webhooks.models import Delivery, Webhook
from webhooks.sending import LookUp, Sender

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def loopback(settings: Settings) -> None:
    """Webhooks may be sent to this machine."""
    settings.WEBHOOK_NETWORKS = LOOPBACK


@pytest.fixture
def receiver(loopback: None) -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def owner(transactional_db: None) -> User:
    """An administrator; the PBX is there, too."""
    PBX.objects.get_or_create(name="main")
    return people.person("Administrator", "anna")


def webhook_to(url: str, owner: User, **fields: Any) -> Webhook:
    """A webhook that wants everything about calls, unless `fields` says otherwise."""
    calls = [name for name in event_types if name.startswith("call.")]
    return Webhook.objects.create(**{"name": "CRM", "url": url, "owner": owner, "types": calls, **fields})


def write(*subjects: str, pbx: str = "main", type: str = "call.ringing", **data: Any) -> None:
    """An event of the log about each of these, as a worker writes it."""
    last = Event.objects.filter(pbx=pbx).aggregate(last=Max("number"))["last"] or 0
    for number, subject in enumerate(subjects, last + 1):
        told = json.dumps({"id": subject, "pbx": pbx, **data})
        Event.objects.create(pbx=pbx, number=number, type=type, subject=subject, at=timezone.now(), data=told)


Delivering = Callable[..., Any]


@asynccontextmanager
async def delivering(
    pbx: str = "main",
    look_up: LookUp = sending.look_up,
    time_limit: float = sending.TIME_LIMIT,
    is_held: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """A worker that leads delivers, for as long as the context lasts; it hands back what writes into the log."""
    leading = Leading(pbx, asyncio.Event(), is_held)
    async with Sender.open(look_up, time_limit) as sender:
        task = asyncio.create_task(Deliverer(leading, sender).run())

        async def tell(*subjects: str, **values: Any) -> None:
            await sync_to_async(write)(*subjects, pbx=pbx, **values)
            leading.written.set()

        try:
            yield tell
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def states() -> dict[str, int]:
    """How many deliveries are in each state."""
    found: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


async def settled(**wanted: int) -> None:
    """Wait until so many deliveries are in each of these states, and none in another."""
    await until_stored(lambda: states() == wanted)
