"""Every text of the panel is translated, and what is compiled is what is written."""

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django.fixtures import Settings

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "accounts", "api", "audit", "calls", "conferences", "engine", "eventlog", "extensions", "pbxpanel", "system", "web",
    "webhooks",
)  # fmt: skip
CATALOGUE = ROOT / "pbxpanel" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def entries(catalogue: polib.POFile | polib.MOFile) -> list[polib.POEntry]:
    return [entry for entry in catalogue if not entry.obsolete]


def texts(catalogue: polib.POFile | polib.MOFile) -> dict[str, str]:
    """Each text and its Chinese. A fuzzy one is a guess of gettext's, from a text that is alike: it counts as none."""
    return {
        entry.msgid: "" if "fuzzy" in entry.flags else entry.msgstr or "".join(entry.msgstr_plural.values())
        for entry in entries(catalogue)
    }


def test_every_text_in_the_sources_has_its_chinese(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a copy: the command writes into every catalogue it finds below.
    for folder in (
        "accounts",
        "api",
        "audit",
        "calls",
        "conferences",
        "engine",
        "eventlog",
        "extensions",
        "pbxpanel",
        "system",
        "templates",
        "web",
        "webhooks",
    ):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    settings.LOCALE_PATHS = [str(tmp_path / "pbxpanel" / "locale")]
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["zh_Hans"], verbosity=0)
    found = texts(polib.pofile(str(tmp_path / CATALOGUE.relative_to(ROOT))))
    assert len(found) > 150
    assert [text for text, chinese in found.items() if not chinese] == []
    assert set(found) == set(texts(polib.pofile(str(CATALOGUE))))


def test_makemessages_reads_every_template() -> None:
    """Of files that are named otherwise it reads nothing, unless told to each time."""
    names = [path.name for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert [name for name in names if not name.endswith(".html")] == []


def test_the_placeholders_of_a_translation_are_those_of_the_text() -> None:
    placeholder = re.compile(r"%\(\w+\)s")
    for entry in entries(polib.pofile(str(CATALOGUE))):
        chinese = entry.msgstr or entry.msgstr_plural[0]
        # Chinese has one form for all numbers. The text for one may leave the number out.
        assert set(placeholder.findall(entry.msgid_plural or entry.msgid)) == set(placeholder.findall(chinese)), entry


def test_the_compiled_catalogue_is_up_to_date() -> None:
    compiled = texts(polib.mofile(str(CATALOGUE.with_suffix(".mo"))))
    assert compiled == texts(polib.pofile(str(CATALOGUE)))
    assert "zh-hans" in dict(settings.LANGUAGES)
