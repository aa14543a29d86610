"""What a test needs: nothing but Python, a real server, a real Asterisk, a real browser. Each kind is run by itself.

The markers `live` (tests/lab/fixtures.py), `servers` and `browser` are set by what a test asks for, and nobody writes
them down. What has none of them is fast.
"""

from collections.abc import Iterator

import pytest

# By these fixtures, or parameters of that name, a test asks for a server.
SERVERS = {"postgresql", "redis_server", "served"}
BROWSER = "browser"
# Fixtures of a module that take long to make: the tests that share one run in one process.
SHARED = {"served", "crowd", "_installation", "_postgresql"}


def _asked_by(item: pytest.Item) -> Iterator[object]:
    yield from getattr(item, "fixturenames", ())
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        yield from (value for value in item.callspec.params.values() if isinstance(value, str))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = set(_asked_by(item))
        if asked & SERVERS:
            item.add_marker("servers")
        if BROWSER in asked:
            item.add_marker("browser")
        for name in asked & SHARED:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}-{name}"))
        if any(item.iter_markers("live")) or asked & {*SERVERS, BROWSER}:
            # Real servers, phones and browsers share two cores with the tests. What fails is tried once more, and told.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Playwright keeps an event loop in its thread from the first browser on, in which no other test can have one."""
    with_browser = sum(any(item.iter_markers("browser")) for item in session.items)
    if not session.config.option.collectonly and 0 < with_browser < len(session.items):
        raise pytest.UsageError(
            f"{with_browser} of these {len(session.items)} tests use a browser; they run by themselves: "
            "choose with -m browser or -m 'not browser' (make test runs both)."
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was run twice, and why: it passed then, but a rerun that passes is a fault not yet found."""
    reports = terminalreporter.stats.get("rerun", [])
    if not reports:
        return
    terminalreporter.section(f"{len(reports)} failed and ran once more")
    for report in reports:
        terminalreporter.line(f"{report.nodeid} ({report.when}):")
        for line in report.longreprtext.splitlines()[-12:]:
            terminalreporter.line(f"    {line}")
