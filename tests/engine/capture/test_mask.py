"""What is masked, what stays, and that what belonged together does so still."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ami.protocol import Protocol
from engine.capture.file import Entry, Malformed, Writer, read
from engine.capture.mask import Mask, masked_lines
from tests.engine.ami.corpus import FILES, messages

# What the telephones of the corpus call themselves and each other (see tests/lab/record.py).
NAMES = ("Anna", "Alpha", "Zürcher", "李雷", "Delta")
NUMBER = re.compile(rb"\b0?4[0-9]{8,}\b")


def masked(text: str, mask: Mask | None = None) -> list[str]:
    return masked_lines(mask or Mask(), text.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    "line",
    [
        "Secret: geheim", "Key: 0123456789abcdef0123456789abcdef", "Challenge: 123456789", "Username: kunde-mueller",
        "ReceivedHash: abcdef", "AccountID: kunde", "SessionID: 0x7f",
    ],
)  # fmt: skip
def test_nothing_is_left_of_a_secret(line: str) -> None:
    assert masked(f"Action: Login\n{line}")[1] == f"{line.partition(':')[0]}: masked"


@pytest.mark.parametrize(
    "line",
    [
        "Event: Newchannel", "Privilege: call,all", "ActionID: 1a2b3c4d-17", "Uniqueid: 1732451234.12",
        "DestUniqueid: 1732451234.13", "ChannelStateDesc: Ringing", "Duration: 00:01:02", "Cause-txt: Normal Clearing",
        "AsteriskVersion: 22.10.1", "CallerIDName: <unknown>", "Message: No active conferences.",
        "Message: No Conference by that name found.", "Message: Permission denied", "Exten: s",
    ],
)  # fmt: skip
def test_what_is_asterisks_own_stays(line: str) -> None:
    assert masked(line) == [line]


def test_channels_keep_their_shape_and_numbers_their_length() -> None:
    mask = Mask()
    (line,) = masked("Channel: Local/0401234567@from-acme-0000001a;2", mask)
    found = re.fullmatch(r"Channel: Local/(\d{10})@(w\d+)-(w\d+)-0000001a;2", line)
    assert found
    assert found[1] != "0401234567"
    assert masked("CallerIDNum: 0401234567", mask) == [f"CallerIDNum: {found[1]}"]
    assert masked("AppData: PJSIP/0401234567@trunk,30,tT", mask)[0].startswith(f"AppData: PJSIP/{found[1]}@w")
    assert masked("CallerIDNum: +0401234567", mask) == [f"CallerIDNum: +{found[1]}"]


def test_one_number_is_one_pseudonym_and_two_are_two() -> None:
    mask = Mask()
    numbers = [f"{number:03}" for number in range(1000)]
    pseudonyms = [mask.text(number) for number in numbers]
    assert len(set(pseudonyms)) == 1000
    assert pseudonyms == [mask.text(number) for number in numbers]
    assert all(one != other for one, other in zip(numbers, pseudonyms, strict=True) if other != pseudonyms[-1])


def test_a_name_is_masked_wherever_it_stands() -> None:
    mask = Mask()
    assert masked("CallerIDName: Zoë Müller", mask) == ["CallerIDName: Person 1"]
    assert masked("ConnectedLineName: Zoë Müller", mask) == ["ConnectedLineName: Person 1"]
    assert masked("DestCallerIDName: 李雷", mask) == ["DestCallerIDName: Person 2"]
    for line in ("AppData: CALLERID(name)=Zoë Müller", "Value: an 李雷", "Müller: 1", "ChanVariable(Zoë): 1"):
        (text,) = masked(line, mask)
        assert not {"Zoë", "Müller", "李雷"} & set(re.findall(r"\w+", text)), text


@pytest.mark.parametrize(
    "line",
    ["Status: Kunde 4711", "Reason: Meier", "State: bezahlt", "Duration: 0815", "Customer: Meier", "Hand: 0815"],
)
def test_of_a_user_event_only_what_asterisk_writes_stays(line: str) -> None:
    text = "\n".join(masked(f"Event: UserEvent\nUserEvent: Kasse\nUniqueid: 1.2\n{line}"))
    assert "Uniqueid: 1.2" in text
    assert not set(re.findall(r"\w+", line.partition(":")[2])) & set(re.findall(r"\w+", text))


def test_the_panels_own_user_event_can_be_played() -> None:
    lines = ["Event: UserEvent", "UserEvent: PanelHand", "Hand: toggle"]
    assert masked("\n".join(lines)) == lines


def test_keys_that_were_pressed_are_not_told() -> None:
    assert masked("Event: DTMFEnd\nDigit: 7")[1] == "Digit: 0"


def test_ids_of_other_programs_are_masked() -> None:
    assert "4711" not in masked("ActionID: kunde-4711")[0]
    assert masked("Uniqueid: acme-pbx-1732451234.12")[0].endswith("-1732451234.12")
    assert "acme" not in masked("Uniqueid: acme-pbx-1732451234.12")[0]


@given(st.text(), st.text(alphabet="0123456789", min_size=7, max_size=15), st.text())
def test_no_number_passes_whatever_is_around_it(before: str, number: str, after: str) -> None:
    raw = f"AppData: {before}{number}{after}".encode("utf-8", "replace")
    assert number not in "\n".join(masked_lines(Mask(), raw))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_what_a_real_asterisk_said_is_masked_and_still_ami(file: Path) -> None:
    """As many messages, of the same kinds, in the same order."""
    mask, out = Mask(), io.StringIO()
    writer = Writer(out, [])
    said = messages(file)
    for message in said:
        writer.write(Entry("<", 0.0, tuple(masked_lines(mask, message.raw))))
    text = out.getvalue()
    assert not [name for name in NAMES if name in text]
    assert not {found[0] for found in NUMBER.finditer(b"\n".join(message.raw for message in said))} & set(
        re.findall(rb"\d+", text.encode())
    )
    entries = read(io.StringIO(text))
    raw = b"".join(("\r\n".join(entry.lines) + "\r\n\r\n").encode() for entry in entries)
    again = Protocol(greeting=False).receive(raw)
    assert [(one.is_event, one.name) for one in again] == [(one.is_event, one.name) for one in said]


def test_a_file_that_is_no_recording_is_refused() -> None:
    with pytest.raises(Malformed, match="does not begin"):
        read(io.StringIO("Asterisk Call Manager/9.0.0\n"))
    with pytest.raises(Malformed, match="line 3"):
        read(io.StringIO("# PBX Panel AMI recording 1\n\nEvent: Hangup\n"))


def test_a_file_from_another_system_is_read() -> None:
    """With its line ends, and cut by hand at the end."""
    text = "# PBX Panel AMI recording 1\r\n# remark\r\n\r\n< 0.100\r\nEvent: Hangup\r\nUniqueid: 1.1\r\n\r\n= 0.200 up"
    assert read(io.StringIO(text)) == [
        Entry("<", 0.1, ("Event: Hangup", "Uniqueid: 1.1")), Entry("=", 0.2, mark="up"),
    ]  # fmt: skip
