"""From the log to deliveries, and what becomes of them: all of it is in the database. Call these in a thread.

The worker that leads a PBX is the only one that does so for the events of that PBX.
"""

import logging
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.backends import PanelBackend
from accounts.identity import viewer_of
from engine.live.fragments import Viewer
from eventlog.declarations import event_types
from eventlog.feed import page_of
from eventlog.models import Event
from eventlog.readers import Entry, may_see

from .formats import Told, also_in, body_of, new_message_id
from .models import DROPPED_WHEN_OFF, PATIENCE, Cursor, Delivery, Webhook
from .sending import Result

logger = logging.getLogger(__name__)

State, Error = Delivery.State, Delivery.Error

# When it is tried again, in seconds after each failure; some time less, so that what failed together is not tried
# together. The sum is less than PATIENCE.
RETRIES = (5.0, 5 * 60.0, 30 * 60.0, *(hours * 3600.0 for hours in (2, 5, 10, 14, 20, 20)))
SPREAD = 0.2
# For how long a receiver can ask to be left alone, in seconds.
MOST_AFTER = 24 * 3600.0
# How many are sent at a time: to one receiver, and to all.
AT_ONCE_EACH, AT_ONCE = 10, 100
# How long it may take until a permission that was lost counts, in seconds.
KNOWN_FOR = 1.0
# How long it may take after the end of the last try until it is written, and how many old ones are deleted at once.
SETTLED_AFTER, THINNED_AT_ONCE = timedelta(minutes=1), 2000


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be sent now."""

    pk: int
    webhook: int
    url: str
    message_id: str
    format: str
    body: str
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it."""

    work: Work
    at: datetime
    result: Result


