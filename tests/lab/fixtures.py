"""pytest fixtures that hand a running Asterisk, and telephones for it, to any test of the project.

Load them once, from the top conftest: ``pytest_plugins = ["tests.lab.fixtures"]``.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Generator, Iterator
from typing import Protocol

import pytest

from .asterisk import Asterisk
from .chroot import VERSIONS, LabUnavailableError, build
from .phones import Behaviour, Caller, Phone, started


class PhoneFactory(Protocol):
    """Makes a telephone that listens, and that ends with the test."""

    def __call__(self, asterisk: Asterisk, number: str, behaviour: Behaviour = "answer") -> Phone: ...


class CallerFactory(Protocol):
    """Makes a call into the PBX, which ends with the test."""

    def __call__(self, asterisk: Asterisk, to: str, number: str = "0401234567", name: str = "") -> Caller: ...


def _versions_of(item: pytest.Item) -> set[str]:
    """The Asterisks that a test asks for. (Some tests have a fixture `asterisk` of their own, which is none.)"""
    names = set(getattr(item, "fixturenames", ()))
    versions = {version for version in VERSIONS if f"_asterisk{version}" in names}
    if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "asterisk" in item.callspec.params:
        versions.add(str(item.callspec.params["asterisk"]))
    return versions


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark those that use a real Asterisk, for ``-m live``."""
    if _versions_of(item):
        item.add_marker("live")


def pytest_runtest_logstart() -> None:
    started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a test that failed goes what the telephones and Asterisk itself tell of it."""
    report = yield
    if report.failed and report.when == "call":
        used = {one for one in getattr(item, "funcargs", {}).values() if isinstance(one, Asterisk)}
        if stories := [one.story() for one in started] + [one.story() for one in used]:
            report.sections.append(("the lab", "\n".join(stories)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Install each Asterisk that a test asks for before the first test, since that takes longer than a test may."""
    if session.config.option.collectonly:
        return
    asked = set[str]().union(*map(_versions_of, session.items))
    for version in VERSIONS:
        if version in asked:
            with contextlib.suppress(LabUnavailableError):  # which each test that needs it will tell
                build(version)


def _running(version: str) -> Iterator[Asterisk]:
    asterisk = Asterisk(version)
    try:
        asterisk.start()
    except LabUnavailableError as reason:
        sentence = f"NOT TESTED AGAINST A REAL ASTERISK {version}: {reason}"
        # A machine that checks the project may not look green because it could not check.
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    try:
        yield asterisk
    finally:
        asterisk.stop()


@pytest.fixture(scope="session")
def _asterisk22() -> Iterator[Asterisk]:
    yield from _running("22")


@pytest.fixture(scope="session")
def _asterisk16() -> Iterator[Asterisk]:
    yield from _running("16")


def _for_one_test(asterisk: Asterisk) -> Iterator[Asterisk]:
    """The session's instance; running when the test starts, and without calls when the next one does."""
    asterisk.start()
    yield asterisk
    if asterisk.pid is None:
        return
    try:
        asterisk.quiet()
    except TimeoutError:
        # A channel that Asterisk itself cannot end any more. The test that left it is told so; the others need not.
        try:
            left = asterisk.channels()
        finally:
            asterisk.kill()
        if not all(name.startswith("Surrogate/") for name in left):
            raise
        # What stood in for a channel while it was moved, and has no thread that would end it: nobody's call.
        warnings.warn(f"Asterisk {asterisk.version} has leaked {', '.join(left)}.", stacklevel=1)


@pytest.fixture
def asterisk22(_asterisk22: Asterisk) -> Iterator[Asterisk]:
    """Asterisk 22, started by the first test that asks for it."""
    yield from _for_one_test(_asterisk22)


@pytest.fixture
def asterisk16(_asterisk16: Asterisk) -> Iterator[Asterisk]:
    """Asterisk 16, started by the first test that asks for it."""
    yield from _for_one_test(_asterisk16)


@pytest.fixture(params=["22", "16"])
def asterisk(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    """Each version in turn."""
    yield from _for_one_test(request.getfixturevalue(f"_asterisk{request.param}"))


@pytest.fixture
def phone_factory() -> Iterator[PhoneFactory]:
    """``phone_factory(asterisk, "101", "answer")``: a telephone that listens already."""
    with contextlib.ExitStack() as stack:

        def make(asterisk: Asterisk, number: str, behaviour: Behaviour = "answer") -> Phone:
            return stack.enter_context(Phone(asterisk, number, behaviour))

        yield make


@pytest.fixture
def caller_factory() -> Iterator[CallerFactory]:
    """``caller_factory(asterisk, "101", number="0401234567", name="李雷")``: a call that has been sent."""
    with contextlib.ExitStack() as stack:

        def make(asterisk: Asterisk, to: str, number: str = "0401234567", name: str = "") -> Caller:
            return stack.enter_context(Caller(asterisk, to, number, name))

        yield make
