"""The search finds what a card says in the language of whoever looks, and names without their accents."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from calls.call import calls_with
from calls.events import folded
from calls.fragments import find, row_of, text_of, words_of
from calls.models import Bridge, Channel, ParkedCall
from engine.live.fragments import Found, query_of
from engine.live.viewport import Viewport
from engine.mirror.models import PBX
from engine.mirror.sanitize import unaccented

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# What there is → what of its card is searched for, in English and in Chinese.
CARDS = {
    "rings": ("ringing", "振铃"),
    "talks": ("talking", "通话"),
    "queue": ("queue", "队列"),
    "queue of that name": ("sales", "sales"),
    "held": ("hold", "保持"),
    "parked": ("703", "703"),
    "conference": ("room-7", "room-7"),
    "busy": ("busy", ""),
}


def leg(number: int, name: str = "", *, half: int = 0, state: str = "Up", **fields: object) -> None:
    PBX.objects.get_or_create(name="main")
    since = NOW + timedelta(minutes=number)
    Channel.objects.create(
        pbx_id="main", uniqueid=f"{number}.{half}", linkedid=f"{number}.0", call=f"{number}.0", caller_name=name,
        name=f"PJSIP/line{half}-x{number}", state=state, created_at=since, folded=folded([name]),
        answered_at=since if state == "Up" else None, **fields,
    )  # fmt: skip


@pytest.fixture
def calls() -> dict[str, str]:
    """What there is → its call."""
    leg(1, state="Ring")
    leg(2, bridge="b2")
    leg(2, half=1, bridge="b2")
    leg(3, application="Queue", application_data="support,t")
    leg(4, application="Queue", application_data="sales")
    leg(5, bridge="b5", on_hold=True)
    leg(5, half=1, bridge="b5")
    leg(6, bridge="p")
    ParkedCall.objects.create(pbx_id="main", uniqueid="6.0", lot="default", space="703", parked_at=NOW)
    leg(7, bridge="b7")
    Bridge.objects.create(pbx_id="main", uniqueid="b7", kind="base", creator="ConfBridge", name="room-7")
    leg(8, hears="busy", application="Dial")
    names = ("rings", "talks", "queue", "queue of that name", "held", "parked", "conference", "busy")
    return {name: f"{number}.0" for number, name in enumerate(names, 1)}


def found(text: str, language: str = "en") -> Found:
    return find(query_of("", text, language))


def keys(text: str, language: str = "en") -> set[str]:
    return {call for _pbx, call in found(text, language).shown.values()}


@pytest.mark.parametrize("what", CARDS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_a_card_says_is_found_in_the_language_of_who_looks(
    calls: dict[str, str], what: str, language: str
) -> None:
    word = CARDS[what][language != "en"]
    expected = {
        call.linkedid
        for call in calls_with([("main", key) for key in calls.values()])
        if word in f"{text_of(call)}\n{_words(call, language)}"
    }
    assert keys(word, language) == expected
    assert not word or calls[what] in expected


def _words(call: object, language: str) -> str:
    with translation.override(language):
        return words_of(call)  # type: ignore[arg-type]


def test_words_that_only_may_be_said_are_looked_at(calls: dict[str, str]) -> None:
    # The channel of the held call is up and in a bridge too, but its card says something else.
    assert keys("talking") == {calls["talks"]}
    assert keys("connected") == set()
    assert keys("waiting sup") == {calls["queue"]}
    assert keys("talking line1 line0") == {calls["talks"]}
    assert found("queue").total == 2


@pytest.mark.parametrize("text", ["ringing", "queue", "talking", "zoe", "hold", "line", "room-7"])
def test_a_row_that_comes_is_shown_where_the_database_finds_it(calls: dict[str, str], text: str) -> None:
    leg(9, "Zoë Zürcher")
    for language in ("en", "zh-hans"):
        query = query_of("", text, language)
        port = Viewport(None, query)  # type: ignore[arg-type]
        for call in calls_with([("main", key) for key in (*calls.values(), "9.0")]):
            assert port._wants(row_of(call)) == (call.id in find(query).shown)


@pytest.mark.parametrize(
    ("name", "typed", "is_found"),
    [
        ("Zoë Zürcher", "zoe", True),
        ("Zoë Zürcher", "zurcher ZOE", True),
        ("Zoë Zürcher", "zoë", True),
        ("Zoë Zürcher", "zöe", False),
        ("Zoe", "zoë", False),
        ("Łukasz Żak", "zak", True),
        ("Łukasz Żak", "lukasz", False),
        ("Ёлкин", "елкин", True),
        ("Świętosława", "swietos", True),
        ("ﬁsh", "fish", False),
        ("Straße", "strasse", False),
        ("İstanbul", "istanbul", False),
        ("Nguyễn", "nguyen", True),
        ("ガンダム", "カンタム", False),
        ("한국", "한국", True),
    ],
)
def test_who_leaves_accents_off_finds_the_name(name: str, typed: str, is_found: bool) -> None:
    leg(1, name)
    assert bool(keys(typed)) == is_found
    (call,) = calls_with([("main", "1.0")])
    assert all(word in text_of(call) for word in typed.lower().split()) == is_found


def test_what_has_no_accents_is_kept_once() -> None:
    assert folded(["Anna", "李雷", "Straße", "Zoë"]) == "zoe"
    assert unaccented("ÀÉÎ") == "aei"


def test_of_very_many_only_those_shown_are_looked_at(calls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calls.fragments.LOOKED_AT", 10)
    monkeypatch.setattr("calls.fragments.CHUNK", 5)
    for number in range(20, 60):
        leg(number, bridge=f"b{number}")
        leg(number, half=1, bridge=f"b{number}")
    shown = found("talking")
    assert len(shown.shown) == 24
    assert shown.total >= 41
