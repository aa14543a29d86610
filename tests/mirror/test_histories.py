"""Whatever happens on a PBX, and however its telling comes to us, the mirror is in the end what the PBX is."""

import asyncio

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from .histories import ACTS, Acts

numbers = st.integers(min_value=0, max_value=59)
steps = st.tuples(st.sampled_from(ACTS), numbers, numbers)
# Hypothesis makes lists of about twice their least length; a step that does nothing is how a history shrinks.
histories = st.lists(steps, min_size=40, max_size=120).map(
    lambda steps: [step for step in steps if step[0] != "nothing"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories, st.integers(min_value=0, max_value=1000))
def test_the_mirror_is_what_the_pbx_is(history: list[tuple[str, int, int]], cuts: int) -> None:
    acts = Acts(cuts)
    try:
        asyncio.run(acts.play(history))
    except BaseException as error:
        note("\n".join([*acts.trace, repr(error)]))
        raise
