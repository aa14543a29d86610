"""What is typed of a person, in a form or in a cell of a CSV file: made fit to be kept, or refused in a sentence."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from engine import limits
from engine.mirror.sanitize import clean

from .models import LISTS, NOTE, NUMBERS, PHONES, TAGS

_BETWEEN = re.compile(r"[,;，；、\r\n|]+")
_NUMBER = re.compile(r"\+?\(?[0-9*#][0-9*#()/. -]*")
# Technology and name, as Asterisk's devices are called.
_ENDPOINT = re.compile(r"[A-Za-z][\w-]*/[^\s/,;&@]+", re.ASCII)
_MOST = {"phones": PHONES, "tags": TAGS}
_YES, _NO = frozenset(("1", "yes", "y", "true", "x", "是")), frozenset(("", "0", "no", "n", "false", "否"))


def value_in(field: str, typed: str) -> Any:
    """What a field of `FIELDS` is, of what was typed. Raises `ValidationError`."""
    return _READERS.get(field, _text(limits.NAME))(typed)


def values_in(typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Several, and by field the sentence for each that cannot be meant."""
    values, refused = {}, {}
    for field, text in typed.items():
        try:
            values[field] = value_in(field, text)
        except ValidationError as error:
            refused[field] = error.messages[0]
    return values, refused


def typed_for(field: str, value: Any) -> str:
    """The opposite of `value_in`."""
    if field in LISTS:
        return ", ".join(value)
    if field == "hidden":
        return "yes" if value else "no"
    return str(value)


def _text(most: int) -> Callable[[str], str]:
    def read(typed: str) -> str:
        text = clean(" ".join(typed.split()), limits.FIELD)
        if complaint := limits.complaint(text, most):
            raise ValidationError(complaint)
        return text

    return read


def _name(typed: str) -> str:
    name = _text(limits.NAME)(typed)
    if not name:
        raise ValidationError(_("Enter a name."))
    return name


def _email(typed: str) -> str:
    address = _text(limits.NAME)(typed)
    if address:
        try:
            validate_email(address)
        except ValidationError as error:
            sentence = _("“%(typed)s” is no e-mail address: write it as anna@example.org.") % {"typed": address}
            raise ValidationError(sentence) from error
    return address


def _several(field: str, one: Callable[[str], str]) -> Callable[[str], list[str]]:
    def read(typed: str) -> list[str]:
        parts = (clean(part, limits.FIELD) for part in _BETWEEN.split(typed))
        found = list(dict.fromkeys(one(part) for part in parts if part))
        most = _MOST.get(field, NUMBERS)
        if len(found) > most:
            raise ValidationError(
                ngettext("At most %(most)s can be kept here.", "At most %(most)s can be kept here.", most)
                % {"most": most}
            )
        return found

    return read


def _number(typed: str) -> str:
    number = " ".join(unicodedata.normalize("NFKC", typed).split())
    if not _NUMBER.fullmatch(number) or len(number) > limits.NUMBER:
        raise ValidationError(
            _("“%(typed)s” is not a number: use digits, * and #, with a + only in front.") % {"typed": typed[:40]}
        )
    return number


def _extension(typed: str) -> str:
    number = unicodedata.normalize("NFKC", typed)
    if not re.fullmatch(r"[0-9*#+]{1,40}", number):
        raise ValidationError(
            _("“%(typed)s” is no extension: use digits, * and #, without blanks.") % {"typed": typed[:40]}
        )
    return number


def _endpoint(typed: str) -> str:
    if not _ENDPOINT.fullmatch(typed) or len(typed) > 150:
        raise ValidationError(_("“%(typed)s” is no phone: write it as PJSIP/101.") % {"typed": typed[:40]})
    return typed


def _hidden(typed: str) -> bool:
    word = typed.strip().lower()
    if word not in _YES | _NO:
        raise ValidationError(_("“%(typed)s” is neither yes nor no.") % {"typed": typed[:40]})
    return word in _YES


_READERS: Mapping[str, Callable[[str], Any]] = {
    "name": _name,
    "note": _text(NOTE),
    "email": _email,
    "extension": _several("extension", _extension),
    "mobile": _several("mobile", _number),
    "outside": _several("outside", _number),
    "phones": _several("phones", _endpoint),
    "tags": _several("tags", _text(limits.NAME)),
    "pbx": _text(32),
    "hidden": _hidden,
}
