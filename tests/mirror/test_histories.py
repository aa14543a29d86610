"""Whatever happens on a PBX, and however its telling comes to us, the mirror is in the end what the PBX is."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from .histories import ACTS, Acts

pytestmark = [pytest.mark.timeout(600)]  # shrinking a history that fails takes its time

numbers = st.integers(min_value=0, max_value=59)
steps = st.tuples(st.sampled_from(ACTS), numbers, numbers)
# Hypothesis makes lists of about twice their least length; a step that does nothing is how a history shrinks.
histories = st.lists(steps, min_size=40, max_size=120).map(
    lambda steps: [step for step in steps if step[0] != "nothing"]
)


def play_histories(count: int, *, number: int | None = None) -> None:
    """Play so many; where one fails, the shortest that does is told, event by event.

    With a number they are others for each number, and always the same.
    """

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories, st.integers(min_value=0, max_value=1000))
    def play(history: list[tuple[str, int, int]], cuts: int) -> None:
        acts = Acts(cuts)
        try:
            asyncio.run(acts.play(history))
        except BaseException as error:
            note("\n".join([*acts.trace, repr(error)]))
            raise

    (play if number is None else seed(number)(play))()


def test_the_mirror_is_what_the_pbx_is() -> None:
    play_histories(300)
