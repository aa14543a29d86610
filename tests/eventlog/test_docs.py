"""docs/events.md has every type of events, and each of its fields."""

import re
from pathlib import Path

from eventlog.declarations import event_types

DOCS = Path(__file__).resolve().parents[2] / "docs" / "events.md"


def test_the_page_has_every_type_with_its_meaning_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([^|]+?) \|", DOCS.read_text(), re.MULTILINE))
    assert rows == {name: event_type.meaning for name, event_type in event_types.items()}


def test_each_field_is_explained_as_it_is_declared() -> None:
    text = DOCS.read_text()
    for name, event_type in event_types.items():
        (row,) = re.findall(rf"^\| `{re.escape(name)}` \|.*$", text, re.MULTILINE)
        for field in event_type.fields:
            in_a_row = re.search(rf"^\| `{field.name}` \| [^|]+ \| {re.escape(field.meaning)} \|$", text, re.MULTILINE)
            assert in_a_row or f"`{field.name}` (" in row, f"{name}: {field.name}"
