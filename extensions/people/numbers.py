"""By what a number is known again, in whatever form it is written or comes: E.164, or else its digits.

Without a country (the setting PHONE_COUNTRY) only what begins with + is E.164. With one, so are national forms with the
prefix of the trunk, as `calls.numbers` takes them; what is shorter may be an extension, and stays one.
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from django.conf import settings
from phonenumbers import CountryCodeSource, PhoneNumber, PhoneNumberFormat

from .searching import digits_of

# What a number may be written with.
_NUMBER = re.compile(r"\+?\(?[0-9*#][0-9*#()/. \u00a0\u2010-\u2015-]*")
# The longest that there is has 15 digits, and what is dialled for abroad before them.
_LONGEST = 40


def key_of(number: str, is_extension: bool = False) -> str:
    """By what a number of the directory is known again; an extension by its digits alone."""
    return (not is_extension and _e164(_plain(number), settings.PHONE_COUNTRY)) or digits_of(number)


def keys_of(number: str) -> set[str]:
    """The keys of numbers that may be this one: none for a text that is no number."""
    plain = _plain(number)
    return {digits_of(plain), _e164(plain, settings.PHONE_COUNTRY)} - {""} if plain else set()


def found_by(pbx: str, number: str) -> str:
    """By what a page finds the names of a number that shows on a PBX, with blanks between, what tells most first:
    extension of that PBX, E.164, digits.
    """
    e164_first = sorted(keys_of(number))
    return " ".join([*(f"{pbx}/{key}" for key in e164_first if not key.startswith("+")), *e164_first])


def _plain(number: str) -> str:
    """As it is dialled; empty for a text that is no number."""
    text = unicodedata.normalize("NFKC", number).strip()
    if not _NUMBER.fullmatch(text):
        return ""
    return f"{'+' if text.startswith('+') else ''}{digits_of(text)}"


@lru_cache(maxsize=20_000)
def _e164(plain: str, country: str) -> str:
    if len(plain) > _LONGEST or not plain.removeprefix("+").isdigit() or not (country or plain.startswith("+")):
        return ""
    try:
        found = phonenumbers.parse(plain, country or None, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return ""
    is_number = (
        _is_dialled_so(found, plain, country)
        if found.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY
        else phonenumbers.is_possible_number(found)
    )
    return phonenumbers.format_number(found, PhoneNumberFormat.E164) if is_number else ""


def _is_dialled_so(found: PhoneNumber, plain: str, country: str) -> bool:
    """Whether a number of the country is written as it is dialled there."""
    trunk = phonenumbers.ndd_prefix_for_region(country, True) or ""
    national = digits_of(phonenumbers.format_number(found, PhoneNumberFormat.NATIONAL))
    written = (national, f"{trunk}{phonenumbers.national_significant_number(found)}")
    return plain in written and phonenumbers.is_valid_number(found)
