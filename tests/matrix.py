"""Matrices of tests: every pair of values in `make test`, every combination in `make test-matrix`."""

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import pytest
from allpairspy import AllPairs

FULL = os.environ.get("PANEL_MATRIX") == "full"

Test = TypeVar("Test", bound=Callable[..., Any])
Value = TypeVar("Value")


def share(values: Sequence[Value], number: int, of: int) -> Sequence[Value]:
    """Of a table that goes through each of several places: in place `number` every one of `of`; all in the matrix."""
    return values if FULL else values[number::of]


def combinations(axes: Sequence[Iterable[Any]], *, full: bool = FULL) -> list[tuple[Any, ...]]:
    """Combinations of a value of each axis: all of them, or so many that each pair of values is in one."""
    return [*itertools.product(*axes)] if full else [tuple(found) for found in AllPairs([*map(list, axes)])]


def matrix(indirect: Sequence[str] = (), **axes: Iterable[Any]) -> Callable[[Test], Test]:
    """Parametrize a test over `axes`, by the names of its arguments; `indirect` names those that are fixtures'."""
    found = [pytest.param(*values, id="-".join(map(str, values))) for values in combinations([*axes.values()])]
    mark = pytest.mark.parametrize(list(axes), found, indirect=list(indirect))

    def decorate(test: Test) -> Test:
        decorated: Test = pytest.mark.matrix(mark(test))
        return decorated

    return decorate
