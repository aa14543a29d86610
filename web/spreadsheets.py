"""CSV files for a spreadsheet, with nothing that it would take for a formula."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

# What a spreadsheet takes for the beginning of a formula, also in full-width characters, or
# after blanks.
_FORMULA = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def csv_text(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """With the byte order mark by which Excel recognizes UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(cell) for cell in head])
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return f"\ufeff{out.getvalue()}"


def harmless(cell: str) -> str:
    """What begins like a formula begins with an apostrophe: it may come over the phone network."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_written(cell: str) -> str:
    """The opposite of `harmless`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
