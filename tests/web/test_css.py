"""What a style sheet asks of the browser at each change."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHEETS = sorted((ROOT / "static").rglob("*.css"))
# What each row and each tile of a long page has in it.
EVERYWHERE = re.compile(r"\[class|\.icon\b|\.state\b|\.state-|\.tile|\bbdi\b|\bspan\b|\*\s*$")


def after_has(selector: str) -> str:
    """What stands in a selector after the element that `:has` is about; empty where nothing does."""
    place = selector.find(":has(")
    depth = selector[:place].count("(") - selector[:place].count(")")
    for at in range(place, len(selector)) if place >= 0 else ():
        depth += {"(": 1, ")": -1}.get(selector[at], 0)
        if depth == 0 and selector[at] in " >+~":
            return selector[at:]
    return ""


def selectors_in(rule: str) -> list[str]:
    """Its selectors; a comma within parentheses is none between two."""
    found, depth = [""], 0
    for character in rule:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_no_rule_leads_from_has_to_what_is_everywhere(sheet: Path) -> None:
    """Chromium keeps one set of what all such rules lead to, and with each change below an element that any `:has` is
    about looks again at whatever is in the set: on a wall of a thousand tiles at ten thousand elements.
    """
    css = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    rules = [text for text, end in re.findall(r"([^{}]*)([{}])", css) if end == "{" and ":has(" in text]
    selectors = [one for rule in rules for one in selectors_in(rule)]
    assert [one.strip() for one in selectors if EVERYWHERE.search(after_has(one))] == []
