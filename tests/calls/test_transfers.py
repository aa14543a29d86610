"""Hold and consultation, without an Asterisk: what is told, and the lines for extensions.conf."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from calls.fragments import told_of_transfer
from calls.transfers import DIALPLAN
from engine.mirror.dialplan import stanza


def test_the_document_has_the_lines_that_the_panel_writes() -> None:
    assert stanza(DIALPLAN) in (Path(settings.BASE_DIR) / "docs" / "calls.md").read_text()


@pytest.mark.parametrize("number", ["", "<103>"])
@pytest.mark.parametrize(
    "how", ["gone", "completed", "joined", "back", "taken", "recall", "returned", "answered", "lost"]
)
def test_each_end_is_told_in_words(how: str, number: str) -> None:
    parameters: dict[str, Any] = {"how": how, "who": "<Anna>", "number": number, "code": "c1", "step": 1}
    toast = told_of_transfer(parameters)
    assert toast.text
    assert "<Anna>" not in toast.html
    assert "<103>" not in toast.html
