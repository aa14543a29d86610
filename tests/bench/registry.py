"""Which benches there are: the modules of this package with a function `figures`."""

import importlib
import os
import pkgutil
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")

from tests import bench

from .figure import Figure


def benches() -> dict[str, str]:
    """The benches there are, each with the first line of what it says of itself."""
    found = {}
    for module in pkgutil.iter_modules(bench.__path__):
        source = Path(bench.__path__[0]) / f"{module.name}.py"
        if "\ndef figures() -> list[Figure]:" in source.read_text():
            found[module.name] = source.read_text().removeprefix('"""').split("\n", 1)[0].removesuffix('"""')
    return found


def run(name: str) -> list[Figure]:
    """One bench, in this process."""
    figures: list[Figure] = importlib.import_module(f"tests.bench.{name}").figures()
    return figures
