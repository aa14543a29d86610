"""Templates are rendered without the indentation of their lines, and nothing else is changed by that."""

import re
from pathlib import Path

import pytest
from django.template import engines

from tests.panel import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def loaded(path: Path) -> str:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    source: str = engine.get_template(str(path.relative_to(ROOT / "templates"))).source
    return source


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_nothing_but_the_indentation_is_left_out(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert [line.lstrip(" \t") for line in written.split("\n")[1:]] == loaded(path).split("\n")[1:]


@pytest.mark.parametrize("tag", ["pre", "textarea"])
def test_what_is_shown_with_its_spaces_has_no_indentation_of_the_template(tag: str) -> None:
    for path in TEMPLATES:
        for inside in re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", path.read_text(encoding="utf-8"), re.DOTALL):
            text = re.sub(r"<[^<>]*>", "", inside)  # between attributes there may be any space
            assert not re.search(r"\n[ \t]", text), f"{path}: {text}"


def test_a_text_to_translate_is_one_line() -> None:
    """Of several lines the indentation would be part of the text."""
    for path in TEMPLATES:
        for text in re.findall(
            r"{% blocktranslate.*?%}(.*?){% endblocktranslate %}", path.read_text(encoding="utf-8"), re.DOTALL
        ):
            assert "\n" not in text, f"{path}: {text}"
