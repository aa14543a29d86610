"""What a long page counts: read once, kept true by the batches, and composed once for all who see the same."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engine.live import fragments, tally
from engine.live.fragments import Found, LivePage, PagedList, Query, Row, Viewer
from engine.live.hub import Hub
from engine.live.subscriber import Subscriber
from engine.live.tally import Tally
from tests.waiting import until_async

from .test_hub import Workers, placed

pytestmark = pytest.mark.timeout(30)

SEE = "tests.see"


def thing(number: int, *groups: str) -> Row:
    html = {"en": f"<p>{number}</p>", "zh-hans": f"<p>{number}！</p>"}
    facets = {"subject": ["main", f"{number}"], "text": "", "groups": [*groups]}
    return Row(f"thing-{number}", "thing", html, facets, SEE)


def gone(number: int) -> Row:
    return Row(f"thing-{number}", "thing", None, permission=SEE)


class Things:
    """What the database holds: the groups of each thing. `meanwhile` happens while it is read."""

    def __init__(self, **groups: Sequence[str]) -> None:
        self.groups = {f"thing-{number}": names for number, names in groups.items()}
        self.reads = 0
        self.meanwhile: list[Any] = []

    def groups_of_all(self) -> dict[str, Sequence[str]]:
        self.reads += 1
        found = dict(self.groups)
        for happens in self.meanwhile:
            happens()
        self.meanwhile = []
        return found

    def counted_for(self, viewer: Viewer) -> dict[str, str]:
        return {"all": "", "red": "red", **({"mine": viewer.phone} if viewer.phone else {})}

    @property
    def page(self) -> LivePage:
        paged_list = PagedList(
            "thing",
            SEE,
            lambda query: Found({}, 0),
            lambda subjects: [],
            lambda subjects: "",
            lambda query, more: Row("more", "foot", {"en": "", "zh-hans": ""}, permission=SEE),
            groups_of_all=self.groups_of_all,
            counted_for=self.counted_for,
        )
        containers = {"thing": "things", "foot": "end"}
        return LivePage("things", frozenset([SEE]), containers, lambda viewer, key: {}, paged_list=paged_list)


def viewer(phone: str = "") -> Viewer:
    return Viewer(1, phone, frozenset([SEE]), "en")


@pytest.fixture(autouse=True)
def alone(fresh_hub: None, in_turn: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    in_turn(tally)
    monkeypatch.setattr(fragments, "common_rows", [])


async def read(things: Things) -> Tally:
    page = things.page
    assert page.paged_list is not None
    counted = Tally(page, page.paged_list)
    await counted.read()
    return counted


async def test_what_comes_changes_and_goes_is_counted_without_the_database() -> None:
    things = Things(a=["red"], b=["blue", "main/1"])
    counted = await read(things)
    assert counted.counts_for(viewer("main/1")) == {"all": 2, "red": 1, "mine": 1}
    assert counted.take([thing(1, "red", "main/1")]) == {"", "red", "main/1"}
    assert counted.take([thing(1, "blue", "main/1")]) == {"red", "blue"}
    assert counted.take([Row("thing-b", "thing", None, permission=SEE), gone(7)]) == {"", "blue", "main/1"}
    assert counted.counts_for(viewer("main/1")) == {"all": 2, "red": 1, "mine": 1}
    assert counted.take([thing(1, "blue", "main/1"), Row("count", "count", {"en": "5"})]) == set()
    assert things.reads == 1


@pytest.mark.parametrize("is_known", [False, True])
async def test_what_changes_while_it_is_read_counts_whatever_the_database_says(is_known: bool) -> None:
    things = Things(a=["red"], b=["red"])
    page = things.page
    assert page.paged_list is not None
    counted = Tally(page, page.paged_list)
    batch = [Row("thing-a", "thing", None, permission=SEE), thing(3, "red"), thing(3, "red", "main/1")]
    things.meanwhile = [lambda: counted.take(batch)]
    if is_known:
        things.groups = {"thing-b": ["red"], "thing-3": ["red", "main/1"]}
    await counted.read()
    assert counted.counts_for(viewer("main/1")) == {"all": 2, "red": 2, "mine": 1}


async def test_a_gap_while_it_is_read_makes_what_was_found_count_for_nothing() -> None:
    things = Things(a=["red"])
    page = things.page
    assert page.paged_list is not None
    counted = Tally(page, page.paged_list)
    things.meanwhile = [counted.forget, things.groups.clear]
    await counted.read()
    assert (counted.counts_for(viewer()), things.reads) == ({"all": 0, "red": 0}, 2)


async def sit(phone: str = "") -> Subscriber:
    page = fragments.live_pages["things"]
    assert page.paged_list is not None
    port = Hub.here().viewport(page, page.paged_list, Query())
    subscriber = Subscriber(page, "", viewer(phone), port)
    await Hub.here().register(subscriber)
    subscriber.needs_board = False
    await Hub.here().read(port)
    await Hub.here().tally(page, page.paged_list)
    subscriber.take()
    return subscriber


async def test_each_page_is_told_what_changed_of_its_counts_composed_once_for_a_class_of_viewers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    things = Things(a=["red"])
    monkeypatch.setitem(fragments.live_pages, "things", things.page)
    worker = Workers()
    await sit()
    await worker.send()
    phoneless, other, one, two, three = (
        await sit(),
        await sit(),
        await sit("main/1"),
        await sit("main/2"),
        await sit("main/1"),
    )
    composed: list[str] = []
    real = Tally.html_for
    monkeypatch.setattr(Tally, "html_for", lambda self, *a, **o: composed.append("once") or real(self, *a, **o))  # type: ignore[func-returns-value]
    await worker.send(thing(1, "red", "main/1"))
    red = '<span id="count-of-red" class="count">2</span>'
    of_all = '<span id="count-of-all" class="count">2</span>'
    mine = '<span id="count-of-mine" class="count">1</span>'
    for subscriber in (phoneless, other, two):
        assert placed(subscriber.take())["counts"] == of_all + red
    for subscriber in (one, three):
        assert placed(subscriber.take())["counts"] == of_all + red + mine
    assert len(composed) == 3
    # A change that changes no count is not told.
    await worker.send(thing(1, "red", "main/1"))
    assert "counts" not in placed(one.take())
    await worker.send(gone(1), Row("thing-a", "thing", None, permission=SEE))
    assert placed(two.take())["counts"] == (
        '<span id="count-of-all" class="count is-none">0</span><span id="count-of-red" class="count is-none">0</span>'
    )
    assert things.reads >= 1


async def test_missed_batches_make_it_be_read_again_and_without_a_viewer_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    things = Things(a=["red"])
    monkeypatch.setitem(fragments.live_pages, "things", things.page)
    worker = Workers()
    await sit()
    await worker.send()
    subscriber = await sit()
    before = things.reads
    things.groups["thing-9"] = ["red"]
    await worker.send(skip=1)
    assert subscriber.needs_board
    page = subscriber.page
    assert page.paged_list is not None
    counted = await Hub.here().tally(page, page.paged_list)
    assert (counted.counts_for(viewer()), things.reads) == ({"all": 2, "red": 2}, before + 1)
    for left in list(Hub.here().subscribers):
        Hub.here().unregister(left)
        left.viewport = None
    await worker.send(thing(1, "red"))
    await until_async(lambda: not counted.is_read)
