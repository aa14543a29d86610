"""What the panel gives an administrator to paste: a real Asterisk 22 and 16 load it, and conferences run by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conferences.rooms import snippets
from conferences.rooms.models import Room
from tests.lab.asterisk import Asterisk

ROOM = "8700"
ROOT = Path(__file__).resolve().parents[3]

# Far ends: one is silent; one raises a hand; one types the PIN.
FAR_ENDS = """
[far-ends]
exten => silent,1,Answer(,i)
 same => n,Wait(3600)
exten => hand,1,Answer(,i)
 same => n,Wait(1)
 same => n,SendDTMF(*5)
 same => n,Wait(3600)
exten => leader,1,Answer(,i)
 same => n,Wait(1)
 same => n,SendDTMF({pin}#)
 same => n,Wait(3600)
"""


def pasted(room: Room) -> tuple[str, str]:
    """extensions.conf and confbridge.conf as an administrator has them who pasted all of it."""
    entries, hand, profiles = snippets.snippets_of(room)
    assert [snippet.file for snippet in (entries, hand, profiles)] == [
        "extensions.conf", "extensions.conf", "confbridge.conf",
    ]  # fmt: skip
    return f"[phones]\n{entries.text}\n{hand.text}", f"[general]\n{profiles.text}"


@pytest.fixture
def configured(asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asterisk]:
    """An Asterisk whose dialplan and conferences are what was pasted, in place of the lab's; afterwards the lab's."""
    monkeypatch.setattr(snippets, "new_pin", lambda: "482913")
    dialplan, conferences = pasted(Room(number=ROOM, name="Board ;-- meeting"))
    files = {"extensions.conf": dialplan + FAR_ENDS.format(pin="482913"), "confbridge.conf": conferences}
    folder = asterisk.folder / "etc"
    before = {name: (folder / name).read_text() for name in files}
    asterisk.cli("module load app_authenticate.so")
    try:
        for name, text in files.items():
            (folder / name).write_text(text)
        reload(asterisk)
        yield asterisk
    finally:
        asterisk.quiet()
        for name, text in before.items():
            (folder / name).write_text(text)
        reload(asterisk)


def reload(asterisk: Asterisk) -> None:
    asterisk.cli("dialplan reload")
    asterisk.cli("module reload app_confbridge.so")


def test_people_join_talk_and_raise_their_hands(configured: Asterisk) -> None:
    with configured.ami() as ami:
        ami.timeout = 30
        configured.cli(f"channel originate Local/{ROOM}@phones extension hand@far-ends")
        joined = ami.event("ConfbridgeJoin", Conference=ROOM)
        assert joined["Admin"] == "No"
        hand = ami.event("UserEvent", UserEvent="PanelHand")
        assert (hand["Hand"], hand["Uniqueid"]) == ("toggle", joined["Uniqueid"])
        configured.cli(f"channel originate Local/{ROOM}@phones application Milliwatt")
        ami.event("ConfbridgeTalking", Conference=ROOM, TalkingStatus="on")
        # The menu has not led them out of the conference.
        people = [item["Uniqueid"] for item in ami.listing("ConfbridgeList", Conference=ROOM) if "Uniqueid" in item]
        assert joined["Uniqueid"] in people


def test_whoever_knows_the_pin_leads(configured: Asterisk) -> None:
    with configured.ami() as ami:
        ami.timeout = 30
        configured.cli(f"channel originate Local/*{ROOM}@phones extension leader@far-ends")
        joined = ami.event("ConfbridgeJoin", Conference=ROOM)
        assert joined["Admin"] == "Yes"
        (listed,) = [item for item in ami.listing("ConfbridgeList", Conference=ROOM) if "Uniqueid" in item]
        assert (listed["Admin"], listed["MarkedUser"]) == ("Yes", "Yes")


@pytest.mark.timeout(120)
def test_whoever_does_not_know_the_pin_stays_outside(configured: Asterisk) -> None:
    with configured.ami() as ami:
        ami.timeout = 60
        configured.cli(f"channel originate Local/*{ROOM}@phones extension silent@far-ends")
        ami.event("Newexten", Application="Authenticate")
        ami.event("Hangup", Context="phones")
        assert not any(message.get("Event") == "ConfbridgeJoin" for message in ami.messages)


def test_asterisk_has_nothing_to_say_against_it(configured: Asterisk) -> None:
    assert "pbxpanel_menu" in configured.cli("confbridge show menus")
    user = configured.cli("confbridge show profile user pbxpanel_admin")
    assert "Admin:                   true" in user
    assert configured.cli(f"dialplan show {ROOM}@phones").count("ConfBridge(") == 1


def test_a_pin_is_six_digits_and_another_each_time() -> None:
    pins = {snippets.new_pin() for _ in range(50)}
    assert len(pins) > 40
    assert all(len(pin) == snippets.PIN_DIGITS and pin.isdecimal() for pin in pins)


@pytest.mark.parametrize("name", ["two\nlines", "a\r\nexten => _X!,1,System(reboot)", "\u2028x"])
def test_a_name_stays_within_its_comment(name: str) -> None:
    lines = snippets.entries("8001", name, "1").splitlines()
    assert [line[0] for line in lines] == [";", "e", " ", ";", "e", " ", " "]


def test_the_documentation_has_what_is_the_same_for_all_rooms() -> None:
    text = (ROOT / "docs/conferences.md").read_text()
    for snippet in (snippets.HAND, snippets.PROFILES, snippets.entries("8001", "Board meeting", "482913")):
        assert snippet in text
