"""The hub and its subscribers: what reaches which page, and when a page is drawn anew as a whole."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer
from django.db import OperationalError

import pbxpanel.home  # noqa: F401 (registers the home page)
from calls.fragments import SEE as SEE_CALLS
from conferences.fragments import SEE as SEE_CONFERENCES
from engine.live import batches, delivery, fragments, hub
from engine.live.delivery import Delivery, compose
from engine.live.fragments import Notice, Query, Row, Viewer
from engine.live.hub import Hub, publish
from engine.live.subscriber import QUEUE_LIMIT, Subscriber
from tests.waiting import until_async

pytestmark = pytest.mark.timeout(60)

SEEING = frozenset([SEE_CALLS, SEE_CONFERENCES])


def viewer(
    user_id: int = 1, endpoint: str = "PJSIP/101", permissions: Iterable[str] = SEEING, language: str = "en"
) -> Viewer:
    return Viewer(user_id, endpoint, frozenset(permissions), language)


def html(text: str) -> dict[str, str]:
    return {"en": f"<p>{text}</p>", "zh-hans": f"<p>{text}！</p>"}


def call(name: str, *endpoints: str, state: str = "talking") -> Row:
    return Row(f"call-{name}", "call", html(name), {"phones": list(endpoints), "attention": state}, SEE_CALLS)


def participant(name: str, conference: str) -> Row:
    return Row(f"participant-{name}", "participant", html(name), {"conference": conference}, SEE_CONFERENCES)


def placed(text: str) -> dict[str, str]:
    """A message → what it puts into which element."""
    return dict(re.findall(r'<hx-partial hx-target="#([\w-]+)" hx-swap="\w+">(.*?)</hx-partial>', text))


@pytest.fixture(autouse=True)
async def fresh_layer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A channel layer of this test's loop, and a hub that ends with it and looks nothing up in the database."""
    channel_layers.backends.clear()
    monkeypatch.setattr(fragments, "common_rows", [])
    yield
    task = Hub.here()._task
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    channel_layers.backends.clear()


