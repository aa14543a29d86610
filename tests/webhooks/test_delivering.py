"""What is delivered to whom, in which order, how often, and what a receiver can do about it."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import http_date
from pytest_django.fixtures import Settings

from engine import metrics
from engine.mirror.models import PBX
from tests.access import people
from tests.lab.asterisk import free_port
from tests.waiting import until_async, until_stored
from tests.webhooks.conftest import delivering, settled, states, webhook_to, write
from tests.webhooks.receiver import OK, Answer, Got, Receiver, receiving
from webhooks import delivering as module
from webhooks import queue
from webhooks.formats import Format
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.usefixtures("owner")

make = sync_to_async(webhook_to)


def refuse(got: Got) -> Answer:
    return 503, {}, b"come back later"


@sync_to_async
def change(webhook: Webhook, **fields: Any) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(**fields)


@sync_to_async
def the_delivery() -> Delivery:
    return Delivery.objects.select_related("webhook").get()


@sync_to_async
def hurry() -> None:
    """What is to be tried again is tried now."""
    Delivery.objects.filter(state="waiting", next_at__isnull=False).update(next_at=timezone.now())


async def test_an_event_arrives_signed_and_is_told_as_the_log_has_it(receiver: Receiver, owner: User) -> None:
    webhook = await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", party=None)
        await settled(done=1)
    (got,) = receiver.got
    delivery = await the_delivery()
    assert got.path == "/hook"
    assert got.headers["content-type"] == "application/json"
    assert got.told == {
        "type": "call.ringing",
        "timestamp": got.told["timestamp"],
        "pbx": "main",
        "number": 1,
        "data": {"id": "1.1", "pbx": "main", "party": None},
    }
    assert got.told["timestamp"].endswith("Z")
    assert got.id == delivery.message_id
    assert got.is_signed_by(webhook.secret)
    assert not got.is_signed_by("whsec_c29tZXRoaW5nIGVsc2UgdGhhdCBpcyBubyBzZWNyZXQ=")
    assert (delivery.state, delivery.status, delivery.answer, delivery.tries) == ("done", 200, "thanks", 1)
    assert 0 <= abs(got.at - int(got.headers["webhook-timestamp"])) < 5


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3600", 3600, 3600),
        ("9999999", 86400, 86400),
        (lambda: http_date(time.time() + 600), 590, 601),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 4, 5),
        ("soon", 4, 5),
        ("-7", 4, 5),
    ],
)
async def test_who_says_when_to_come_back_is_left_alone_until_then(
    receiver: Receiver, owner: User, header: str | Callable[[], str], least: float, most: float
) -> None:
    said = header if isinstance(header, str) else header()
    receiver.answer = lambda got: (503, {"Retry-After": said}, b"")
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
    delivery = await the_delivery()
    assert delivery.tried_at is not None
    assert delivery.next_at is not None
    assert least <= (delivery.next_at - delivery.tried_at).total_seconds() <= most


async def test_as_a_cloud_event(receiver: Receiver, owner: User) -> None:
    webhook = await make(receiver.url, owner, format=Format.CLOUDEVENTS)
    async with delivering() as tell:
        await tell("1.1")
        await settled(done=1)
    (got,) = receiver.got
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert got.told == {
        "specversion": "1.0",
        "id": got.id,
        "source": "/api/v1/pbxs/main",
        "type": "call.ringing",
        "subject": "1.1",
        "time": got.told["time"],
        "datacontenttype": "application/json",
        "pbx": "main",
        "sequence": "1",
        "data": {"id": "1.1", "pbx": "main"},
    }
    assert got.is_signed_by(webhook.secret)


async def test_while_a_secret_is_changed_both_sign(receiver: Receiver, owner: User) -> None:
    webhook = await make(receiver.url, owner)
    former = webhook.secret
    new = await sync_to_async(webhook.change_secret)()
    async with delivering() as tell:
        await tell("1.1")
        await settled(done=1)
        (got,) = receiver.got
        assert got.is_signed_by(former)
        assert got.is_signed_by(new)
        await change(webhook, old_until=timezone.now())
        await tell("1.2")
        await settled(done=2)
    assert not receiver.got[1].is_signed_by(former)
    assert receiver.got[1].is_signed_by(new)


async def test_only_what_it_wants(receiver: Receiver, owner: User) -> None:
    await sync_to_async(PBX.objects.create)(name="branch")
    await make(receiver.url, owner, types=["call.ended"], name="types")
    await make(receiver.url, owner, pbxs=["branch"], name="pbx")
    await make(receiver.url, owner, extensions=["101"], name="extension")
    await make(receiver.url, owner, types=["conference.started"], conferences=["8001"], name="conference")
    async with delivering() as tell:
        await tell("1.1", type="call.ended")
        await tell("1.2", party={"number": "101", "endpoint": "PJSIP/7"})
        await tell("8001", type="conference.started", conference="8001")
        await tell("8002", type="conference.started", conference="8002")
        await settled(done=3)
    found = await sync_to_async(lambda: set(Delivery.objects.values_list("webhook__name", "subject")))()
    assert found == {("types", "1.1"), ("extension", "1.2"), ("conference", "8001")}


async def test_only_what_happens_from_then_on(receiver: Receiver, owner: User) -> None:
    await sync_to_async(write)("before")
    webhook = await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1")
        await settled(done=1)
        await sync_to_async(webhook.turn_off)(Webhook.Off.USER)
        await tell("meanwhile")
        await sync_to_async(webhook.turn_on)()
        await tell("1.2")
        await settled(done=2)
    assert [got.told["data"]["id"] for got in receiver.got] == ["1.1", "1.2"]


async def test_nobody_is_sent_what_its_owner_may_not_see(receiver: Receiver, owner: User) -> None:
    viewer = await sync_to_async(people.person)("Viewer", "vic")
    nobody = await sync_to_async(people.person)(name="nora")
    types = ["call.ringing", "extension.state"]
    await make(receiver.url, viewer, name="viewer", types=types)
    await make(receiver.url, nobody, name="nobody", types=types)
    await make(receiver.url, owner, name="administrator", types=types)
    async with delivering() as tell:
        await tell("1.1")
        await tell("101@internal", type="extension.state")
        await settled(done=3)
    found = await sync_to_async(lambda: set(Delivery.objects.values_list("webhook__name", "type")))()
    assert found == {
        ("viewer", "call.ringing"), ("administrator", "call.ringing"), ("administrator", "extension.state"),
    }  # fmt: skip


@pytest.mark.parametrize("how", ["permission", "inactive"])
async def test_what_still_waits_when_its_owner_loses_the_permission_is_never_sent(
    receiver: Receiver, owner: User, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "KNOWN_FOR", 0.0)
    receiver.answer = refuse
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())

        def lose() -> None:
            if how == "permission":
                owner.groups.remove(Group.objects.get(name="Administrator"))
            else:
                User.objects.filter(pk=owner.pk).update(is_active=False)

        await sync_to_async(lose)()
        await hurry()
        await settled(dropped=1)
        await tell("1.2")
        await until_stored(lambda: Webhook.objects.get().cursors.get().number == 2)
    assert len(receiver.got) == 1
    assert (await the_delivery()).error_in_words == "The owner of the webhook may not see it."


async def test_what_failed_is_sent_again_with_the_same_id_until_it_has_arrived(receiver: Receiver, owner: User) -> None:
    await make(receiver.url, owner)
    receiver.answer = refuse
    async with delivering() as tell:
        await tell("1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
        delivery = await the_delivery()
        assert delivery.state == "waiting"
        assert delivery.next_at is not None
        assert delivery.tried_at is not None
        assert 4 <= (delivery.next_at - delivery.tried_at).total_seconds() <= 5
        assert delivery.error_in_words == "The receiver answered 503."
        assert delivery.answer == "come back later"
        receiver.answer = lambda got: OK
        await hurry()
        await settled(done=1)
    assert len({got.id for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    assert (await the_delivery()).error == ""


def test_the_tries_end_within_three_days() -> None:
    now = timezone.now()
    at, waits = now, []
    for tries in range(1, 50):
        following = queue.retry_at(tries, at)
        if following is None:
            break
        waits.append(following - at)
        at = following
    assert len(waits) == 9
    assert max(waits) <= timedelta(hours=20)
    assert timedelta(hours=48) < at - now < timedelta(days=3)
    assert len({queue.retry_at(3, now) for _ in range(20)}) > 10, "all that failed together is tried together"


async def test_what_was_tried_often_enough_has_failed_and_the_next_of_its_call_is_sent(
    receiver: Receiver, owner: User
) -> None:
    receiver.answer = lambda got: refuse(got) if got.number == 1 else OK
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
        await sync_to_async(Delivery.objects.filter(number=1).update)(tries=9)
        assert [got.number for got in receiver.got] == [1]
        await hurry()
        await settled(failed=1, done=1)
    assert [got.number for got in receiver.got] == [1, 1, 2]


async def test_what_is_too_old_is_given_up(receiver: Receiver, owner: User) -> None:
    receiver.answer = refuse
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
    old = timezone.now() - timedelta(minutes=2)
    await sync_to_async(Delivery.objects.filter(number=1).update)(give_up_at=old)
    await sync_to_async(queue.tidy)()
    first, second = await sync_to_async(lambda: list(Delivery.objects.order_by("number")))()
    assert (first.state, first.error_in_words) == ("failed", "It could not be delivered within 3 days.")
    assert (second.state, second.is_blocked) == ("waiting", False)


async def test_the_order_is_kept_for_each_call_and_one_call_does_not_hold_up_another(
    receiver: Receiver, owner: User
) -> None:
    go_on = threading.Event()

    def answer(got: Got) -> Answer:
        if got.told["data"]["id"] == "slow":
            assert go_on.wait(20)
        return OK

    receiver.answer = answer
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("slow", "slow", "1.2", "1.2", "slow", "1.2")
        await until_stored(lambda: states() == {"done": 3, "waiting": 3})
        assert [got.number for got in receiver.got if got.told["data"]["id"] == "slow"] == [1]
        go_on.set()
        await settled(done=6)
    for call in ("slow", "1.2"):
        numbers = [got.number for got in receiver.got if got.told["data"]["id"] == call]
        assert numbers == sorted(numbers)
        assert len(numbers) == 3


async def test_a_receiver_that_hangs_holds_up_no_other_and_is_asked_by_few_at_a_time(
    receiver: Receiver, owner: User
) -> None:
    go_on = threading.Event()

    def hang(got: Got) -> Answer:
        assert go_on.wait(30)
        return OK

    with receiving(hang) as other:
        await make(other.url, owner, name="hangs")
        await make(receiver.url, owner, name="works")
        async with delivering() as tell:
            await tell(*[f"{number}.1" for number in range(40)])
            await until_async(lambda: len(receiver.got) == 40)
            await until_async(lambda: len(other.got) == queue.AT_ONCE_EACH)
            go_on.set()
            await settled(done=80)
        assert other.most == queue.AT_ONCE_EACH


async def test_a_receiver_that_does_not_answer_in_time_has_failed(receiver: Receiver, owner: User) -> None:
    go_on = threading.Event()

    def hang(got: Got) -> Answer:
        go_on.wait(20)
        return OK

    receiver.answer = hang
    await make(receiver.url, owner)
    async with delivering(time_limit=0.3) as tell:
        await tell("1.1")
        await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
        go_on.set()
    assert (await the_delivery()).error_in_words == "The receiver did not answer within 0.3 seconds."


async def test_a_redirect_is_not_followed(receiver: Receiver, owner: User) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda got: (307, {"Location": elsewhere.url}, b"")
        await make(receiver.url, owner)
        async with delivering() as tell:
            await tell("1.1")
            await until_stored(lambda: Delivery.objects.filter(tries=1).exists())
        assert elsewhere.got == []
    delivery = await the_delivery()
    assert (delivery.state, delivery.status, delivery.error) == ("waiting", 307, Delivery.Error.REDIRECT)


async def test_410_turns_the_webhook_off_and_ends_all_that_waits(receiver: Receiver, owner: User) -> None:
    receiver.answer = lambda got: (410, {}, b"")
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.1", "1.1")
        await settled(failed=1, dropped=2)
        with receiving() as other:
            await make(other.url, owner, name="other")
            await tell("1.2")
            await settled(failed=1, dropped=2, done=1)
            assert len(other.got) == 1
    assert len(receiver.got) == 1
    webhook = await sync_to_async(Webhook.objects.get)(name="CRM")
    assert not webhook.enabled
    assert webhook.get_off_why_display() == "The receiver has answered 410: it wants no more."


async def test_a_receiver_that_is_down_for_a_while_gets_everything_in_order(owner: User, loopback: None) -> None:
    port = free_port()
    await make(f"http://127.0.0.1:{port}/hook", owner)
    async with delivering() as tell:
        await tell("1.1", "1.2", "1.1", "1.2")
        await until_stored(lambda: Delivery.objects.filter(tries=1).count() == 2)
        assert "There is no connection to the receiver" in (
            await sync_to_async(lambda: Delivery.objects.filter(tries=1)[0].error_in_words)()
        )
        receiver = Receiver(port)
        try:
            await hurry()
            await settled(done=4)
            receiver.stop()
            receiver.start()  # once more, at the same port: a connection that was kept is broken
            await tell("1.3")
            await until_async(lambda: len(receiver.got) == 5)
        finally:
            receiver.stop()
    for call in ("1.1", "1.2"):
        assert len([got for got in receiver.got if got.told["data"]["id"] == call]) == 2


async def test_of_a_long_answer_only_its_beginning_is_read(receiver: Receiver, owner: User) -> None:
    receiver.answer = lambda got: (200, {}, b"\0x" * 2**22)
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1")
        await settled(done=1)
    assert (await the_delivery()).answer == "\N{REPLACEMENT CHARACTER}x" * 500


async def test_whoever_does_not_lead_sends_nothing(receiver: Receiver, owner: User) -> None:
    await make(receiver.url, owner)
    async with delivering(is_held=lambda: False) as tell:
        await tell("1.1")
        async with delivering() as _tell:
            await settled(done=1)
    assert len(receiver.got) == 1


async def test_what_the_former_worker_has_begun_is_sent_again_with_the_same_id(receiver: Receiver, owner: User) -> None:
    go_on = threading.Event()

    def hang(got: Got) -> Answer:
        go_on.wait(20)
        return OK

    receiver.answer = hang
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.1")
        await until_async(lambda: len(receiver.got) == 1)
    go_on.set()
    async with delivering():
        await settled(done=2)
    assert receiver.got[0].id == receiver.got[1].id
    assert [got.number for got in receiver.got] == [1, 1, 2]


async def test_sent_again_on_request_with_the_same_id_and_holding_up_nothing(receiver: Receiver, owner: User) -> None:
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1")
        await settled(done=1)
        receiver.answer = lambda got: refuse(got) if got.number == 1 else OK
        assert await sync_to_async((await the_delivery()).send_again)()
        await until_stored(lambda: Delivery.objects.filter(tries=1, error="status").exists())
        await tell("1.1")
        await settled(done=1, waiting=1)
    assert receiver.got[0].id == receiver.got[1].id


async def test_deliveries_are_kept_as_long_as_the_log(receiver: Receiver, owner: User, settings: Settings) -> None:
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.2")
        await settled(done=2)
    old = timezone.now() - timedelta(days=2, minutes=1)
    await sync_to_async(Delivery.objects.filter(number=1).update)(at=old)
    await sync_to_async(queue.tidy)()
    assert await sync_to_async(Delivery.objects.count)() == 2
    settings.EVENT_LOG_DAYS = 2
    await sync_to_async(queue.tidy)()
    assert (await the_delivery()).number == 2


async def test_one_that_cannot_be_signed_is_tried_again_later_and_the_others_go_on(
    receiver: Receiver, owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    await make(receiver.url, owner, secret="whsec_!", name="broken")
    await make(receiver.url, owner, name="works")
    async with delivering() as tell:
        await tell("1.1")
        await until_stored(lambda: states() == {"done": 1, "waiting": 1})
        await until_stored(lambda: Delivery.objects.filter(tries=1, webhook__name="broken").exists())
    assert "could not be sent" in caplog.text
    assert module.logger.name in caplog.text


def test_where_there_is_no_webhook_the_log_is_not_read(owner: User) -> None:
    write("1.1", "1.2")
    idle = queue.Queue("main")
    with CaptureQueriesContext(connection) as asked:
        assert idle.turn([]) == ([], False)
    assert len(asked) == 1
    assert idle.is_idle


async def test_tries_are_counted_by_their_result(receiver: Receiver, owner: User) -> None:
    def counted(result: str) -> float:
        return metrics.WORKER.get_sample_value("panel_webhooks_total", {"pbx": "main", "result": result}) or 0.0

    delivered, failed = counted("delivered"), counted("failed")
    receiver.answer = lambda got: refuse(got) if got.number == 1 else OK
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.2", "1.3")
        await settled(waiting=1, done=2)
    assert (counted("delivered") - delivered, counted("failed") - failed) == (2, 1)


async def test_while_the_database_is_away_nothing_is_lost_nor_sent_twice(
    receiver: Receiver, owner: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = 0
    settle = queue.settle

    def failing(results: Any) -> None:
        nonlocal tried
        tried += 1
        if tried <= 3:
            raise OperationalError("The database is away.")
        settle(results)

    monkeypatch.setattr(module, "settle", failing)
    monkeypatch.setattr(module, "RETRY", 0.01)
    await make(receiver.url, owner)
    async with delivering() as tell:
        await tell("1.1", "1.1")
        await settled(done=2)
    assert [got.number for got in receiver.got] == [1, 2]
    assert caplog.text.count("webhooks wait for the database: The database is away.") == 1
