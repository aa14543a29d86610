"""Telephone numbers as people write them, and what is dialled for them.

Without a country (the setting PHONE_COUNTRY) only what makes a number easier to read is left out. With one, a number in
international form becomes what the dial plan of that country takes (see `Form`); whatever is no such number, as an
extension or a code with * or #, stays as it is. Source: RFC 3966 (the `tel:` links), libphonenumber's data.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneMetadata, PhoneNumber

# What people type between digits to make a number easier to read.
_SEPARATORS = re.compile(r"[\s()/.\u00a0\u2010-\u2015-]+")
_DIALLABLE = re.compile(r"\+?[0-9*#]{1,40}")
_DIGITS = re.compile(r"\+?[0-9]+")
_LINK = re.compile(r"\s*(?:tel|callto):(?://)?", re.IGNORECASE)
# The extension that RFC 3966 writes `;ext=12`, and people “ext. 12”, “x12” or “分机12”.
_EXTENSION = re.compile(r"(?:;ext=|\s*(?:ext(?:ension)?\.?|x|分机)\s*:?\s*)([0-9]{1,12})(?:;.*)?$", re.IGNORECASE)


class Form(StrEnum):
    """How the dial plan takes a number of the public network."""

    # As a telephone of the country is dialled: 030 123456, and 0043 1 23456 for abroad. What is typed so stays.
    NATIONAL = "national"
    # +4930123456, wherever it is; a number in national form becomes that, too.
    E164 = "e164"


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link or a text names: a number as it is written there, and the extension to be keyed in behind it."""

    number: str
    extension: str = ""


def number_in(typed: str) -> str:
    """What is dialled for what somebody typed; empty where that is not a number."""
    # Full-width digits, as a Chinese keyboard types them, are digits.
    written = unicodedata.normalize("NFKC", typed)
    number = _SEPARATORS.sub("", written)
    if not _DIALLABLE.fullmatch(number):
        return ""
    if not settings.PHONE_COUNTRY or not _DIGITS.fullmatch(number):
        return number
    return _in_country(written, number, settings.PHONE_COUNTRY, settings.PHONE_FORM)


def linked(text: str) -> Linked:
    """What a `tel:` link names (RFC 3966), or a text that was selected. Parameters other than `ext` are left out."""
    if "%" in text:
        text = unquote(text)
    # In the query of an address a “+” that is not escaped means a blank.
    if re.match(r" [0-9]", text):
        text = f"+{text[1:]}"
    number = unicodedata.normalize("NFKC", _LINK.sub("", text, count=1)).strip()
    found = _EXTENSION.search(number)
    extension = found[1] if found else ""
    number = number[: found.start()] if found else number
    return Linked(number.partition(";")[0].strip(), extension)


@lru_cache(maxsize=1000)
def _in_country(written: str, number: str, country: str, form: str) -> str:
    """What is dialled for a number of digits alone, in this country."""
    found = _parsed(written, country)
    if found is None:
        return number
    if number.startswith("+") or _is_abroad_prefixed(number, country):
        if not phonenumbers.is_possible_number(found):
            return number
        return _e164(found) if form == Form.E164 else _national(found, country)
    if form == Form.E164 and phonenumbers.is_valid_number(found) and number in _nationally_written(found, country):
        return _e164(found)
    return number


def _parsed(written: str, country: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None


def _e164(found: PhoneNumber) -> str:
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def _national(found: PhoneNumber, country: str) -> str:
    if _is_of(found, country):
        return _shown_nationally(found)
    prefix = _abroad_prefix(country)
    digits = phonenumbers.national_significant_number(found)
    return f"{prefix}{found.country_code}{digits}" if prefix else _e164(found)


def _is_of(found: PhoneNumber, country: str) -> bool:
    return bool(found.country_code == phonenumbers.country_code_for_region(country))


def _shown_nationally(found: PhoneNumber) -> str:
    shown = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.NATIONAL)
    return _SEPARATORS.sub("", shown)


def _nationally_written(found: PhoneNumber, country: str) -> set[str]:
    """How a number of the country is written there, without separators; with the prefix of the trunk, where it may be
    left out.
    """
    if not _is_of(found, country):
        return set()
    trunk = phonenumbers.ndd_prefix_for_region(country, True) or ""
    return {_shown_nationally(found), f"{trunk}{phonenumbers.national_significant_number(found)}"}


def _abroad_prefix(country: str) -> str:
    """What is dialled before a country code; empty where that depends on the carrier."""
    metadata = PhoneMetadata.metadata_for_region(country)
    if metadata is None:
        return ""
    prefix = metadata.preferred_international_prefix or metadata.international_prefix or ""
    return prefix if prefix.isdigit() else ""


def _is_abroad_prefixed(number: str, country: str) -> bool:
    prefix = _abroad_prefix(country)
    return bool(prefix) and number.startswith(prefix)