class Owners:
    """What the owners of webhooks may see, asked for anew after a moment."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Viewer | None]] = {}

    def viewer(self, owner_id: int) -> Viewer | None:
        """None: they may not log in."""
        at, viewer = self._known.get(owner_id, (float("-inf"), None))
        if time.monotonic() - at >= KNOWN_FOR:
            owner = User.objects.select_related("demo").filter(pk=owner_id).first()
            may_log_in = owner is not None and PanelBackend().user_can_authenticate(owner)
            viewer = viewer_of(owner, language="") if owner is not None and may_log_in else None
            self._known[owner_id] = (time.monotonic(), viewer)
        return viewer


class Queue:
    """The deliveries of the events of one PBX."""

    def __init__(self, pbx: str) -> None:
        self.pbx = pbx
        self.owners = Owners()
        # Whether nobody is to be sent anything.
        self.is_idle = False

    def turn(self, under_way: Collection[Work]) -> tuple[list[Work], bool]:
        """Take over what is new in the log; what is to be sent now, and whether there is more in the log."""
        webhooks = {webhook.pk: webhook for webhook in Webhook.objects.filter(enabled=True)}
        self.is_idle = not webhooks
        if not webhooks:
            return [], False
        more = self._collect(webhooks)
        return self._due(webhooks.values(), under_way), more

    def _collect(self, webhooks: Mapping[int, Webhook]) -> bool:
        """Make a delivery of each event that is new in the log, for each webhook that wants it; whether there are more.

        In one transaction with the cursors: none is lost, and none is made twice.
        """
        cursors = {cursor.webhook_id: cursor for cursor in Cursor.objects.filter(pbx=self.pbx, webhook__in=webhooks)}
        cursors |= {pk: self._begin(webhooks[pk]) for pk in webhooks.keys() - cursors.keys()}
        first = min(cursor.number for cursor in cursors.values())
        events = page_of(self.pbx, first)
        if not events:
            return False
        if events[0].number != first + 1:
            logger.error("%s: events after %s were deleted before webhooks were made of them.", self.pbx, first)
        entries = [(event, entry) for event in events if (entry := Entry.of(event)) is not None]
        with transaction.atomic():
            for pk, cursor in cursors.items():
                if cursor.number < events[-1].number:
                    self._take_over(webhooks[pk], cursor, entries, events[-1].number)
        return True

    def _begin(self, webhook: Webhook) -> Cursor:
        """Of one that has just been turned on: behind what was told before."""
        before = Event._base_manager.filter(pbx=self.pbx, at__lt=webhook.since).order_by("-number").first()
        cursor, _made = Cursor.objects.get_or_create(
            webhook=webhook, pbx=self.pbx, defaults={"number": before.number if before else 0}
        )
        return cursor

    def _take_over(self, webhook: Webhook, cursor: Cursor, entries: list[tuple[Event, Entry]], last: int) -> None:
        viewer = self.owners.viewer(webhook.owner_id)
        wanted = webhook.wanted
        chosen = [
            event
            for event, entry in entries
            if event.number > cursor.number
            and viewer is not None
            and may_see(viewer, entry.type, entry.also)
            and wanted.fits(entry)
        ]
        if not Cursor.objects.filter(pk=cursor.pk, number=cursor.number).update(number=last):
            return  # it was turned off and on meanwhile, or another worker has done this
        waiting = in_order(webhook.pk, self.pbx).filter(subject__in={event.subject for event in chosen})
        blocked = set(waiting.values_list("subject", flat=True))
        now, deliveries = timezone.now(), []
        for event in chosen:
            told = Told(event.pbx, event.number, event.type, event.subject, event.at, event.data)
            deliveries.append(
                delivery_of(webhook, told, next_at=None if event.subject in blocked else now, give_up_at=now + PATIENCE)
            )
            blocked.add(event.subject)
        Delivery.objects.bulk_create(deliveries)

    def _due(self, webhooks: Iterable[Webhook], under_way: Collection[Work]) -> list[Work]:
        """What is to be sent now, beside what is under way: of each webhook no more than it has room for."""
        room = AT_ONCE - len(under_way)
        found: list[Work] = []
        for webhook in sorted(webhooks, key=lambda _: random.random()):  # noqa: S311 (so that each comes to its turn)
            mine = [work.pk for work in under_way if work.webhook == webhook.pk]
            take = min(AT_ONCE_EACH - len(mine), room - len(found))
            if take <= 0:
                continue
            waiting = webhook.deliveries.filter(pbx=self.pbx, state=State.WAITING, next_at__lte=timezone.now())
            due = list(waiting.exclude(pk__in=mine).order_by("next_at", "number")[:take])
            found += [work_of(webhook, delivery) for delivery in due if self._may_go(webhook, delivery)]
        return found

    def _may_go(self, webhook: Webhook, delivery: Delivery) -> bool:
        """Whether the owner may still see it; if not, it is given up."""
        viewer = self.owners.viewer(webhook.owner_id)
        event_type = event_types.get(delivery.type)
        if viewer and event_type and may_see(viewer, event_type, also_in(delivery.type, delivery.body)):
            return True
        finish(delivery, state=State.DROPPED, error=Error.FORBIDDEN, detail="", next_at=None)
        return False


def delivery_of(webhook: Webhook, told: Told, **values: object) -> Delivery:
    """A delivery that is not stored yet."""
    message_id = new_message_id()
    return Delivery(
        webhook=webhook,
        pbx=told.pbx,
        number=told.number,
        type=told.type,
        subject=told.subject,
        at=told.at,
        message_id=message_id,
        format=webhook.format,
        body=body_of(told, webhook.format, message_id),
        **values,
    )


def work_of(webhook: Webhook, delivery: Delivery) -> Work:
    return Work(
        delivery.pk,
        webhook.pk,
        webhook.url,
        delivery.message_id,
        delivery.format,
        delivery.body,
        tuple(webhook.secrets),
    )


def in_order(webhook: int, pbx: str) -> QuerySet[Delivery]:
    """Those of a webhook that wait for their turn, and which those after them wait for."""
    return Delivery.objects.filter(webhook=webhook, pbx=pbx, state=State.WAITING, in_order=True)


def settle(tried: Iterable[Tried]) -> None:
    """Write what came of tries, all of it or nothing."""
    with transaction.atomic():
        for one in tried:
            _settle(one)


def _settle(tried: Tried) -> None:
    delivery = Delivery.objects.select_related("webhook").filter(pk=tried.work.pk).first()
    if delivery is None:
        return  # its webhook was deleted meanwhile
    result = tried.result
    delivery.tries += 1
    values = {
        "tries": delivery.tries, "tried_at": tried.at, "status": result.status, "answer": result.answer,
        "error": result.error, "detail": result.detail,
    }  # fmt: skip
    if result.is_done:
        finish(delivery, state=State.DONE, next_at=None, **values)
    elif delivery.state != State.WAITING:  # it was given up while it was tried
        Delivery.objects.filter(pk=delivery.pk).update(tries=delivery.tries, tried_at=tried.at)
    elif result.error == Error.GONE:
        finish(delivery, state=State.FAILED, next_at=None, **values)
        delivery.webhook.turn_off(Webhook.Off.GONE)
    elif (
        next_at := retry_at(delivery.tries, tried.at, result.retry_after)
    ) is not None and next_at < delivery.give_up_at:
        Delivery.objects.filter(pk=delivery.pk).update(next_at=next_at, **values)
    else:
        finish(delivery, state=State.FAILED, next_at=None, **values)


def retry_at(tries: int, at: datetime, after: float = 0.0) -> datetime | None:
    """When it is to be tried again that has failed so often, not before so many seconds; None: not any more."""
    if tries > len(RETRIES):
        return None
    seconds = RETRIES[tries - 1] * (1 - SPREAD * random.random())  # noqa: S311 (nothing secret)
    return at + timedelta(seconds=max(seconds, min(after, MOST_AFTER)))


def finish(delivery: Delivery, **values: object) -> None:
    """Nothing more is tried of it: it is the turn of the next one about the same thing."""
    Delivery.objects.filter(pk=delivery.pk).update(**values)
    if delivery.in_order:
        following = in_order(delivery.webhook_id, delivery.pbx).filter(subject=delivery.subject).order_by("number")
        first = following.first()
        if first is not None and first.next_at is None:
            Delivery.objects.filter(pk=first.pk).update(next_at=timezone.now())


def tidy() -> None:
    """Now and then, for all PBXs: give up what is too old, let go on what nothing waits before, delete what is old."""
    now = timezone.now()
    Delivery.objects.filter(state=State.WAITING, webhook__enabled=False).update(**DROPPED_WHEN_OFF)
    late = Delivery.objects.filter(state=State.WAITING, give_up_at__lt=now - SETTLED_AFTER)
    late.update(state=State.FAILED, error=Error.TOO_LATE, detail="", next_at=None)
    before = Delivery.objects.filter(
        webhook=OuterRef("webhook"),
        pbx=OuterRef("pbx"),
        subject=OuterRef("subject"),
        state=State.WAITING,
        in_order=True,
    )
    first = Subquery(before.order_by("number").values("pk")[:1])
    Delivery.objects.filter(state=State.WAITING, in_order=True, next_at=None, pk=first).update(next_at=now)
    Webhook.objects.filter(old_until__lt=now).update(old_secret="", old_until=None)
    limit = now - timedelta(days=settings.EVENT_LOG_DAYS)
    old = Delivery.objects.exclude(state=State.WAITING).filter(at__lt=limit).order_by("at")[:THINNED_AT_ONCE]
    Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
