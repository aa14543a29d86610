"""What a test needs: nothing but Python, a real server, a real Asterisk, a real browser. Each kind is run by itself.

The markers `live` (tests/lab/fixtures.py), `servers` and `browser` are set by what a test asks for, and nobody writes
them down. What has none of them is fast.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.lab.chroot import VERSIONS
from tests.matrix import FULL

# By these fixtures, or parameters of that name, a test asks for a server: the panel's own processes are servers too.
SERVERS = {"openldap", "silent_ldap", "postgresql", "redis_server", "served", "installation", "own_process"}
BROWSER = "browser"
# What a test calls the screens on which it tries a page.
SCREENS = ("wide", "phone")
# Modules with a fixture that takes long to make: their tests run in one process and share it.
SHARING = {
    "tests/web/test_answers.py",
    "tests/pbxpanel/test_serving.py",
    "tests/browser/test_accessibility.py",
    "tests/browser/test_board.py",
    "tests/eventlog/test_served.py",
    "tests/faults/test_servers.py",
    "tests/engine/mirror/test_records.py",
    "tests/processes/test_transfers.py",
}


def _asked_by(item: pytest.Item) -> Iterator[object]:
    yield from getattr(item, "fixturenames", ())
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        yield from (value for value in item.callspec.params.values() if isinstance(value, str))


def _is_left_to_the_matrix(item: pytest.Item) -> bool:
    """Whether it tries a page with the other version of Asterisk, or on the other screen: by its name each such test
    has one of the two, half of them the older, half of them a phone's. What Asterisk itself does is tried with both.
    """
    if not (isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.get_closest_marker("browser")):
        return False
    number = zlib.crc32(item.nodeid.partition("[")[0].encode())
    parts = {*item.callspec.id.split("-")}
    return any(chosen not in parts and bool(parts & {*axis}) for axis, chosen in _chosen(number))


def _chosen(number: int) -> Iterator[tuple[Sequence[str], str]]:
    for axis in (VERSIONS, SCREENS):
        number, at = divmod(number, len(axis))
        yield axis, axis[at]


@pytest.fixture
def own_process() -> None:
    """The test runs a program in a process of its own, whose start takes as long as that of a server."""


runs_a_program = pytest.mark.usefixtures("own_process")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        asked = set(_asked_by(item))
        if asked & SERVERS:
            item.add_marker("servers")
        if BROWSER in asked:
            item.add_marker("browser")
        if any(item.iter_markers("live")) or BROWSER in asked:
            # Real phones and browsers share two cores with the tests. What fails is tried once more, and told.
            item.add_marker(pytest.mark.flaky(reruns=1))
    # Whoever names a test means all of it.
    if not FULL and not any("::" in argument for argument in config.args):
        left = [item for item in items if _is_left_to_the_matrix(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    yield
    if hasattr(config, "workerinput"):
        items[:] = _in_turn(items)


def _in_turn(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The order in which several processes take them. What takes long begins first: a run is as long as its last test.

    Fast tests are mixed, each time in the same way: neighbours are alike, and where one mostly waits, all processes
    would wait at once. Those of a real Asterisk or a page share it with those before, and stay as they are.
    """
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(_unit_of(item.nodeid), []).append(item)
    stay = any(item.get_closest_marker("live") or item.get_closest_marker("browser") for item in items)

    def turn(name: str) -> tuple[float, int, int]:
        return -_longest(units[name]), -len(units[name]), 0 if stay else zlib.crc32(name.encode())

    return [item for name in sorted(units, key=turn) for item in units[name]]


def _longest(items: Sequence[pytest.Item]) -> float:
    """How long one of them may take, in seconds, where it says so and that is more than a minute."""
    marks = [float(mark.args[0]) for item in items if (mark := item.get_closest_marker("timeout"))]
    return max((limit for limit in marks if limit > 60), default=0.0)


def _unit_of(nodeid: str) -> str:
    """What one process takes at a time."""
    module = nodeid.partition("::")[0]
    return module if module in SHARING else nodeid


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """A test goes to whichever process is free, and those of a module that shares something to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return _unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


_mixed = pytest.StashKey[bool]()


def pytest_collection_finish(session: pytest.Session) -> None:
    with_browser = sum(any(item.iter_markers("browser")) for item in session.items)
    session.config.stash[_mixed] = 0 < with_browser < len(session.items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Playwright keeps an event loop in its thread from the first browser on, in which no other test can have one."""
    if item.config.stash[_mixed]:
        pytest.fail(
            "Tests that use a browser run by themselves: choose with -m browser or -m 'not browser'.", pytrace=False
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was run twice, and why: it passed then, but a rerun that passes is a fault not yet found."""
    reports = terminalreporter.stats.get("rerun", [])
    if not reports:
        return
    terminalreporter.section(f"{len(reports)} failed and ran once more")
    for report in reports:
        terminalreporter.line(f"{report.nodeid} ({report.when}):")
        lines = report.longreprtext.splitlines()
        # Where in the test it was, and how it ended.
        told = [line for line in lines[:-12] if line.startswith(">")] + lines[-12:]
        told += [line for title, text in report.sections if title == "the lab" for line in text.splitlines()]
        for line in told:
            terminalreporter.line(f"    {line}")
