"""What damaged bytes do to us: nothing but the two documented errors; and what any text does to our actions."""

import gc
import inspect
import random
import re
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ami import actions
from engine.ami.errors import IllegalField
from engine.ami.protocol import Action, Protocol
from engine.mirror import sanitize

from .fuzz import Fuzz, make

# How many are read in each part of the test; `make soak` reads a million.
STREAMS = 500
# Begins where `make soak` does not, so that both together see more.
FIRST = 10**9


@pytest.mark.parametrize("part", range(2))
def test_damaged_streams_raise_nothing_else_and_fold_into_bounded_tables(part: int) -> None:
    fuzz = Fuzz()
    first = FIRST + part * STREAMS
    for number in range(first, first + STREAMS):
        try:
            fuzz.run(number)
        except Exception as error:
            raise AssertionError(f"stream {number}: {make(random.Random(number))!r}") from error
    # The streams are what they should be: most are read to the end, and each kind of refusal happens.
    assert fuzz.counts["streams"] == STREAMS
    assert fuzz.counts["messages"] > STREAMS
    assert fuzz.counts["NotAmi"] > STREAMS / 100
    assert fuzz.counts["MessageTooLarge"] > STREAMS / 100
    assert fuzz.counts["lists"] > STREAMS / 100


def test_damaged_streams_leave_no_memory_behind() -> None:
    fuzz = Fuzz()

    def run(first: int, count: int) -> tracemalloc.Snapshot:
        for number in range(first, first + count):
            fuzz.run(number)
        # What is kept within a bound grows until it is reached, and by much at once where its table is made anew.
        re.purge()
        for cached in (sanitize.clean, sanitize.clean_name):
            cached.cache_clear()
        gc.collect()
        return tracemalloc.take_snapshot()

    tracemalloc.start()
    try:
        before = run(FIRST, 60)
        after = run(FIRST + 60, 150)
    finally:
        tracemalloc.stop()
    grown = after.compare_to(before, "lineno")
    assert sum(each.size_diff for each in grown) < 100_000, "\n".join(map(str, grown[:10]))


BUILDERS: list[Callable[..., Action]] = [
    function
    for name, function in vars(actions).items()
    if inspect.isfunction(function) and function.__module__ == actions.__name__
    if name[0] != "_" and name not in ("sends", "action_of")
]
# Any text at all: line breaks, control characters, halves of surrogate pairs, colons, and what looks like a field.
texts = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("a :\r\n\0\x85\u2028,;=\ud800\U0001f600")),
    st.sampled_from(["x\r\nAction: Command", "", " ", "Action: Ping"]),
)
ARGUMENTS: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(1, 99),
    tuple[str, str]: st.tuples(texts, texts),
    float: st.floats(min_value=0, max_value=1e6),
    bool: st.booleans(),
    Iterable[str]: st.lists(texts, max_size=3),
    Iterable[tuple[str, str]]: st.lists(st.tuples(texts, texts), max_size=3),
}


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@given(data=st.data())
def test_an_action_of_any_text_is_refused_or_read_as_it_was_meant(
    build: Callable[..., Action], data: st.DataObject
) -> None:
    hints = get_type_hints(build)
    arguments = {name: data.draw(ARGUMENTS[hints[name]], name) for name in inspect.signature(build).parameters}
    action_id = data.draw(texts, "action_id")
    try:
        action = build(**arguments)
        encoded = action.encode(action_id)
    except IllegalField:
        told = repr([action_id, *arguments.values()])
        pairs = [pair for value in arguments.values() if isinstance(value, list) for pair in value]
        names = [pair[0] for pair in pairs if isinstance(pair, tuple)]
        assert any(mark in told for mark in (r"\r", r"\n", r"\x00", r"\ud")) or any(
            not name or ":" in name for name in names
        ), "there was nothing to refuse"
        return
    (message,) = Protocol(greeting=False).receive(encoded)
    assert list(message.pairs()) == [("Action", action.name), ("ActionID", action_id), *action.fields]
    sent = " ".join(value for _key, value in action.fields)
    assert all(value in sent for value in arguments.values() if isinstance(value, str))
