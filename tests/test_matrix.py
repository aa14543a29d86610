"""What a part of a matrix leaves out is combinations, never a pair."""

import itertools

from tests.matrix import FULL, combinations, share

AXES = [["22", "16"], ["tcp", "tls", "http", "https"], ["cut", "reset", "stalled"]]


def pairs_of(found: list[tuple[str, ...]]) -> set[tuple[str, str]]:
    return {pair for values in found for pair in itertools.combinations(values, 2)}


def test_every_pair_of_values_is_in_a_combination() -> None:
    part, whole = combinations(AXES, full=False), combinations(AXES, full=True)
    assert len(part) < len(whole) == 24
    assert pairs_of(part) == pairs_of(whole)
    assert set(part) <= set(whole)


def test_every_value_of_a_table_is_in_one_of_its_places() -> None:
    shares = [share(range(10), number, 3) for number in range(3)]
    assert sorted(value for each in shares for value in each) == sorted([*range(10)] * (3 if FULL else 1))
