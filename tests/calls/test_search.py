"""What the server finds on the board: what is on a card, in any script, however it is typed."""

from datetime import UTC, datetime, timedelta

import pytest

from calls.call import calls_with
from calls.fragments import find, text_of
from calls.models import Channel
from engine.live.fragments import query_of
from engine.mirror.models import PBX
from tests.hostile.texts import TEXTS

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def place(number: int, *names: str) -> tuple[str, str]:
    """A call of channels with these callers' names."""
    pbx, _created = PBX.objects.get_or_create(name="main")
    for half, name in enumerate(names):
        Channel.objects.create(
            pbx=pbx, uniqueid=f"{number}.{half}", linkedid=f"{number}.0", call=f"{number}.0", caller_name=name[:150],
            name=f"PJSIP/{100 + half}-{number}", created_at=NOW + timedelta(minutes=number),
        )  # fmt: skip
    return "main", f"{number}.0"


def found(text: str) -> list[tuple[str, str]]:
    return list(find(query_of("", text)).shown.values())


@pytest.mark.parametrize(
    "typed", ["İSTANBUL ı", "istanbul", "i̇stanbul", "straße", "STRASSE", "МОСКВА", "москва", "李雷", "李"]
)
def test_what_is_typed_is_compared_without_regard_to_case_as_the_page_does(typed: str) -> None:
    calls = [place(number, name) for number, name in enumerate(("İSTANBUL ı", "Straße", "Москва", "李雷"))]
    words = typed.lower().split()
    expected = [call for call in calls if all(word in text_of(calls_with([call])[0]) for word in words)]
    assert found(typed) == expected
    assert len(expected) == (typed not in ("istanbul", "STRASSE"))


def test_each_word_may_be_in_any_channel_of_a_call_whatever_its_script() -> None:
    place(1, "Anna", "Zoë")
    both = place(2, "Anna Zöe", "Łukasz")
    assert found("zöe anna") == [both]
    assert found("łukasz 101 ANNA") == [both]
    assert found("anna łukasz zoë") == []


def test_every_hostile_name_is_found_by_itself(subtests: pytest.Subtests) -> None:
    place(1, "somebody else")
    for hostile in TEXTS:
        if not hostile.shown.strip():
            continue
        with subtests.test(hostile.label):
            assert place(2, hostile.shown) in found(hostile.shown)
        Channel.objects.filter(linkedid="2.0").delete()


def test_what_is_found_is_in_order_and_only_so_much_of_it_shown() -> None:
    calls = [place(number, "Øystein") for number in (3, 1, 2)]
    assert found("øystein") == [calls[1], calls[2], calls[0]]
    assert find(query_of("", "øystein")).total == 3


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("taxi|0401", ["Number", "Taxi"]),
        ("такси|0401", ["Number", "Такси"]),
        ("taxi|такси|0402 pjsip|x", ["Other", "Taxi", "Такси"]),
        ("taxi|0401 another", []),
        ("|0401|", ["Number"]),
        ("|", ["Pipe | line"]),
        ("||", []),
    ],
)
def test_a_word_is_found_in_each_way_in_which_it_may_be_written(typed: str, names: list[str]) -> None:
    calls = {
        name: place(number, name) for number, name in enumerate(("Taxi", "Такси", "Number", "Other", "Pipe | line"))
    }
    for name, number in (("Number", "0401234567"), ("Other", "0402")):
        Channel.objects.filter(caller_name=name).update(caller_number=number)
    query = query_of("", typed)
    assert sorted(found(typed)) == sorted(calls[name] for name in names)
    # What is decided of a row by its text alone is the same.
    assert sorted(call for call in calls.values() if query.fits(text_of(calls_with([call])[0]))) == sorted(found(typed))
