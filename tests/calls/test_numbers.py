"""What is dialled for a number as people write it, and what a link names."""

import re
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from calls.numbers import Linked, linked, number_in

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "button.md"
# As it is written → what is dialled: without a country, in Germany in national form, and in Germany as E.164.
WRITTEN = [
    ("030 / 123-456 (0)", "0301234560", "0301234560", "+49301234560"),
    ("+49 (0)30 123456", "+49030123456", "030123456", "+4930123456"),
    ("00 49 30 123456", "004930123456", "030123456", "+4930123456"),
    ("0049 (0)30 123456", "0049030123456", "030123456", "+4930123456"),
    ("+43 1 5123456", "+4315123456", "004315123456", "+4315123456"),
    ("+1 (202) 555-0143", "+12025550143", "0012025550143", "+12025550143"),
    ("０３０ １２３４５６", "030123456", "030123456", "+4930123456"),
    # What is dialled within the house, or is no number of the network, stays.
    ("101", "101", "101", "101"),
    ("8001", "8001", "8001", "8001"),
    ("110", "110", "110", "110"),
    ("30123456", "30123456", "30123456", "30123456"),
    ("*8101", "*8101", "*8101", "*8101"),
    ("#31#030123456", "#31#030123456", "#31#030123456", "#31#030123456"),
    ("+4", "+4", "+4", "+4"),
    ("+1 202 55", "+120255", "+120255", "+120255"),
    ("+999 123", "+999123", "+999123", "+999123"),
    # None at all.
    ("call me", "", "", ""),
    ("", "", "", ""),
    ("12+3", "", "", ""),
    ("1" * 41, "", "", ""),
]


@pytest.mark.parametrize(("typed", "plain", "national", "e164"), WRITTEN)
def test_a_number_becomes_what_the_dial_plan_takes(
    typed: str, plain: str, national: str, e164: str, settings: Settings
) -> None:
    found = []
    for country, form in (("", "national"), ("DE", "national"), ("DE", "e164")):
        settings.PHONE_COUNTRY, settings.PHONE_FORM = country, form
        found.append(number_in(typed))
    assert found == [plain, national, e164]


@pytest.mark.parametrize(
    ("country", "form", "typed", "dialled"),
    [
        ("US", "national", "+1 202-555-0143", "2025550143"),
        ("US", "national", "(202) 555-0143", "2025550143"),
        ("US", "national", "+49 30 123456", "0114930123456"),
        ("US", "e164", "1 (202) 555-0143", "+12025550143"),
        ("CN", "national", "+86 138 0013 8000", "13800138000"),
        ("CN", "e164", "138 0013 8000", "+8613800138000"),
        ("IT", "national", "+39 06 698 1234", "066981234"),
        # How abroad is dialled depends on the carrier there.
        ("RU", "national", "+49 30 123456", "+4930123456"),
        ("RU", "national", "+7 495 123-45-67", "84951234567"),
    ],
)
def test_each_country_has_its_own_prefixes(
    country: str, form: str, typed: str, dialled: str, settings: Settings
) -> None:
    settings.PHONE_COUNTRY, settings.PHONE_FORM = country, form
    assert number_in(typed) == dialled


@pytest.mark.parametrize(("typed", "plain", "national", "e164"), WRITTEN)
def test_what_is_dialled_is_dialled_the_same_again(
    typed: str, plain: str, national: str, e164: str, settings: Settings
) -> None:
    settings.PHONE_COUNTRY = "DE"
    for form, number in (("national", national), ("e164", e164)):
        settings.PHONE_FORM = form
        assert number_in(number) == number


@pytest.mark.parametrize(
    ("text", "number", "extension"),
    [
        ("tel:+49-30-123456;ext=12", "+49-30-123456", "12"),
        ("tel:7042;phone-context=example.com", "7042", ""),
        ("TEL:102", "102", ""),
        ("tel://102", "102", ""),
        ("callto:102", "102", ""),
        ("tel%3A%2B4930123456", "+4930123456", ""),
        (" 4930123456", "+4930123456", ""),
        ("+49 30 123456 ext. 5", "+49 30 123456", "5"),
        ("(202) 555-0143 x12", "(202) 555-0143", "12"),
        ("010-12345678分机9", "010-12345678", "9"),
        ("call Ben", "call Ben", ""),
        ("", "", ""),
    ],
)
def test_a_link_names_a_number_and_perhaps_an_extension(text: str, number: str, extension: str) -> None:
    assert linked(text) == Linked(number, extension)


def test_docs_button_md_says_what_is_dialled(settings: Settings) -> None:
    settings.PHONE_COUNTRY = "DE"
    rows = [line.split("|")[1:-1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    numbers = [row for row in rows if len(row) == 3]
    assert len(numbers) == 4
    for written, *told in numbers:
        for typed in re.findall("`([^`]+)`", written):
            for form, cell in zip(("national", "e164"), told, strict=True):
                settings.PHONE_FORM = form
                expected = cell.strip().strip("`").replace("as it is", typed)
                assert number_in(typed) == expected
