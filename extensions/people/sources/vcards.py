"""vCards (RFC 2426 and RFC 6350): read for an import, and written of people who are seen."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import vobject
from django.utils.translation import gettext as _
from vobject.base import Component, ContentLine, ParseError

from .. import photos
from ..csv_file import CELL, LINES, Line, Unreadable
from ..models import Person, PersonNumber
from .numbers import sorted_out

TYPE = "text/vcard; charset=utf-8"
# So many pixels of photos are drawn anew for one file.
PIXELS = 10 * photos.PIXELS
# What a property may have before its value, in characters, and one that is no photo as its value.
_HEAD, _VALUE = 500, 4000
# A property that is read. The library reads what does not match this in a time that grows exponentially.
_PARAMETER = r'(?:"[^"]*"|[^";:,]*)'
_LINE = re.compile(
    r"(?:[\w-]+\.)?(?P<name>VERSION|FN|N|TITLE|ROLE|NOTE|EMAIL|ORG|CATEGORIES|TEL|PHOTO)"
    rf"(?P<parameters>(?:;[\w-]+(?:={_PARAMETER}(?:,{_PARAMETER})*)?)*):(?P<value>.*)",
    re.IGNORECASE | re.ASCII,
)
# A photo as vCard 4.0 has it; the library reads it as 3.0 does.
_DATA_URI = re.compile(r"data:[\w/+.;=-]*?;base64,", re.ASCII)
# Of these the library would keep no more than what stands before a comma.
_BARE_COMMA, _COMMA = re.compile(r"(?<!\\),"), r"\\,"
_OF_ONE_TEXT = frozenset(("FN", "TITLE", "ROLE", "NOTE", "EMAIL", "TEL"))
_COMPANY = "company"


def is_one(content: bytes) -> bool:
    """Whether a file holds vCards."""
    return content.lstrip(b"\xef\xbb\xbf\r\n\t ")[:11].upper() == b"BEGIN:VCARD"


def lines_of(text: str) -> list[Line]:
    """What the cards of a file say, each as a line. Raises `Unreadable`."""
    cards = list(_cards(text))
    if not cards:
        raise Unreadable(_("The file has no whole vCard: each begins with BEGIN:VCARD and ends with END:VCARD."))
    if len(cards) > LINES:
        raise Unreadable(
            _("The file has %(count)s cards; at most %(most)s are read at a time. Split it.")
            % {"count": len(cards), "most": LINES}
        )
    budget = photos.Budget(PIXELS)
    return [_line(number, card, budget) for number, card in enumerate(cards, 1)]


def _cards(text: str) -> Iterator[str]:
    """The text of each card that is whole."""
    card: list[str] = []
    for line in text.splitlines():
        word = line.strip().upper()
        if word == "BEGIN:VCARD":
            card = [line]
        elif card:
            card.append(line)
            if word == "END:VCARD":
                yield "\n".join(card)
                card = []


def _line(number: int, text: str, budget: photos.Budget) -> Line:
    label = _("Card %(number)s") % {"number": number}
    properties = list(_properties(text))
    if not any(line in ("VERSION:3.0", "VERSION:4.0") for line in properties):
        words = _("It is a vCard of another version than 3.0 and 4.0: export it as one of these.")
        return Line(number, {}, {}, words, label=label)
    try:
        card = vobject.readOne("\n".join(["BEGIN:VCARD", *properties, "END:VCARD"]))
        cells, extra, pictures = dict(_cells(card)), dict(_extra(card)), _children(card, "photo")
    except (ParseError, ValueError):  # which is what the library raises of what is not encoded as it says
        return Line(number, {}, {}, _("It cannot be read as a vCard."), label=label)
    warning, photo = photos.taken([line.value for line in pictures if isinstance(line.value, bytes)], budget)
    return Line(number, cells, extra, warning=warning, label=label, photo=photo)


def _properties(text: str) -> Iterator[str]:
    """The properties of a card that are read, each as a line that the library reads."""
    for line in re.sub(r"\n[ \t]", "", text).split("\n"):
        found = _LINE.fullmatch(line.strip())
        if found is None or found.start("value") > _HEAD:
            continue
        name, parameters, value = found["name"].upper(), found["parameters"], found["value"].strip()
        if name == "PHOTO":
            uri = _DATA_URI.match(value)
            yield f"PHOTO;ENCODING=b:{value[uri.end() :]}" if uri else f"PHOTO{parameters}:{value}"
        elif len(value) <= _VALUE:
            yield f"{name}{parameters}:{_BARE_COMMA.sub(_COMMA, value) if name in _OF_ONE_TEXT else value}"


def _children(card: Component, name: str) -> list[ContentLine]:
    """Its properties of this name, the preferred one first."""
    found: list[ContentLine] = card.contents.get(name, [])
    return sorted(found, key=lambda line: "pref" not in _types(line) and "PREF" not in line.params)


def _types(line: ContentLine) -> set[str]:
    return {word for given in line.params.get("TYPE", []) for word in given.lower().split(",")}


def _text(value: Any) -> str:
    """Of a property, in one line."""
    return " ".join(str(value).split())


def _cells(card: Component) -> Iterator[tuple[str, str]]:
    """Fields and what is typed of them, of all that a card tells of."""
    yield "name", _name(card)
    for name, field in (("title", "title"), ("role", "title"), ("note", "note"), ("email", "email")):
        if lines := _children(card, name):
            yield field, _text(lines[0].value)
    for org in _children(card, "org")[:1]:
        parts = [_text(part) for part in org.value]
        yield "department", next(filter(None, parts[1:]), parts[0] if parts else "")
    tags = [_text(tag) for line in _children(card, "categories") for tag in line.value]
    if tags:
        yield "tags", ", ".join(tags)
    numbers = [(_text(line.value), _types(line)) for line in _children(card, "tel")]
    yield from sorted_out((number, "cell" in types) for number, types in numbers if "fax" not in types).items()


def _name(card: Component) -> str:
    if lines := _children(card, "fn"):
        return _text(lines[0].value)
    return " ".join(_text(f"{line.value.given} {line.value.family}") for line in _children(card, "n")[:1])


def _extra(card: Component) -> Iterator[tuple[str, str]]:
    for org in _children(card, "org")[:1]:
        if any(org.value[1:]) and org.value[0]:
            yield _COMPANY, _text(org.value[0])[:CELL]


def written(people: Iterable[tuple[Person, Iterable[PersonNumber], bytes]]) -> str:
    """The vCards (3.0, which every program reads) of people, with these numbers of theirs, and their photos."""
    return "".join(_card(person, numbers, photo) for person, numbers, photo in people)


def _card(person: Person, numbers: Iterable[PersonNumber], photo: bytes) -> str:
    card = vobject.vCard()
    card.add("fn").value = person.name
    given, _blank, family = person.name.rpartition(" ")
    card.add("n").value = vobject.vcard.Name(family=family, given=given)
    company = person.extra.get(_COMPANY, "")
    if person.department or company:
        card.add("org").value = [company, person.department] if company else [person.department]
    for name, text in (("title", person.title), ("email", person.email), ("note", person.note)):
        if text:
            card.add(name).value = text
    for number in numbers:
        tel = card.add("tel")
        tel.value, tel.type_param = number.number, "CELL" if number.kind == "mobile" else "WORK"
    if person.tags:
        card.add("categories").value = list(person.tags)
    if photo:
        portrait = card.add("photo")
        portrait.value, portrait.encoding_param, portrait.type_param = photo, "b", "JPEG"
    return str(card.serialize())
