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


# What histories have found: each made the mirror wrong for good once.
FOUND = {
    "an answer and what came behind it are read at once": [
        ("two_talk", 0, 0),
        ("somebody_holds", 0, 0),
        ("link_comes_up", 0, 0),
        ("a_question_is_answered", 0, 2),
        ("a_question_is_answered", 0, 2),
        ("a_question_is_answered", 0, 0),
        ("a_question_is_answered", 0, 0),
        ("somebody_takes_back", 0, 0),
        ("some_events_arrive", 59, 0),
    ],
    "a conference ends and begins behind the list in which it is not": [
        ("all_is_quiet", 0, 0),
        ("somebody_comes_and_joins", 57, 0),
        ("some_events_arrive", 18, 0),
        ("a_conference_ends", 0, 1),
        ("drift_is_looked_for", 0, 0),
        ("questions_are_answered", 2, 2),
        ("a_question_is_answered", 0, 0),
        ("somebody_comes_and_joins", 1, 0),
        ("a_recording_begins_or_ends", 0, 0),
    ],
    "a list names the bridge to which somebody who held has gone": [
        ("two_talk", 0, 0),
        ("link_comes_up", 0, 0),
        ("somebody_holds", 0, 0),
        ("two_are_bridged", 0, 1),
    ],
    "an admin is muted before joining": [
        ("all_is_quiet", 0, 0),
        ("somebody_comes_and_joins", 1, 15),
        ("everybody_is_muted", 0, 0),
    ],
    "somebody talks when the link breaks": [
        ("somebody_comes_and_joins", 0, 0),
        ("all_is_quiet", 0, 0),
        ("link_breaks", 0, 0),
        ("somebody_speaks", 0, 1),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_what_has_been_found_stays_put_right(name: str) -> None:
    asyncio.run(Acts().play(FOUND[name]))


@pytest.mark.parametrize("number", range(2))
def test_the_mirror_is_what_the_pbx_is(number: int) -> None:
    """`make soak` plays thousands."""
    play_histories(30, number=number)
