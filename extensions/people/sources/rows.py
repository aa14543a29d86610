"""What was read elsewhere than in a CSV file, kept as text until its import is done."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from .. import photos
from ..csv_file import Line, Table
from ..models import FIELDS


def text_of(lines: Iterable[Line]) -> str:
    """The opposite of `table_of`."""
    return json.dumps([_plain(line) for line in lines], ensure_ascii=False)


def _plain(line: Line) -> dict[str, Any]:
    plain = {field.name: getattr(line, field.name) for field in fields(line)}
    return {**plain, "photo": photos.as_text(line.photo)}


def table_of(text: str) -> Table:
    """What a text says, for `importing.plan_of`."""
    return table([Line(**{**plain, "photo": photos.from_text(plain["photo"])}) for plain in json.loads(text)])


def table(lines: list[Line]) -> Table:
    """The table of these lines."""
    told = {name for line in lines for name in line.cells}
    kept = {head: None for line in lines for head in line.extra}
    return Table(tuple(name for name in FIELDS if name in told), tuple(kept), lines)