class Workers:
    """What workers publish; `send` counts up by itself."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    async def send(self, *rows: Row, pbx: str = "main", notices: Iterable[Notice] = (), skip: int = 0) -> None:
        self.numbers[pbx] = self.numbers.get(pbx, 0) + 1 + skip
        await publish(pbx, "epoch", self.numbers[pbx], rows, notices)
        await settle()


async def settle() -> None:
    """Let the hub deliver what was published."""
    for _ in range(10):
        await asyncio.sleep(0)


async def subscribe(who: Viewer | None = None, view: str = "calls", key: str = "") -> Subscriber:
    """A subscriber whose board has been read."""
    subscriber = Subscriber(fragments.live_pages[view], key, who or viewer())
    assert subscriber.needs_board
    await Hub.here().register(subscriber)
    subscriber.needs_board = False
    subscriber.wake.clear()
    return subscriber


@pytest.fixture
async def worker() -> Workers:
    return Workers()


async def synchronous_subscriber(worker: Workers, *arguments: Any, **options: Any) -> Subscriber:
    """A subscriber of a hub that has heard of the worker."""
    subscriber = await subscribe(*arguments, **options)
    await worker.send()
    subscriber.needs_board = False
    subscriber.wake.clear()
    return subscriber


# When the whole board is asked for.


async def test_the_first_batch_of_a_worker_asks_for_the_board(worker: Workers) -> None:
    subscriber = await subscribe()
    await worker.send(call("1"))
    assert subscriber.needs_board
    assert subscriber.wake.is_set()
    assert subscriber.take() == ""


async def test_batches_in_a_row_are_passed_on_in_order(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(call("1"))
    await worker.send()
    await worker.send(call("2"))
    assert not subscriber.needs_board
    assert subscriber.wake.is_set()
    text = subscriber.take()
    assert text.index("<p>1</p>") < text.index("<p>2</p>")
    assert subscriber.take() == ""


async def test_a_number_that_was_missed_asks_for_the_board_once(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(call("1"))
    await worker.send(call("3"), skip=1)
    assert subscriber.needs_board
    assert subscriber.take() == ""
    subscriber.needs_board = False
    await worker.send(call("4"))
    assert not subscriber.needs_board
    assert placed(subscriber.take()) == {"calls": "<p>4</p>"}


async def test_a_number_that_comes_twice_asks_for_the_board(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(call("1"), skip=-1)
    assert subscriber.needs_board


async def test_another_epoch_asks_for_the_board_whatever_its_number(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await publish("main", "another", worker.numbers["main"] + 1, [call("1")])
    await settle()
    assert subscriber.needs_board


async def test_the_numbers_of_one_pbx_say_nothing_of_another(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(pbx="other", skip=6)
    subscriber.needs_board = False
    await worker.send(call("1"))
    await worker.send(call("2"), pbx="other")
    assert not subscriber.needs_board
    assert placed(subscriber.take()) == {"calls": "<p>2</p>"}


async def test_what_comes_while_the_board_is_drawn_is_sent_after_it(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    subscriber.ask_for_board()
    await worker.send(call("1"))
    assert subscriber.take() == ""  # the board that is still to be read holds it
    subscriber.needs_board = False  # as the consumer does before it reads the database
    await worker.send(call("2"))
    assert placed(subscriber.take()) == {"calls": "<p>2</p>"}


async def test_a_gap_while_the_board_is_drawn_asks_for_another(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    subscriber.ask_for_board()
    subscriber.needs_board = False
    await worker.send(call("1"))
    await worker.send(call("3"), skip=1)
    assert subscriber.needs_board
    assert subscriber.take() == ""


async def test_a_browser_that_takes_nothing_is_kept_a_bounded_queue_and_then_a_board(worker: Workers) -> None:
    slow, quick = await synchronous_subscriber(worker), await subscribe()
    for number in range(QUEUE_LIMIT):
        await worker.send(call(str(number)))
    assert not slow.needs_board
    assert len(slow._batches) == QUEUE_LIMIT
    assert "<p>7</p>" in quick.take()
    await worker.send(call("one too many"))
    assert slow.needs_board
    assert slow._batches == []
    await worker.send(call("another"))
    assert slow._batches == []
    assert not quick.needs_board
    assert "another" in quick.take()


class Clock:
    """The hub's clock, which stands still until a test sets it."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        # How often the hub has listened for silence.
        self.listened = 0

    def monotonic(self) -> float:
        return self.now

    async def passes(self, seconds: float) -> None:
        """So much later, as soon as the hub has listened then."""
        self.now += seconds
        before = self.listened
        await until_async(lambda: self.listened >= before + 2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, listen = Clock(), Hub._notice_silence

    def counting(here: Hub) -> None:
        clock.listened += 1
        listen(here)

    monkeypatch.setattr(batches, "time", clock)
    monkeypatch.setattr(Hub, "_notice_silence", counting)
    return clock


async def test_silence_of_the_worker_asks_for_the_board_once(
    worker: Workers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SILENCE_LIMIT", 0.03)
    subscriber = await synchronous_subscriber(worker)
    await clock.passes(0.02)
    assert not subscriber.needs_board
    await clock.passes(0.02)
    assert subscriber.needs_board
    subscriber.needs_board = False
    await clock.passes(0.2)
    assert not subscriber.needs_board
    await worker.send(call("1"))  # the number that was next: what came between nobody knows
    assert subscriber.needs_board


def link(name: str, text: str) -> Row:
    return Row(f"pbx-{name}-link", "pbx", html(text))


class Common(dict[str, Row]):
    """What every page has, as the database says at this moment."""

    looks = 0

    def look(self) -> list[Row]:
        """What a hub does that looks at it."""
        self.looks += 1
        return list(self.values())

    async def is_told(self) -> None:
        """Wait until a hub has looked at what it is now, and handed it out: until that hub looks once more."""
        before = self.looks
        await until_async(lambda: self.looks >= before + 2)


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> Common:
    """Hubs look often."""
    common = Common()
    monkeypatch.setattr(hub, "WATCH_EVERY", 0.02)
    monkeypatch.setattr(fragments, "common_rows", [common.look])
    return common


async def test_a_worker_that_is_lost_before_it_was_ever_heard_is_told_of(common: Common) -> None:
    """Nobody publishes that, and no hub that has not heard it speak knows whose silence it is."""
    common["main"] = link("main", "up")
    subscriber = await subscribe()
    await common.is_told()
    assert placed(subscriber.take()) == {"links": "<p>up</p>"}
    common["main"] = link("main", "lost")
    await common.is_told()
    assert placed(subscriber.take()) == {"links": "<p>lost</p>"}
    await common.is_told()
    assert subscriber.take() == ""
    assert not subscriber.needs_board


async def test_a_pbx_that_is_there_no_more_asks_for_the_board(common: Common) -> None:
    common["main"], common["second"] = link("main", "up"), link("second", "up")
    subscriber = await subscribe()
    await common.is_told()
    subscriber.needs_board = False
    del common["second"]
    await common.is_told()
    assert subscriber.needs_board


async def test_what_was_looked_up_never_undoes_what_a_worker_told_meanwhile(
    worker: Workers, common: Common, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, told = threading.Event(), threading.Event()

    def look() -> list[Row]:
        found = common.look()
        looking.set()
        assert told.wait(20)
        return found

    common["main"], common["second"] = link("main", "up"), link("second", "up")
    subscriber = await synchronous_subscriber(worker)
    await common.is_told()
    subscriber.take()
    monkeypatch.setattr(fragments, "common_rows", [look])
    common["main"], common["second"] = link("main", "older"), link("second", "lost")
    assert await asyncio.to_thread(looking.wait, 20)
    await worker.send(link("main", "newer"))
    told.set()
    await common.is_told()
    text = subscriber.take()
    assert "<p>newer</p>" in text
    assert "<p>lost</p>" in text
    assert "older" not in text.partition("newer")[2]


async def test_a_database_that_fails_does_not_end_the_watch(common: Common) -> None:
    subscriber = await subscribe()
    await common.is_told()

    def fail() -> list[Row]:
        raise OperationalError("away")

    fragments.common_rows.append(fail)
    common["main"] = link("main", "up")
    await common.is_told()
    assert subscriber.take() == ""
    fragments.common_rows.remove(fail)
    await common.is_told()
    assert placed(subscriber.take()) == {"links": "<p>up</p>"}


async def test_who_comes_in_another_language_while_every_page_is_looked_at_gets_it_with_the_next_look(
    common: Common, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, goes_on = threading.Event(), threading.Event()

    def look() -> list[Row]:
        found = common.look()
        looking.set()
        assert goes_on.wait(20)
        return found

    common["main"] = link("main", "up")
    monkeypatch.setattr(
        fragments,
        "rows_on_every_page",
        lambda languages: [
            Row(row.id, row.kind, {language: f"<p>{language}</p>" for language in languages}) for row in look()
        ],
    )
    english = await subscribe()
    assert await asyncio.to_thread(looking.wait, 20)
    german = await subscribe(replace(english.viewer, language="de"))
    goes_on.set()
    await common.is_told()
    assert placed(english.take()) == {"links": "<p>en</p>"}
    assert placed(german.take()) == {"links": "<p>de</p>"}


async def test_a_hub_that_fails_begins_anew_and_every_page_gets_a_board(
    common: Common, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = await subscribe()
    await common.is_told()
    subscriber.needs_board = False

    def fail(*arguments: object) -> None:
        raise KeyError("en")

    with monkeypatch.context() as broken:
        broken.setattr(Delivery, "hand_out", fail)
        common["main"] = link("main", "up")
        await until_async(lambda: "begins anew" in caplog.text)
    assert subscriber.needs_board
    subscriber.needs_board = False
    common["main"] = link("main", "again")
    async with asyncio.timeout(20):
        while not (text := subscriber.take()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert placed(text) == {"links": "<p>again</p>"}


async def test_a_machine_that_has_just_started_listens_at_once(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monotonic clock counts from the machine's start."""
    monotonic, begin = time.monotonic, time.monotonic()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return monotonic() - begin + 5.0

    monkeypatch.setattr(hub, "time", Clock)
    monkeypatch.setattr(hub, "JOIN_EVERY", 1000.0)
    async with asyncio.timeout(20):
        subscriber = await synchronous_subscriber(worker)
    await worker.send(call("1"))
    assert placed(subscriber.take()) == {"calls": "<p>1</p>"}


async def test_a_layer_that_fails_is_listened_to_again_and_every_page_drawn_anew(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber = await synchronous_subscriber(worker)
    real, failed = get_channel_layer(), asyncio.Event()

    async def fail(channel: str) -> dict[str, Any]:
        failed.set()
        raise ConnectionError("Redis went away")

    with monkeypatch.context() as patch:
        patch.setattr(real, "receive", fail)
        await worker.send(call("1"))  # ends the wait that had begun before
        await asyncio.wait_for(failed.wait(), 20)
    subscriber.needs_board = False
    subscriber.wake.clear()
    await asyncio.wait_for(subscriber.wake.wait(), 20)
    assert subscriber.needs_board
    await settle()
    await worker.send(call("2"))
    subscriber.needs_board = False
    await worker.send(call("3"))
    assert placed(subscriber.take()) == {"calls": "<p>3</p>"}


async def test_who_leaves_while_the_layer_is_away_leaves_no_seat_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(group: str, channel: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(get_channel_layer(), "group_add", hang)
    subscriber = Subscriber(fragments.live_pages["calls"], "", viewer())
    coming = asyncio.create_task(Hub.here().register(subscriber))
    await settle()
    assert Hub.here().subscribers == {subscriber}
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    assert Hub.here().subscribers == set()


async def test_who_has_left_is_sent_nothing(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    Hub.here().unregister(subscriber)
    await worker.send(call("1"))
    await worker.send(call("9"), skip=3)
    assert (subscriber.take(), subscriber.needs_board) == ("", False)


async def test_a_layer_that_has_forgotten_who_listens_is_told_again(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Redis that was started anew, faster than anybody could notice."""
    monkeypatch.setattr(hub, "JOIN_EVERY", 0.05)
    subscriber = await synchronous_subscriber(worker)
    get_channel_layer().groups.clear()
    async with asyncio.timeout(20):
        while not subscriber.needs_board:
            await worker.send()
            await asyncio.sleep(0.05)


async def test_a_layer_that_does_not_answer_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LAYER_TIMEOUT", 0.05)
    monkeypatch.setattr(get_channel_layer(), "group_send", lambda *arguments: asyncio.sleep(60))
    with pytest.raises(TimeoutError):
        await publish("main", "epoch", 1)


# Notices.

NOTICE = Notice(1, "originate", {"call": "c1", "number": "555", "told": "answered", "step": 1})


async def test_a_notice_goes_to_its_user_alone_on_every_page_in_his_language(worker: Workers) -> None:
    mine = await synchronous_subscriber(worker)
    chinese = await subscribe(viewer(language="zh-hans"), "panel")
    other = await subscribe(viewer(user_id=2))
    await worker.send(notices=[NOTICE])
    english = placed(mine.take().replace("\n", ""))
    assert list(english) == ["toasts"]
    assert "calling 555" in english["toasts"]
    text = chinese.take()
    assert "555" in text
    assert "calling" not in text
    assert other.take() == ""


async def test_what_no_worker_says_goes_to_its_user_alone_and_needs_no_board(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.db.transaction.on_commit", lambda work: work())
    mine, other = await synchronous_subscriber(worker), await subscribe(viewer(user_id=2))
    await asyncio.to_thread(hub.notify, [NOTICE])
    await until_async(mine.wake.is_set)
    assert "calling 555" in mine.take()
    assert (other.take(), mine.needs_board, other.needs_board) == ("", False, False)


async def test_a_toast_survives_a_board_that_is_needed(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(call("1"), notices=[NOTICE])
    await worker.send(call("3"), notices=[NOTICE], skip=1)
    assert subscriber.needs_board
    text = subscriber.take()
    assert text.count("panel-toast is-success") == 2
    assert "<p>" not in text


async def test_what_a_notice_bears_is_escaped(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker)
    await worker.send(notices=[Notice(1, "originate", {"call": "c1", "number": "<b>", "told": "answered", "step": 1})])
    assert "<b>" not in subscriber.take()


# What shows where.


def composed(rows: Iterable[Row], view: str, who: Viewer, key: str = "") -> dict[str, str]:
    return placed(compose(rows, fragments.live_pages[view], key, who))


def gone(name: str) -> str:
    return f'<i id="{name}" data-gone></i>'


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (call("1", "PJSIP/101", "PJSIP/102"), {"my-calls": "<p>1</p>"}),
        (call("1", "PJSIP/101", state="ringing"), {"my-calls": "<p>1</p>"}),
        (call("1", "PJSIP/102", state="ringing"), {"ringing-calls": "<p>1</p>"}),
        (call("1", "PJSIP/102"), {"ringing-calls": gone("call-1")}),
        (call("1", "PJSIP/1011"), {"ringing-calls": gone("call-1")}),
        (Row("call-1", "call", None, permission=SEE_CALLS), {"ringing-calls": gone("call-1")}),
    ],
)
def test_home_shows_my_calls_and_what_rings_and_takes_away_the_rest(row: Row, expected: dict[str, str]) -> None:
    assert composed([row], "home", viewer()) == expected


def test_who_has_no_phone_has_no_calls_of_his_own() -> None:
    row = call("1", "", state="talking")
    assert composed([row], "home", viewer(endpoint="")) == {"ringing-calls": gone("call-1")}


async def test_home_is_composed_for_each_by_himself(worker: Workers) -> None:
    anna = await synchronous_subscriber(worker, viewer(endpoint="PJSIP/101"), "home")
    ben = await subscribe(viewer(2, "PJSIP/102"), "home")
    await worker.send(call("1", "PJSIP/101"))
    assert placed(anna.take()) == {"my-calls": "<p>1</p>"}
    assert placed(ben.take()) == {"ringing-calls": gone("call-1")}


def test_the_page_of_a_conference_shows_its_own_participants_and_head_alone() -> None:
    rows = [
        participant("1", "main/8001"),
        participant("2", "main/8002"),
        participant("3", "other/8001"),
        Row("participant-4", "participant", None, {"conference": "main/8001"}, SEE_CONFERENCES),
        Row("participant-5", "participant", None, {"conference": "main/8002"}, SEE_CONFERENCES),
        Row("conference-head-main-8002", "conference-head", html("head"), {"conference": "main/8002"}, SEE_CONFERENCES),
        Row("conference-main-8001", "conference", html("card"), {"conference": "main/8001"}, SEE_CONFERENCES),
        call("9", "PJSIP/101"),
    ]
    found = composed(rows, "conference", viewer(), "main/8001")
    assert found["participants"] == "<p>1</p>" + gone("participant-4")
    assert set(found) == {"participants"}


@pytest.mark.parametrize("view", ["home", "calls", "conferences", "conference", "panel"])
def test_rows_that_somebody_may_not_see_are_not_sent_nor_their_ids(view: str) -> None:
    rows = [
        call("1", "PJSIP/101", state="ringing"),
        Row("call-2", "call", None, permission=SEE_CALLS),
        participant("1", "main/8001"),
        Row("conference-main-8001", "conference", html("card"), {"conference": "main/8001"}, SEE_CONFERENCES),
        Row("count-calls", "count", html("7"), permission=SEE_CALLS),
        Row("count-conferences", "count", html("7"), permission=SEE_CONFERENCES),
    ]
    nobody = viewer(permissions=())
    assert compose(rows, fragments.live_pages[view], "main/8001", nobody) == ""
    link = Row("pbx-main-link", "pbx", html("link"))
    assert composed([*rows, link], view, nobody, "main/8001") == {"links": "<p>link</p>"}


async def test_two_who_look_at_the_same_page_with_other_rights_are_sent_other_rows(worker: Workers) -> None:
    sees_both = await synchronous_subscriber(worker, viewer(), "panel")
    sees_calls = await subscribe(viewer(2, permissions=[SEE_CALLS]), "panel")
    await worker.send(
        Row("count-calls", "count", html("7"), permission=SEE_CALLS),
        Row("count-conferences", "count", html("8"), permission=SEE_CONFERENCES),
    )
    assert placed(sees_both.take()) == {"navigation": "<p>7</p><p>8</p>"}
    assert placed(sees_calls.take()) == {"navigation": "<p>7</p>"}


async def test_rows_of_no_concern_to_a_page_do_not_wake_it(worker: Workers) -> None:
    subscriber = await synchronous_subscriber(worker, viewer(), "conferences")
    await worker.send(call("1", "PJSIP/101"))
    assert not subscriber.wake.is_set()
    assert subscriber.take() == ""


async def test_the_worker_is_told_which_languages_are_looked_at_and_who_is_not_drawn_for_gets_a_board() -> None:
    layer = get_channel_layer()
    await publish("main", "epoch", 1, tell="ami.main")
    english = await subscribe()
    await publish("main", "epoch", 1, tell="ami.main")
    await settle()
    async with asyncio.timeout(20):
        assert await layer.receive("ami.main") == {"type": hub.LANGUAGES, "languages": ["en"]}
    chinese = await subscribe(viewer(language="zh-hans"))
    async with asyncio.timeout(20):
        told = await layer.receive("ami.main")
    assert sorted(told["languages"]) == ["en", "zh-hans"]
    english.needs_board = chinese.needs_board = False
    await publish("main", "epoch", 2, [call("1")], languages=["en", "zh-hans"])
    await settle()
    assert not english.needs_board
    assert "<p>1</p>" in english.take()
    await publish("main", "epoch", 3, [call("2")], languages=["en"])
    await settle()
    assert chinese.needs_board


async def test_what_changed_while_nobody_viewed_anything_is_read_anew(worker: Workers) -> None:
    hub, page = Hub.here(), fragments.live_pages["calls"]
    assert page.paged_list is not None
    former = await synchronous_subscriber(worker)
    viewport = former.viewport = hub.viewport(page, page.paged_list, Query())
    tally = hub.viewports.tally_of(page, page.paged_list)
    viewport.is_read = tally.is_read = True
    assert hub.viewport(page, page.paged_list, Query()) is viewport
    hub.unregister(former)
    # A worker that knows of no language in use draws nothing, so nobody is told what has changed.
    await publish("main", "epoch", 2, languages=[])
    await settle()
    assert (viewport.is_read, tally.is_read) == (False, False)
    # And what nobody views is not used again, whoever still holds it.
    viewport.is_read = True
    assert hub.viewport(page, page.paged_list, Query()) is not viewport


# Many at once.


async def test_many_seats_are_woken_some_at_a_time_and_all_of_them(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WAKE_AT_ONCE", 3)
    subscribers = [await synchronous_subscriber(worker) for _ in range(8)]
    for subscriber in subscribers:
        subscriber.needs_board = False
        subscriber.wake.clear()
    Hub.here().delivery.hand_out({None: [call("1")]})
    assert sum(subscriber.wake.is_set() for subscriber in subscribers) == 3
    Hub.here().delivery.hand_out({None: [call("2")]})  # one that comes while some still sleep
    awake = []
    while not all(subscriber.wake.is_set() for subscriber in subscribers):
        await asyncio.sleep(0)
        awake.append(sum(subscriber.wake.is_set() for subscriber in subscribers))
    assert awake == [6, 8]
    for subscriber in subscribers:
        text = subscriber.take()
        assert text.index("<p>1</p>") < text.index("<p>2</p>")
    await settle()
    assert not Hub.here().delivery._to_wake
    for subscriber in subscribers:
        subscriber.wake.clear()
    Hub.here().delivery.hand_out({None: [call("3")]})
    assert sum(subscriber.wake.is_set() for subscriber in subscribers) == 3
