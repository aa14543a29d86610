"""The wire format: whatever the network does to the stream, the same messages come out of it, or one clear error."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ami.errors import AmiError, IllegalField, MessageTooLarge, NotAmi
from engine.ami.protocol import Action, Message, Protocol

from .corpus import FILES, messages, pieces, read, stream

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
END = b"\r\n\r\n"


def parse(body: bytes) -> list[Message]:
    """The messages in a stream that is read at once, after a greeting."""
    return Protocol().receive(GREETING + body)


def only(body: bytes) -> Message:
    """The one message in a stream."""
    (message,) = parse(body)
    return message


def raws(found: list[Message]) -> list[bytes]:
    return [message.raw for message in found]


# What may stand in a line: anything but the bytes that end it. A lone CR or LF may.
texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
keys = st.text(st.sampled_from("ABCdef-()0 "), min_size=1, max_size=8).filter(lambda key: key.strip() == key)
fields = st.lists(st.tuples(keys, texts), max_size=8)
heads = st.one_of(
    st.tuples(st.just("Event"), st.sampled_from(["Newchannel", "VarSet", "Hangup", "Ünï"])),
    st.tuples(st.just("Response"), st.sampled_from(["Success", "Error", "Goodbye"])),
)
generated = st.builds(lambda head, rest: [head, *rest], heads, fields)


def encode(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in pairs).encode() + b"\r\n"


# The stream and its cuts.


@given(st.lists(generated, max_size=6), st.lists(st.integers(min_value=0, max_value=4)), st.data())
def test_any_cut_of_the_stream_gives_the_messages_that_were_sent(
    sent: list[list[tuple[str, str]]], empty_lines: list[int], data: st.DataObject
) -> None:
    extra = [*empty_lines, *[0] * len(sent)]
    body = GREETING + b"".join(encode(pairs) + b"\r\n" * more for pairs, more in zip(sent, extra, strict=False))
    cuts = data.draw(st.lists(st.integers(min_value=0, max_value=len(body)), max_size=12))
    found = read(Protocol(), pieces(body, cuts))
    assert [list(message.pairs()) for message in found] == sent
    assert raws(found) == raws(Protocol().receive(body))
    assert [message.is_event for message in found] == [pairs[0][0] == "Event" for pairs in sent]


@given(st.lists(generated, min_size=1, max_size=3))
def test_a_stream_that_comes_byte_by_byte_gives_the_messages_that_were_sent(
    sent: list[list[tuple[str, str]]],
) -> None:
    body = GREETING + b"".join(map(encode, sent))
    found = read(Protocol(), [body[at : at + 1] for at in range(len(body))])
    assert [list(message.pairs()) for message in found] == sent


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("longest", [1, 7, 1460, 60_000])
def test_a_recording_cut_at_random_gives_the_same_as_whole(file: Path, longest: int) -> None:
    chance = random.Random(longest)
    data, whole = stream(file), messages(file)
    reads, at = [], 0
    while at < len(data):
        size = chance.randint(1, longest)
        reads.append(data[at : at + size])
        at += size
    found = read(Protocol(), reads)
    assert Counter(message.name for message in found) == Counter(message.name for message in whole)
    assert raws(found) == raws(list(whole))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_line_of_a_recording_is_lost(file: Path) -> None:
    greeting, _, body = stream(file).partition(b"\r\n")
    lines = [line for line in body.split(b"\r\n") if line]
    found = messages(file)
    assert [line for message in found for line in message.raw.split(b"\r\n")] == lines
    assert sum(len(list(message.pairs())) for message in found) == len(lines), "each line is a field"
    assert greeting.startswith(b"Asterisk Call Manager/")
    assert all(message.name for message in found)
    assert {message.raw.partition(b":")[0] for message in found} == {b"Event", b"Response"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recording_counts_the_events_that_its_bytes_name(file: Path) -> None:
    named = [line[7:].decode() for line in stream(file).split(b"\r\n") if line.startswith(b"Event: ")]
    assert Counter(named) == Counter(message.name for message in messages(file) if message.is_event)


@given(
    st.sampled_from(FILES),
    st.integers(min_value=0),
    st.lists(st.tuples(st.integers(min_value=0), st.sampled_from("xid"), st.binary(max_size=12)), max_size=30),
    st.integers(min_value=1, max_value=5000),
    st.sampled_from([4000, 16 * 2**20]),
)
def test_a_damaged_stream_raises_nothing_but_its_two_errors(
    file: Path, start: int, damages: list[tuple[int, str, bytes]], read_size: int, limit: int
) -> None:
    whole = stream(file)
    start %= len(whole)
    data = bytearray(GREETING + whole[start : start + 20_000])
    for place, kind, junk in damages:
        at = place % (len(data) + 1)
        data[at : at + (0 if kind == "i" else len(junk) or 1)] = b"" if kind == "d" else junk
    protocol = Protocol(max_message=limit, wanted=["Newchannel", "Hangup"])
    try:
        found = read(protocol, [bytes(data[at : at + read_size]) for at in range(0, len(data), read_size)])
    except (NotAmi, MessageTooLarge):
        return
    for message in found:
        assert message.raw in data
        assert message.name in repr(message)
        assert all(line in message.raw.decode("utf-8", "replace").replace("\r\n", "\n") for line in message.output)


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=50))
def test_pure_noise_after_the_greeting_comes_out_the_same_however_it_is_cut(noise: bytes, read_size: int) -> None:
    body = GREETING + noise
    reads = [body[at : at + read_size] for at in range(0, len(body), read_size)]
    assert raws(read(Protocol(), reads)) == raws(Protocol().receive(body))


# Lines.


def test_broken_utf8_shows_as_a_replacement_and_is_not_dropped() -> None:
    message = only(b"Event: Newchannel\r\nCallerIDName: Zo\xeb \xff\xfe!\r\n\r\n")
    assert message.get("CallerIDName") == "Zo\ufffd \ufffd\ufffd!"


def test_text_that_is_utf8_stays_as_it_is() -> None:
    assert (
        only("Event: Newchannel\r\nCallerIDName: 李雷 Zürcher\r\n\r\n".encode()).get("CallerIDName") == "李雷 Zürcher"
    )


def test_a_value_may_hold_colons() -> None:
    message = only(b"Event: VarSet\r\nValue: sip:101@[::1]:5060: a: b:\r\n\r\n")
    assert message.fields == {"Event": "VarSet", "Value": "sip:101@[::1]:5060: a: b:"}


def test_an_empty_value_stays_empty() -> None:
    message = only(b"Event: Newchannel\r\nExten: \r\nContext:\r\nPriority: 1\r\n\r\n")
    assert message.fields == {"Event": "Newchannel", "Exten": "", "Context": "", "Priority": "1"}


def test_a_missing_field_is_the_default() -> None:
    message = only(b"Event: Newchannel\r\nExten: \r\n\r\n")
    assert (message.get("Context"), message.get("Context", "none"), message.get("Exten", "none")) == ("", "none", "")


def test_a_key_without_a_space_after_it_is_read() -> None:
    message = only(b"Event:Newchannel\r\nExten:101\r\n\r\n")
    assert (message.is_event, message.name, message.get("Exten")) == (True, "Newchannel", "101")


def test_only_one_space_after_the_colon_belongs_to_the_form() -> None:
    assert only(b"Event: VarSet\r\nValue:   three\r\n\r\n").get("Value") == "  three"


def test_of_a_repeated_key_the_first_counts_and_all_can_be_had() -> None:
    message = only(b"Event: UserEvent\r\nVariable: a=1\r\nState: x\r\nVariable: b=2\r\nVariable: \r\n\r\n")
    assert message.get("Variable") == "a=1"
    assert message.all("Variable") == ["a=1", "b=2", ""]
    assert message.all("Nothing") == []


def test_a_line_without_a_colon_costs_no_other_line() -> None:
    assert only(b"Event: X\r\nnonsense\r\nKey: value\r\n\r\n").fields == {"Event": "X", "Key": "value"}


def test_a_bare_line_feed_does_not_end_a_line() -> None:
    message = only(b"Response: Success\r\nMessage: Park successful\n\r\n\r\n")
    assert message.get("Message") == "Park successful\n"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_extra_empty_lines_between_messages_are_no_messages(count: int) -> None:
    found = parse(b"Event: TestEvent" + END + b"\r\n" * count + b"Event: Hangup" + END)
    assert raws(found) == [b"Event: TestEvent", b"Event: Hangup"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_an_unwanted_event_after_an_extra_empty_line_is_dropped_too(count: int) -> None:
    body = b"Event: Hangup" + END + b"\r\n" * count + b"Event: VarSet\r\nValue: 1" + END
    for cut in range(len(body)):
        protocol = Protocol(wanted=["Hangup"])
        found = read(protocol, pieces(GREETING + body, [len(GREETING) + cut]))
        assert [message.name for message in found] == ["Hangup"]
        assert protocol.dropped == 1


# What `Command` printed.


def test_output_lines_keep_their_leading_spaces() -> None:
    message = only(
        b"Response: Success\r\nMessage: Command output follows\r\nOutput: a: b\r\nOutput:   c\r\nOutput: \r\n\r\n"
    )
    assert message.output == ["a: b", "  c", ""]


OLD_COMMAND = (
    b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\n"
    b"System: x\n\n  indented\r\n\r\nEvent: not an event\r\n\r\n\r\nlast\n--END COMMAND--\r\n\r\n"
)
OLD_OUTPUT = ["System: x", "", "  indented", "", "Event: not an event", "", "", "last"]


def test_the_old_form_of_a_command_answer_may_hold_empty_lines() -> None:
    first, second = parse(OLD_COMMAND + b"Event: Hangup" + END)
    assert (first.name, first.is_event, first.get("ActionID")) == ("Follows", False, "7")
    assert first.output == OLD_OUTPUT
    assert second.name == "Hangup"


@pytest.mark.parametrize("empty_line_before", [b"", b"\r\n", b"\r\n\r\n"])
def test_the_old_form_of_a_command_answer_may_be_cut_anywhere(empty_line_before: bytes) -> None:
    body = b"Event: A" + END + empty_line_before + OLD_COMMAND + b"Event: Hangup" + END
    for cut in range(len(body)):
        for wanted in (None, ["A", "Hangup"]):
            found = read(Protocol(wanted=wanted), pieces(GREETING + body, [len(GREETING) + cut]))
            assert [message.name for message in found] == ["A", "Follows", "Hangup"]
            assert found[1].output == OLD_OUTPUT


def test_an_old_command_answer_without_output_is_empty() -> None:
    assert only(b"Response: Follows\r\nPrivilege: Command\r\n--END COMMAND--\r\n\r\n").output == []


# The limit.


def test_a_message_as_long_as_the_limit_is_read() -> None:
    message = b"Event: X\r\nKey: " + b"x" * 85
    assert len(message) == 100
    assert raws(Protocol(max_message=100).receive(GREETING + message + END)) == [message]


def test_a_message_beyond_the_limit_is_refused_with_its_end() -> None:
    with pytest.raises(MessageTooLarge, match="100 bytes"):
        Protocol(max_message=100).receive(GREETING + b"Event: X\r\nKey: " + b"x" * 86 + END)


def test_a_message_beyond_the_limit_is_refused_before_its_end() -> None:
    protocol = Protocol(max_message=100)
    protocol.receive(GREETING + b"Event: X" + END + b"Event: Y\r\n")
    with pytest.raises(MessageTooLarge):
        read(protocol, [b"x" * 30] * 4)


def test_a_message_beyond_the_limit_is_refused_behind_others_in_one_read() -> None:
    with pytest.raises(MessageTooLarge):
        Protocol(max_message=100).receive(GREETING + b"Event: X" + END + b"Event: Y\r\n" + b"x" * 100)


def test_an_old_command_answer_beyond_the_limit_is_refused_though_empty_lines_divide_it() -> None:
    protocol = Protocol(max_message=100)
    with pytest.raises(MessageTooLarge):
        read(protocol, [GREETING, b"Response: Follows\r\n\r\n", *[b"xxxxxxxxxx\r\n\r\n"] * 20])


def test_empty_lines_without_end_in_an_old_command_answer_are_refused() -> None:
    with pytest.raises(MessageTooLarge):
        read(Protocol(max_message=100), [GREETING, b"Response: Follows", END, *[END] * 30])


def test_many_messages_that_are_longer_than_the_limit_together_are_no_trouble() -> None:
    assert len(Protocol(max_message=100).receive(GREETING + (b"Event: X" + END) * 100)) == 100


def test_an_answer_after_a_long_one_in_the_old_form_has_the_whole_limit_again() -> None:
    protocol = Protocol(max_message=100)
    long = b"Response: Follows\r\n\r\n" + b"x" * 50 + b"\r\n--END COMMAND--\r\n\r\n"
    assert len(read(protocol, [GREETING, long, long, b"Event: Y\r\nKey: " + b"x" * 80, END])) == 3


# What is wanted.


def test_what_is_not_wanted_is_dropped_and_counted() -> None:
    protocol = Protocol(wanted=["Hangup"])
    names = ("VarSet", "Hangup", "HangupRequest", "Newexten")
    found = protocol.receive(GREETING + b"".join(f"Event: {name}\r\nKey: 1\r\n\r\n".encode() for name in names))
    assert [message.name for message in found] == ["Hangup"]
    assert protocol.dropped == 3


def test_an_event_that_answers_an_action_is_kept_though_not_wanted() -> None:
    protocol = Protocol(wanted=[])
    found = protocol.receive(GREETING + b"Event: CoreShowChannel\r\nActionID: 5\r\n\r\nEvent: VarSet" + END)
    assert [message.name for message in found] == ["CoreShowChannel"]


def test_responses_are_always_wanted() -> None:
    assert Protocol(wanted=[]).receive(GREETING + b"Response: Error\r\nMessage: no" + END)[0].get("Message") == "no"


def test_an_action_id_within_a_value_does_not_make_an_event_wanted() -> None:
    assert Protocol(wanted=[]).receive(GREETING + b"Event: VarSet\r\nValue: ActionID: 5" + END) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_kept_and_what_is_dropped_of_a_recording_add_up(file: Path) -> None:
    wanted = {"Newchannel", "Hangup"}
    protocol = Protocol(wanted=wanted)
    kept = protocol.receive(stream(file))
    expected = [m for m in messages(file) if not m.is_event or m.name in wanted or m.get("ActionID")]
    assert raws(kept) == raws(expected)
    assert protocol.dropped == len(messages(file)) - len(expected) > 200


# The greeting.


def test_the_greeting_is_kept_though_it_comes_in_pieces() -> None:
    protocol = Protocol()
    assert protocol.greeting is None
    assert read(protocol, [b"Asterisk Call Man", b"ager/5.0.4\r"]) == []
    assert protocol.greeting is None
    assert [message.name for message in protocol.receive(b"\nEvent: X" + END)] == ["X"]
    assert protocol.greeting == "Asterisk Call Manager/5.0.4"


FOREIGN_GREETINGS = [
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n",
    b"220 mail.example.org ESMTP\r\n",
    b"\x15\x03\x03\x00\x02\x02\x32",
    b"Asterisk Call\r\n",
    b"\r\n",
    b"Asterisk Call Manager\r\n",
]


@pytest.mark.parametrize("greeting", FOREIGN_GREETINGS)
def test_another_programs_greeting_is_refused(greeting: bytes) -> None:
    with pytest.raises(NotAmi, match="not Asterisk's manager interface"):
        Protocol().receive(greeting)


@pytest.mark.parametrize("greeting", FOREIGN_GREETINGS)
def test_another_programs_greeting_is_refused_when_it_comes_byte_by_byte(greeting: bytes) -> None:
    with pytest.raises(NotAmi):
        read(Protocol(), [greeting[at : at + 1] for at in range(len(greeting))])


def test_the_complaint_tells_what_was_heard() -> None:
    with pytest.raises(NotAmi, match="SSH-2"):
        Protocol().receive(b"SSH-2.0-OpenSSH_9.2p1\r\n")


def test_a_percent_sign_in_what_was_heard_does_no_harm() -> None:
    with pytest.raises(NotAmi, match=r"100 %\(s\)d %s"):
        Protocol().receive(b"100 %(s)d %s\r\n")


def test_a_greeting_without_end_is_refused() -> None:
    protocol = Protocol()
    with pytest.raises(NotAmi):
        read(protocol, [b"Asterisk Call Manager/", *[b"9" * 50] * 10])


def test_over_http_there_is_no_greeting() -> None:
    protocol = Protocol(greeting=False)
    assert [message.name for message in protocol.receive(b"Response: Success" + END)] == ["Success"]


# Actions.


@pytest.mark.parametrize("evil", ["a\rb", "a\nb", "a\r\nAction: Command", "a\0b", "\n"])
def test_what_would_break_a_line_is_refused_everywhere(evil: str) -> None:
    for name, pairs in ((evil, ()), ("Hangup", (("Channel", evil),)), ("Hangup", ((evil, "x"),))):
        with pytest.raises(IllegalField):
            Action(name, pairs)
    with pytest.raises(IllegalField, match="ActionID"):
        Action("Ping").encode(evil)


@pytest.mark.parametrize("key", ["", "a:b", ":"])
def test_a_key_that_would_read_as_another_is_refused(key: str) -> None:
    with pytest.raises(IllegalField):
        Action("Hangup", ((key, "x"),))


def test_an_illegal_field_is_also_a_value_error_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="Channel must be a single line"):
        Action("Hangup", (("Channel", "a\r\nb"),))


def test_an_action_is_encoded_in_order_with_repeated_keys() -> None:
    action = Action("Originate", (("Channel", "PJSIP/101"), ("Variable", "a=1"), ("Variable", "b=ä: ö"), ("Exten", "")))
    assert (
        action.encode("id-1")
        == (
            "Action: Originate\r\nActionID: id-1\r\nChannel: PJSIP/101\r\n"
            "Variable: a=1\r\nVariable: b=ä: ö\r\nExten: \r\n\r\n"
        ).encode()
    )


@given(fields, texts)
def test_an_action_comes_out_of_a_parser_as_it_went_in(pairs: list[tuple[str, str]], action_id: str) -> None:
    try:
        encoded = Action("Ping", tuple(pairs)).encode(action_id)
    except AmiError:
        assert "\0" in action_id + "".join(key + value for key, value in pairs)
        return
    (message,) = Protocol(greeting=False).receive(encoded)
    assert list(message.pairs()) == [("Action", "Ping"), ("ActionID", action_id), *pairs]


# What a caller chooses as their number: Asterisk sends it as it came, line breaks and all.

SNAPSHOT = (
    "Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-1\r\nChannelState: 4\r\n"
    "ChannelStateDesc: Ring\r\nCallerIDNum: {number}\r\nCallerIDName: Carla\r\nConnectedLineNum: {connected}\r\n"
    "ConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\nContext: in\r\nExten: s\r\nPriority: 1\r\n"
    "Uniqueid: 7.7\r\nLinkedid: 7.7\r\n\r\n"
)
FORGED = [
    "1\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1",
    "1\r\n\r\nEvent: ConfbridgeEnd\r\nPrivilege: call,all\r\nConference: 8001",
    "1\r\nLinkedid: 1.1\r\n\r\nEvent: ConfbridgeEnd\r\nConference: 8001\r\n\r\n",
    "1\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nContext: x",
    "1\r\nChannel: PJSIP/101-1\r\nEvent: Hangup",
    "\r\n\r\n\r\n\r\nResponse: Success\r\nActionID: 1\r\n\r\nEvent: X\r\n\r\n",
    "1\r\nCallerIDName: x\r\nConnectedLineNum: x\r\nConnectedLineName: x\r\n\r\nEvent: X",
]


@pytest.mark.parametrize("wanted", [None, ["Newchannel", "Hangup", "ConfbridgeEnd"]])
@pytest.mark.parametrize("field", ["number", "connected"])
@pytest.mark.parametrize("number", FORGED)
@pytest.mark.parametrize("honest", [0, 2], ids=["the first", "after honest ones"])
def test_no_number_forges_an_event_or_hides_its_own(
    number: str, field: str, wanted: list[str] | None, honest: int
) -> None:
    assert len(number) < 80
    before = SNAPSHOT.format(number="0401", connected="101") * honest
    text = (
        SNAPSHOT.format(**{"number": "0401", "connected": "101", field: number})
        + "Event: Hangup\r\nUniqueid: 8.8\r\n\r\n"
    )
    for size in (1, 7, 100, 10_000):
        stream = GREETING + (before + text).encode()
        *_, call, hangup = read(Protocol(wanted=wanted), [stream[i : i + size] for i in range(0, len(stream), size)])
        assert [call.name, call.get("Event"), call.get("Channel")] == ["Newchannel", "Newchannel", "PJSIP/trunk-1"]
        assert [call.get("Uniqueid"), call.get("Linkedid"), call.get("Context")] == ["7.7", "7.7", "in"]
        assert hangup.fields == {"Event": "Hangup", "Uniqueid": "8.8"}


@pytest.mark.parametrize("number", ["1", *FORGED, "1\r\nUniqueid: 1.1\r\nApplication: x\r\nAppData: y"])
@pytest.mark.parametrize(
    "data", ["1\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nChannel: PJSIP/101-1\r\nEvent: Hangup", "1,2"]
)
def test_what_an_application_is_called_with_forges_nothing(number: str, data: str) -> None:
    text = SNAPSHOT.format(number=number, connected="101").replace("Newchannel", "Newexten").removesuffix("\r\n")
    message = only(f"{text}Extension: s\r\nApplication: Set\r\nAppData: {data}\r\n\r\n".encode())
    assert [message.name, message.get("Event"), message.get("Channel")] == ["Newexten", "Newexten", "PJSIP/trunk-1"]
    assert [message.get("Uniqueid"), message.get("Linkedid")] == ["7.7", "7.7"]


def test_what_a_layout_reads_is_what_is_read_with_care() -> None:
    """Of each recording played twice, nearly all is read by a layout, and as a message by itself is."""
    laid_out = total = 0
    for file in FILES:
        data = stream(file).partition(b"\r\n")[2]
        for message in Protocol(greeting=False).receive(data * 2):
            careful = Message(message.raw)
            keys = (*careful.fields, "Missing")
            assert [message.get(key, "none") for key in keys] == [careful.get(key, "none") for key in keys]
            assert message.pick(keys) == careful.pick(keys)
            assert message.pick(keys[:-1]) == tuple(careful.fields.values())[: len(keys) - 1]
            assert message.has_fields(frozenset(keys[:-1]))
            assert not message.has_fields(frozenset(keys))
            assert (message.name, message.is_event, message.fields) == (careful.name, True, careful.fields) or (
                not message.is_event
            )
            assert list(message.fields) == list(careful.fields)
            laid_out += message._layout is not None
            total += message.is_event
    assert laid_out > 0.9 * total


@pytest.mark.parametrize(
    "line", ["Key: a\nb", "Key: a\rb", "Key: 1\r\nKey: 2", "Key:1", "Key", "a:b: c", "Key: \udcff"]
)
def test_an_event_of_another_form_is_read_as_if_no_layout_were_known(line: str) -> None:
    plain = b"Event: Test\r\nKey: value" + END
    odd = b"Event: Test\r\n" + line.encode(errors="surrogateescape") + END
    messages = Protocol(greeting=False).receive(plain + odd + plain + odd)
    assert [message.fields for message in messages] == [
        Message(raw.removesuffix(END)).fields for raw in (plain, odd) * 2
    ]
    assert messages[2]._layout is not None


def test_many_forms_of_one_event_and_many_events_are_remembered_within_bounds() -> None:
    protocol = Protocol(greeting=False)
    for number in range(600):
        found = protocol.receive(f"Event: Test\r\nKey{number}: 1\r\n\r\nEvent: E{number}\r\nKey: 1\r\n\r\n".encode())
        assert [message.fields for message in found] == [
            {"Event": "Test", f"Key{number}": "1"}, {"Event": f"E{number}", "Key": "1"}
        ]  # fmt: skip
    assert len(protocol._layouts) == 500
    assert len(protocol._layouts[b"Test"]) == 4


def test_an_event_that_stays_torn_holds_nothing_up_for_long() -> None:
    torn = b"Event: Newstate\r\nChannelStateDesc: Up\r\nCallerIDNum: 1" + END
    found = Protocol().receive(GREETING + torn + (b"Event: X\r\nKey: " + b"x" * 1000 + END) * 20)
    assert [message.name for message in found] == ["Newstate", *["X"] * (20 - 8)]
