"""The part of a long page that is on screen: what enters and leaves it, and that those who share it see the same."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from engine.live import delivery, fragments, viewport, viewports
from engine.live.fragments import (
    PART,
    PARTS_LIMIT,
    SEARCH_PART,
    Found,
    LivePage,
    PagedList,
    Query,
    Row,
    Subject,
    Viewer,
    query_of,
)
from engine.live.hub import Hub
from engine.live.subscriber import Subscriber
from engine.live.viewport import Viewport

from .test_hub import Workers, placed, settle

pytestmark = pytest.mark.timeout(30)

SEE = "tests.see"


def thing(number: int, text: str = "") -> Row:
    facets = {"subject": ["main", f"{number}"], "text": text or f"thing {number}"}
    html = {"en": f"<p>{number}</p>", "zh-hans": f"<p>{number}！</p>"}
    return Row(f"thing-{number}", "thing", html, facets, SEE)


def gone(number: int) -> Row:
    return Row(f"thing-{number}", "thing", None, permission=SEE)


class Database:
    """What a page of things finds: numbers with their texts, in order. `meanwhile` happens while it is read."""

    def __init__(self, things: Iterable[int] = ()) -> None:
        self.texts = {number: f"thing {number}" for number in things}
        self.reads = 0
        self.meanwhile: list[Any] = []

    def find(self, look: Query) -> Found:
        self.reads += 1
        found = [number for number, text in sorted(self.texts.items()) if look.fits(text)]
        for happens in self.meanwhile:
            happens()
        self.meanwhile = []
        return Found({f"thing-{number}": ("main", f"{number}") for number in found[: look.limit]}, len(found))

    def draw(self, subjects: Iterable[Subject]) -> list[Row]:
        return [thing(int(key), self.texts[int(key)]) for _pbx, key in subjects if int(key) in self.texts]

    def cards(self, subjects: Iterable[Subject]) -> str:
        return "".join((row.html or {})["en"] for row in self.draw(subjects))

    def foot(self, look: Query, more: int) -> Row:
        return Row("more", "foot", {"en": f"<b>{more}</b>", "zh-hans": f"<b>{more}！</b>"}, permission=SEE)

    @property
    def paged_list(self) -> PagedList:
        return PagedList("thing", SEE, self.find, self.draw, self.cards, self.foot)


@pytest.fixture(autouse=True)
def alone(fresh_hub: None, in_turn: Callable[[Any], None]) -> None:
    in_turn(viewport)


def shown(port: Viewport) -> list[int]:
    return [int(id.partition("-")[2]) for id in port.shown]


def told(rows: Iterable[Row]) -> list[str]:
    """`+3` for a row that is put, `-3` for one that is taken away, `…7` for a foot that says so many more."""
    told = []
    for row in rows:
        number = row.id.rpartition("-")[2]
        if row.kind == "foot":
            told.append(f"…{(row.html or {})['en'][3:-4]}")
        else:
            told.append(("-" if row.html is None else "+") + number)
    return told


async def read(database: Database, limit: int = 3, *words: str) -> Viewport:
    port = Viewport(database.paged_list, Query(limit, words))
    await port.read()
    return port


async def test_where_all_have_room_what_comes_and_goes_shows_at_once_without_the_database() -> None:
    database = Database([1])
    port = await read(database)
    assert told(port.take([thing(2), thing(1), gone(7), gone(1)])) == ["+2", "+1", "-1"]
    assert (shown(port), port.more, port.is_stale, database.reads) == ([2], 0, False, 1)


async def test_only_what_is_on_screen_is_passed_on_and_rows_of_other_kinds_are() -> None:
    port = await read(Database(range(1, 6)))
    count = Row("count", "count", {"en": "5"})
    assert [row.id for row in port.take([thing(1), thing(5), thing(9), gone(4), count])] == ["thing-1", "count"]
    assert (shown(port), port.more) == ([1, 2, 3], 2)


async def test_what_leaves_makes_room_which_the_next_reading_fills() -> None:
    database = Database(range(1, 6))
    port = await read(database)
    assert told(port.take([gone(2)])) == ["-2"]
    assert port.is_stale
    del database.texts[2]
    assert told(await port.read_again()) == ["+4", "…1"]
    assert (shown(port), port.is_stale) == ([1, 3, 4], False)


async def test_what_comes_before_the_end_pushes_the_last_out() -> None:
    database = Database([1, 3, 4, 5])
    port = await read(database)
    assert port.take([thing(2)]) == []
    database.texts[2] = "thing 2"
    assert told(await port.read_again()) == ["-4", "+2", "…2"]
    assert sorted(shown(port)) == [1, 2, 3]


async def test_a_screen_that_is_full_lets_nobody_else_in_and_says_how_many_wait() -> None:
    database = Database([1, 2])
    port = await read(database)
    assert told(port.take([thing(3), thing(4), thing(5)])) == ["+3"]
    database.texts |= {number: f"thing {number}" for number in (3, 4, 5)}
    assert port.is_stale
    assert told(await port.read_again()) == ["…2"]


async def test_a_search_lets_in_what_fits_and_puts_out_what_does_not_any_more() -> None:
    database = Database()
    port = await read(database, 3, "anna", "101")
    assert told(port.take([thing(1, "anna\n102"), thing(2, "pjsip/101\nanna")])) == ["+2"]
    assert told(port.take([thing(2, "pjsip/101\nben"), thing(1, "anna\n101")])) == ["-2", "+1"]
    assert database.reads == 1


@pytest.mark.parametrize("again", [False, True])
async def test_what_changes_while_the_database_is_read_counts_whatever_it_says(again: bool) -> None:
    """Both ways: as if it had been read before the change was written, or after."""
    database = Database([1, 2])
    port = Viewport(database.paged_list, Query(10))
    if again:
        await port.read()
    passed: list[Row] = []
    database.meanwhile = [lambda: passed.extend(port.take([gone(1), thing(5), thing(2)]))]
    if again:
        entered = await port.read_again()
        assert told(passed) == ["-1", "+5", "+2"]
        assert entered == []
    else:
        await port.read()
        assert passed == []
    assert sorted(shown(port)) == [2, 5]


async def test_a_gap_while_the_database_is_read_makes_what_was_found_count_for_nothing() -> None:
    database = Database([1, 2])
    port = Viewport(database.paged_list, Query(10))
    database.meanwhile = [port.forget, database.texts.clear]
    await port.read()
    assert (shown(port), database.reads, port.is_read) == ([], 2, True)


async def test_a_database_that_is_away_leaves_the_screen_stale_and_is_asked_again() -> None:
    database = Database(range(1, 6))
    port = await read(database)
    port.take([gone(1)])

    def fail() -> None:
        raise ConnectionError("away")

    database.meanwhile = [fail]
    with pytest.raises(ConnectionError):
        await port.read_again()
    assert port.is_stale
    database.meanwhile = []
    del database.texts[1]
    assert told(await port.read_again()) == ["+4", "…1"]


@pytest.mark.parametrize(
    ("limit", "search", "look"),
    [
        ("120", "Anna  BELL anna", Query(120, ("anna", "bell"))),
        ("", "", Query(PART)),
        ("-5", "", Query(PART)),
        ("9" * 400, "", Query(PART)),
        ("99999", "", Query(PARTS_LIMIT)),
        ("٣", "a\0b", Query(SEARCH_PART, ("ab",))),
        ("48", "x " * 100_000, Query(48, ("x",))),
        ("48", " ".join("abcdefghijkl"), Query(48, tuple("abcdefgh"))),
    ],
)
def test_whatever_a_browser_asks_for_has_bounds(limit: str, search: str, look: Query) -> None:
    assert query_of(limit, search) == look


# Seats.


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database(range(1, 6))
    view = LivePage(
        "things",
        frozenset([SEE]),
        {"thing": "things", "foot": "end"},
        lambda viewer, key: {},
        paged_list=database.paged_list,
    )
    monkeypatch.setitem(fragments.live_pages, "things", view)
    monkeypatch.setattr(viewports, "REFILL_EVERY", 0.05)
    return database


async def sit(limit: int = 3, *words: str, language: str = "en") -> Subscriber:
    view = fragments.live_pages["things"]
    assert view.paged_list is not None
    port = Hub.here().viewport(view, view.paged_list, Query(limit, words))
    subscriber = Subscriber(view, "", Viewer(1, "", frozenset([SEE]), language), port)
    await Hub.here().register(subscriber)
    return subscriber


async def see(*subscribers: Subscriber) -> None:
    """As if these subscribers had been sent their boards."""
    for subscriber in subscribers:
        subscriber.needs_board = False
        assert subscriber.viewport is not None
        await Hub.here().read(subscriber.viewport)
        subscriber.take()


async def take_until(subscriber: Subscriber, told: str, text: str) -> str:
    """What a subscriber was sent, and is sent until this is in it."""
    async with asyncio.timeout(10):
        while told not in text:
            await subscriber.wake.wait()
            subscriber.wake.clear()
            text += subscriber.take()
    return text


async def test_seats_that_look_at_the_same_share_what_is_drawn_for_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Workers()
    composed: list[str] = []
    real = delivery.compose
    monkeypatch.setattr(delivery, "compose", lambda *a: composed.append("once") or real(*a))  # type: ignore[func-returns-value]
    anna, ben, li, more = await sit(), await sit(), await sit(language="zh-hans"), await sit(4)
    await worker.send()
    await see(anna, ben, li, more)
    assert database.reads == 2
    composed.clear()
    await worker.send(thing(4), thing(1))
    assert placed(anna.take()) == placed(ben.take()) == {"things": "<p>1</p>"}
    assert placed(li.take()) == {"things": "<p>1！</p>"}
    assert placed(more.take()) == {"things": "<p>4</p><p>1</p>"}
    assert len(composed) == 3


async def test_a_seat_whose_row_left_is_sent_the_next_one_soon_and_the_database_is_asked_once(
    database: Database,
) -> None:
    worker = Workers()
    anna, ben = await sit(), await sit()
    await worker.send()
    await see(anna, ben)
    before = database.reads
    for number in (1, 2):
        del database.texts[number]
        await worker.send(gone(number))
    text = anna.take()
    assert "thing-1" in text
    assert "thing-2" in text
    text = await take_until(anna, "<p>5</p>", text)
    assert "<p>4</p>" in text
    assert "<b>0</b>" in text
    assert "<p>5</p>" in ben.take()
    assert database.reads == before + 1


async def test_what_comes_at_the_moment_in_which_a_screen_was_filled_up_is_read_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch before all is quiet: no other would have the screen read once more."""
    worker = Workers()
    anna = await sit()
    await worker.send()
    await see(anna)
    hub = Hub.here()
    hand_out = hub.delivery.hand_out

    def next_leaves() -> None:
        del database.texts[2]
        hub.delivery.hand_out(hub.viewports.take([gone(2)]))

    def hand_out_and_go_on(rows: Any) -> None:
        hand_out(rows)
        if any(row.id == "thing-4" for batch in rows.values() for row in batch):
            monkeypatch.setattr(hub.delivery, "hand_out", hand_out)
            asyncio.get_running_loop().call_soon(next_leaves)

    monkeypatch.setattr(hub.delivery, "hand_out", hand_out_and_go_on)
    del database.texts[1]
    await worker.send(gone(1))
    text = anna.take()
    text = await take_until(anna, "<p>5</p>", text)
    assert "thing-2" in text


async def test_batches_that_were_missed_make_the_screen_be_read_anew(database: Database) -> None:
    worker = Workers()
    anna = await sit()
    await worker.send()
    await see(anna)
    del database.texts[1]
    await worker.send(skip=3)
    assert anna.needs_board
    await see(anna)
    assert anna.viewport is not None
    assert shown(anna.viewport) == [2, 3, 4]


async def test_nobody_looking_leaves_no_viewport_behind(database: Database) -> None:
    subscriber = await sit()
    assert len(Hub.here().viewports) == 1
    Hub.here().unregister(subscriber)
    del subscriber
    await settle()
    assert len(Hub.here().viewports) == 0
