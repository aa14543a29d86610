"""What one fault is, and how it gets into a copy of the project."""

from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Literal

# Which tests notice it: those that need nothing but Python, a real Asterisk, a real browser.
Kind = Literal["fast", "live", "browser"]


class Broken(Exception):
    """A row that is no fault of this tree; the text says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`text`, which stands once in `file`, becomes `instead`; then one of `tests` must fail.

    `meaning` says what the fault is to whoever uses the panel. Paths are relative to the root of the project, those of
    `tests` are files or folders: names of single tests change too often.
    """

    file: str
    text: str
    instead: str
    tests: tuple[str, ...]
    meaning: str
    kind: Kind = "fast"
    # Whether it shows by a test that never ends.
    hangs: bool = False

    def faulty(self, root: Path) -> str:
        """The file's text with the fault in it. Raises `Broken`."""
        path = root / self.file
        if not path.is_file():
            raise Broken(f"there is no {self.file}")
        whole = path.read_text()
        if (found := whole.count(self.text)) != 1:
            raise Broken(f"its text is in {self.file} {found} times, not once")
        if self.instead == self.text:
            raise Broken("it changes nothing")
        if missing := [test for test in self.tests if not (root / test).exists()]:
            raise Broken(f"there is no {', '.join(missing)}")
        faulty = whole.replace(self.text, self.instead)
        if path.suffix == ".py":
            try:
                compile(faulty, self.file, "exec")
            except SyntaxError as error:
                raise Broken(f"with it, {self.file} is no Python: {error}") from None
        return faulty


def put(path: Path, text: str) -> None:
    """Write a file of a copy. Of what Python has compiled of it the time, in whole seconds, might still be right."""
    path.write_text(text)
    if path.suffix == ".py":
        Path(cache_from_source(path)).unlink(missing_ok=True)
