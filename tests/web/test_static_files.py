"""The scripts as an installation serves them: each under one name, with its hash, also where another one imports it."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from web.storage import StaticFiles

STATIC = Path(__file__).resolve().parents[2] / "static"
IMPORT = re.compile(r"""^(?:import|\}).*?["'](?P<path>\.[^"']+)["'];$""", re.MULTILINE)


def scripts() -> list[str]:
    return sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*.js") if "vendor" not in path.parts)


def collected(folder: Path, names: list[str]) -> StaticFiles:
    """The scripts, collected into this folder in this order."""
    source, storage = FileSystemStorage(STATIC), StaticFiles(location=folder)
    paths: dict[str, Any] = {}
    for name in names:
        with source.open(name) as file:
            storage.save(name, file)
        paths[name] = (source, name)
    for name, _, processed in storage.post_process(paths):
        assert not isinstance(processed, Exception), name
    return storage


# The order in which a folder lists its files is left to the file system; a chain of imports takes longest where what
# imports comes before what is imported.
@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_every_import_names_the_file_as_the_pages_do(tmp_path: Path, order: str) -> None:
    names = scripts()
    storage = collected(tmp_path, names if order == "forwards" else names[::-1])
    imports = 0
    for name in names:
        for found in IMPORT.finditer((tmp_path / storage.hashed_files[name]).read_text()):
            imported = (tmp_path / name).parent / found["path"]
            plain = re.sub(r"\.[0-9a-f]{12}\.js$", ".js", str(imported.resolve().relative_to(tmp_path.resolve())))
            assert imported.resolve() == (tmp_path / storage.hashed_files[plain]).resolve()
            imports += 1
    assert imports > 40


def test_a_page_asks_for_all_modules_at_once() -> None:
    """What a module of all pages imports is named by panel.js itself: it needs no further round trip."""
    entry = set(IMPORT.findall((STATIC / "panel.js").read_text()))
    for name in entry:
        module = STATIC / name
        for path in IMPORT.findall(module.read_text()):
            assert f"./{(module.parent / path).resolve().relative_to(STATIC)}" in entry, name


def test_the_script_of_the_button_is_one_small_file() -> None:
    """Pages of others load it: it imports nothing, and is at most 6 kB on the way."""
    script = (STATIC / "click-to-call.js").read_bytes()
    assert len(gzip.compress(script, 9)) <= 6000
    assert not IMPORT.search(script.decode())
    assert "import(" not in script.decode()
    assert "innerHTML" not in script.decode()
