"""An Asterisk that cannot end a channel any more: whom the next test gets, and what the test that left it is told."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.lab.fixtures import _for_one_test


class Stuck:
    """As an `Asterisk` that has these channels for good."""

    version, pid = "22", 1

    def __init__(self, left: Sequence[str]) -> None:
        self.left, self.was_killed = left, False

    def start(self) -> None:
        pass

    def quiet(self) -> None:
        raise TimeoutError("channels do not end")

    def channels(self) -> Sequence[str]:
        return self.left

    def kill(self) -> None:
        self.was_killed = True


def use(asterisk: Any) -> None:
    assert list(_for_one_test(asterisk)) == [asterisk]


def test_whoever_leaves_a_call_is_told_so_and_the_next_gets_another_asterisk() -> None:
    asterisk = Stuck(["Surrogate/PJSIP/101-1", "PJSIP/101-2"])
    with pytest.raises(TimeoutError):
        use(asterisk)
    assert asterisk.was_killed


def test_what_asterisk_itself_has_leaked_is_named_and_is_no_fault_of_the_test() -> None:
    asterisk = Stuck(["Surrogate/PJSIP/101-1", "Surrogate/Local/103@internal-1;1"])
    with pytest.warns(UserWarning, match="Asterisk 22 has leaked Surrogate/PJSIP/101-1, Surrogate/Local"):
        use(asterisk)
    assert asterisk.was_killed
