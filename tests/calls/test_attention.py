"""What the first page shows of calls: who rings and who waits, from the database and as rows that come."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.call import some_calls
from calls.fragments import row_of
from calls.models import Channel, ParkedCall
from engine.live import fragments
from engine.live.fragments import Viewer
from engine.mirror.models import PBX
from pbxpanel.home import board

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANYBODY = Viewer(1, "", frozenset(["calls.see_calls"]), "en")
MINE = Viewer(1, "main/PJSIP/101", frozenset(["calls.see_calls"]), "en")


def place(number: int, endpoint: str = "PJSIP/outside", state: str = "Up", **fields: object) -> str:
    """A call of one channel."""
    PBX.objects.get_or_create(name="main")
    since = NOW + timedelta(seconds=number)
    Channel.objects.create(
        pbx_id="main", uniqueid=f"{number}.1", linkedid=f"{number}.1", call=f"{number}.1", name=f"{endpoint}-{number}",
        endpoint=endpoint, state=state, created_at=since, answered_at=since if state == "Up" else None, **fields,
    )  # fmt: skip
    return f"call-main-{number}-1"


def park(number: int, space: str = "701") -> None:
    ParkedCall.objects.create(pbx_id="main", uniqueid=f"{number}.1", lot="default", space=space, parked_at=NOW)


def shown_in(viewer: Viewer) -> dict[str, list[str]]:
    """Place on the page → the ids of the cards there."""
    found = {}
    for name, html in board(viewer, "").items():
        found[name] = [part.partition('"')[0] for part in html.split('<article class="call')[1:] for part in
                       [part.partition('id="')[2]]]  # fmt: skip
    return found


def everybody() -> dict[str, str]:
    return {
        "rings": place(1, state="Ring"),
        "in the queue": place(2, application="Queue", application_data="support,t"),
        "parked": place(3, bridge="p"),
        "held": place(4, on_hold=True),
        "at a menu": place(5, application="WaitExten"),
        "mine": place(6, "PJSIP/101", application="Queue"),
    }


def test_who_rings_who_waits_in_a_queue_is_parked_or_held_and_nobody_else() -> None:
    cards = everybody()
    park(3)
    assert shown_in(MINE) == {
        "my-calls": [cards["mine"]],
        "ringing-calls": [cards["rings"]],
        "waiting-calls": [cards["in the queue"], cards["held"]],
        "parked-calls": [cards["parked"]],
    }
    assert shown_in(ANYBODY)["waiting-calls"][-1] == cards["mine"]


def test_a_row_that_comes_goes_where_the_board_has_it() -> None:
    everybody()
    park(3)
    view = fragments.live_pages["home"]
    for viewer in (ANYBODY, MINE):
        wanted = {id: place for place, ids in shown_in(viewer).items() for id in ids}
        for number in range(1, 7):
            (call,) = some_calls("main", [f"{number}.1"])
            row = row_of(call)
            assert view.container_of(row, viewer, "") == wanted.get(row.id, "")


def test_more_calls_cost_no_more_queries() -> None:
    everybody()
    with CaptureQueriesContext(
        connection,
    ) as few:
        board(MINE, "")
    for number in range(10, 40):
        place(number, application="Queue")
        place(100 + number, state="Ringing")
    with CaptureQueriesContext(connection) as many:
        board(MINE, "")
    assert len(many) == len(few)
