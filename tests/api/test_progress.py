"""How a call goes that was placed for somebody, by what the API says of it."""

from typing import Any

import pytest
from django.utils import timezone

from api import schemas
from api.progress import OVER, WORDS, progress_of

NOW = timezone.now()


def channel(id: str, state: str) -> schemas.Channel:
    return schemas.Channel(
        id=id, channel=f"PJSIP/{id}", endpoint=f"PJSIP/{id}", state=state, name="", number="", on_hold=False,
        waits=False, muted="", recorded="", answered_at=None,
    )  # fmt: skip


def call(state: Any, *steps: tuple[str, str], channels: list[schemas.Channel] | None = None, **more: Any) -> Any:
    told = [schemas.Step(at=NOW, kind=kind, who="", other="", detail=detail, by="") for kind, detail in steps]
    return schemas.CallDetails(
        pbx="main", id="1.1", state=state, since=NOW, started_at=NOW, steps=told, channels=channels or [], **more
    )


MINE_UP = ("answered", "")


@pytest.mark.parametrize(
    ("found", "progress"),
    [
        (call("starting"), "starting"),
        (call("ringing", channels=[channel("1.1", "Ringing")]), "phone-rings"),
        (call("connected", channels=[channel("1.1", "Down")]), "phone-rings"),
        (call("ringing", MINE_UP, channels=[channel("1.1", "Up"), channel("1.2", "Ringing")]), "rings"),
        (call("connected", MINE_UP, channels=[channel("1.1", "Up")]), "phone-answered"),
        (call("connected", MINE_UP, ("reached", "Echo"), channels=[channel("1.1", "Up")]), "talking"),
        (call("talking", MINE_UP, channels=[channel("1.1", "Up"), channel("1.2", "Up")]), "talking"),
        (call("held", MINE_UP, channels=[channel("1.1", "Up"), channel("1.2", "Up")]), "held"),
        (call("talking", channels=[channel("1.2", "Up"), channel("1.3", "Up")]), "talking"),
        (call("ended", MINE_UP, outcome="answered"), "ended"),
        (call("ended", MINE_UP, ("failed", "BUSY 17"), ("left", "pbx 16"), outcome="unanswered"), "busy"),
        (call("ended", MINE_UP, ("failed", "CHANUNAVAIL 21"), ("left", "pbx 17"), outcome="unanswered"), "declined"),
        (call("ended", MINE_UP, ("failed", "NOANSWER 19"), ("left", "16"), outcome="unanswered"), "no-answer"),
        (call("ended", MINE_UP, ("left", "pbx 3"), outcome="unanswered"), "unreachable"),
        (call("ended", MINE_UP, ("left", "self 16"), outcome="unanswered"), "cancelled"),
        (call("ended", ("left", "17"), outcome="unanswered"), "phone-busy"),
        (call("ended", ("left", "19"), outcome="unanswered"), "phone-silent"),
        (call("ended", ("left", "20"), outcome="unanswered"), "phone-unreachable"),
        (call("ended", ("left", "self 16"), outcome="unanswered"), "cancelled"),
        (call("ended", outcome="unanswered"), "phone-silent"),
    ],
)
def test_what_is_seen_of_a_call_says_how_it_goes(found: schemas.CallDetails, progress: str) -> None:
    assert progress_of(found) == progress


def test_each_has_words_and_what_is_over_is_known() -> None:
    every = set(schemas.Progress.__args__)  # type: ignore[attr-defined]
    assert set(WORDS) == every
    assert every > OVER
