"""What a part of a matrix leaves out is combinations, never a pair."""

import itertools

from tests.matrix import combinations

AXES = [["22", "16"], ["tcp", "tls", "http", "https"], ["cut", "reset", "stalled"]]


def pairs_of(found: list[tuple[str, ...]]) -> set[tuple[str, str]]:
    return {pair for values in found for pair in itertools.combinations(values, 2)}


def test_every_pair_of_values_is_in_a_combination() -> None:
    part, whole = combinations(AXES, full=False), combinations(AXES, full=True)
    assert len(part) < len(whole) == 24
    assert pairs_of(part) == pairs_of(whole)
    assert set(part) <= set(whole)
