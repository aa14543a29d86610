"""A CSV file of people: which encoding, which delimiter and which columns it has, and what stands in its lines."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from web.spreadsheets import as_written, csv_text

from . import cells
from .models import FIELDS, Person

LINES, COLUMNS, CELL, EXTRA = 10_000, 40, 1000, 20
ENCODINGS = ("utf-8", "gb18030", "latin-1")
_DELIMITERS = ",;\t|"
# What the head of a column may be, in lower case and without anything but letters → which of `FIELDS` it is.
_HEADS = {
    head: field
    for field, heads in {
        "name": "name fullname displayname person 姓名 名字 名称",
        "department": "department dept division 部门 科室",
        "title": "title jobtitle position role 职位 职务 头衔",
        "extension": "extension extensions ext internal 分机 分机号 分机号码 内线",
        "mobile": "mobile mobiles cell cellphone mobilephone 手机 手机号 手机号码 移动电话",
        "outside": "outside outsideline outsidelines phone telephone businessphone number 外线 电话 电话号码 外线号码",
        "email": "email mail emailaddress 邮箱 电子邮件 电子邮箱 邮件",
        "note": "note notes comment 备注 说明 注释",
        "phones": "phones endpoint endpoints device devices 话机 终端 设备",
        "tags": "tags tag labels 标签",
        "pbx": "pbx 交换机",
        "hidden": "hidden 隐藏",
    }.items()
    for head in heads.split()
}
_HEADS_WRITTEN = {"email": "e-mail", "pbx": "PBX"}


class Unreadable(ValueError):
    """The file cannot be meant; the first argument is a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the file, its cells by field, and by head those of columns that are no field.

    What comes from elsewhere than a CSV file (`sources`) is told in such lines too.
    """

    number: int
    cells: dict[str, str]
    extra: dict[str, str]
    # Why it cannot be meant, in a sentence; empty where it can.
    problem: str = ""
    # What of it is left out, in a sentence.
    warning: str = ""
    # What it is called, where that is not its number.
    label: str = ""
    # The photo, as `photos.drawn` has made it; empty where none is told of.
    photo: bytes = b""
    # Its lists are added to those of whom it is about, and do not replace them.
    adds: bool = False
    # The key of whom it is about, where that is known; 0 where it is not.
    person: int = 0

    @property
    def where(self) -> str:
        """In words, at the beginning of a sentence."""
        return self.label or _("Line %(number)s") % {"number": self.number}


@dataclass(frozen=True, slots=True)
class Table:
    """What a file says. `fields` are those that it has a column for."""

    fields: tuple[str, ...]
    kept: tuple[str, ...]
    lines: list[Line]


def text_of(content: bytes, encoding: str = "") -> tuple[str, str]:
    """The text of a file, and the encoding in which it was read: one that is named, or else the likely one. Raises
    `Unreadable`.
    """
    if encoding in ENCODINGS:
        return _decoded(content, "utf-8-sig" if encoding == "utf-8" else encoding), encoding
    for likely in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(likely)
        except UnicodeDecodeError:
            continue
        if likely == "utf-8-sig" or _is_chinese(text):
            return text, likely.removesuffix("-sig")
    return _decoded(content, "latin-1"), "latin-1"


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            _("The file is not in the encoding %(encoding)s. Choose another one, or save it as UTF-8.")
            % {"encoding": encoding.removesuffix("-sig").upper()}
        ) from error


def _is_chinese(text: str) -> bool:
    """Whether most of what is not ASCII are common characters: accents in Latin-1, read as GB18030, are rare ones."""
    others = [character for character in text if ord(character) > 127]
    common = sum(1 for character in others if character.encode("gb2312", "ignore"))
    return common * 2 > len(others)


def table_of(text: str) -> Table:
    """What a text says. Raises `Unreadable`."""
    if not text.strip():
        raise Unreadable(_("The file is empty."))
    if "\0" in text:
        raise Unreadable(_("This is no CSV file. Save the table as “CSV UTF-8” and choose that file."))
    rows = _rows(text, _delimiter_of(text))
    _number, head = next(rows)
    if len(head) > COLUMNS:
        raise Unreadable(
            _("The file has %(count)s columns; at most %(most)s can be read. Delete those that are not needed.")
            % {"count": len(head), "most": COLUMNS}
        )
    columns = [_HEADS.get(_folded(cell), "") for cell in head]
    if "name" not in columns:
        raise Unreadable(_("No column is called “name”. The first line must hold the names of the columns."))
    for field in FIELDS:
        if columns.count(field) > 1:
            raise Unreadable(
                _("Two columns are both read as “%(field)s”: delete or rename one.") % {"field": head_of(field)}
            )
    kept = [as_written(cell.strip())[:80] for cell, field in zip(head, columns, strict=True) if not field]
    kept = list(dict.fromkeys(filter(None, kept)))[:EXTRA]
    lines = [_line(number, cells, head, columns, kept) for number, cells in rows if any(cell.strip() for cell in cells)]
    if len(lines) > LINES:
        raise Unreadable(
            _("The file has %(count)s lines; at most %(most)s are read at a time. Split it.")
            % {"count": len(lines), "most": LINES}
        )
    return Table(tuple(field for field in FIELDS if field in columns), tuple(kept), lines)


def _line(number: int, row: list[str], head: list[str], columns: list[str], kept: list[str]) -> Line:
    fields, extra = {}, {}
    for name, field, cell in zip(head, columns, row, strict=False):
        text = as_written(cell.strip())
        if field:
            fields[field] = text
        elif text and (name := as_written(name.strip())[:80]) in kept:
            extra[name] = text[:CELL]
    is_too_long = any(cell.strip() for cell in row[len(head) :])
    return Line(number, fields, extra, _("It has more cells than the first line has columns.") if is_too_long else "")


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line by line, with the number of the one at which each begins."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(
            _("Line %(line)s cannot be read: look for a quotation mark that is not closed.") % {"line": begins}
        ) from error


def _delimiter_of(text: str) -> str:
    """That by which the head has the most columns that are known."""
    head = text.lstrip("\r\n").partition("\n")[0]

    def known(delimiter: str) -> int:
        return sum(1 for cell in head.split(delimiter) if _folded(cell) in _HEADS)

    return max(_DELIMITERS, key=known)


def _folded(head: str) -> str:
    return re.sub(r"[^\w]|_", "", head.lower())


def head_of(field: str) -> str:
    """How a field's column is called in a file that is written."""
    return _HEADS_WRITTEN.get(field, field)


def written(people: Iterable[Person]) -> str:
    """A file of people, which can be read again."""
    people = list(people)
    kept = sorted({head for person in people for head in person.extra})
    rows = []
    for person in people:
        values = person.values()
        row = [cells.typed_for(field, values[field]) for field in FIELDS]
        rows.append(row + [person.extra.get(head, "") for head in kept])
    return csv_text([*map(head_of, FIELDS), *kept], rows)
