"""What crosses the channel layer to the worker is read by type, and refused where it is of none."""

from typing import Any

import pytest

from engine.mirror.envelopes import CheckNow, Envelope, LookUp, MalformedEnvelope, RunCommand, read, written

COMMAND = RunCommand("reply", "0123", "participant.move", "1.1", 7, 1.5, {"to": "8002"})


@pytest.mark.parametrize("envelope", [COMMAND, LookUp("reply", "system.status", 1.5, {"a": 1}), CheckNow("reply")])
def test_what_is_written_is_read_as_it_was(envelope: Envelope) -> None:
    message = written(envelope)
    assert message["type"] == envelope.TYPE
    assert read(message) == envelope


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "ami.nothing"}, "no envelope of the type 'ami.nothing'"),
        ({"id": None}, "'id' of ami.command is None"),
        ({"user_id": "7"}, "'user_id' of ami.command is '7'"),
        ({"user_id": True}, "'user_id' of ami.command is True"),
        ({"deadline": "soon"}, "'deadline' of ami.command"),
        ({"parameters": [1]}, "'parameters' of ami.command"),
        ({"key": 1}, "'key' of ami.command is 1"),
        ({"action": "Hangup"}, "unexpected keyword argument 'action'"),
        ({"notice": "x"}, "unexpected keyword argument 'notice'"),
    ],
)
def test_what_is_not_of_its_type_is_refused_with_what_is_wrong(change: dict[str, Any], says: str) -> None:
    with pytest.raises(MalformedEnvelope, match=says):
        read({**written(COMMAND), **change})


@pytest.mark.parametrize("name", ["reply_to", "id", "verb", "key", "user_id", "deadline"])
def test_what_is_missing_is_named(name: str) -> None:
    message = written(COMMAND)
    del message[name]
    with pytest.raises(MalformedEnvelope, match=name):
        read(message)


def test_a_deadline_may_be_a_whole_number() -> None:
    assert read({**written(COMMAND), "deadline": 2}) == RunCommand(
        **{**{k: v for k, v in written(COMMAND).items() if k != "type"}, "deadline": 2}
    )


def test_without_a_type_it_is_refused() -> None:
    with pytest.raises(MalformedEnvelope, match="no envelope of the type None"):
        read({})
