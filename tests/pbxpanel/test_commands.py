"""What README and docs tell people to type works as it stands."""

import re
import subprocess
from pathlib import Path

from django.core.management import get_commands

from tests.kinds import runs_a_program

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [*PAGES, *sorted((ROOT / "templates").rglob("*.html"))]


def test_no_page_names_a_command_without_the_environment_that_it_needs() -> None:
    lacking = re.compile(r"manage\.py|(?<![/\w])daphne -")
    assert [str(page) for page in TEXTS if lacking.search(page.read_text())] == []


def test_what_pages_run_by_the_script_are_commands() -> None:
    named = {name for page in TEXTS for name in re.findall(r"\./panel (\w+)", page.read_text())}
    assert {"amidoctor", "amiworker", "amirecord", "forgetconferences", "axes_reset_username", "help"} <= named
    assert named - {"help"} <= set(get_commands())


def test_what_pages_make_are_targets() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("    ")]
    named = {name for line in lines for name in re.findall(r"(?:^ +|[\w@:/.\"] )make ([a-z-]+)", line)}
    assert {"run", "admin", "prepare"} <= named <= targets


@runs_a_program
def test_the_script_runs_a_command_from_any_folder(tmp_path: Path) -> None:
    """It finds packages and settings by itself, and files where it was called."""
    (tmp_path / "session.txt").write_text("no recording")
    (tmp_path / "panel").symlink_to(ROOT / "panel")
    for script in (str(ROOT / "panel"), "./panel"):
        done = subprocess.run(
            [script, "amireplay", "session.txt"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 2
        assert "session.txt is no recording" in done.stderr
