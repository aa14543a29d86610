"""What two switches said is made comparable."""

import pytest

from tests.engine.demo.transcript import Names

CALL, CONFERENCE = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
FIRST, SECOND = "PJSIP/101-00000001", "PJSIP/102-00000002"


@pytest.mark.parametrize("entering_the_conference", [(FIRST, SECOND), (SECOND, FIRST)])
@pytest.mark.parametrize("entering_the_call", [(FIRST, SECOND), (SECOND, FIRST)])
def test_bridges_have_the_same_numbers_whoever_enters_them_first(
    entering_the_call: tuple[str, str], entering_the_conference: tuple[str, str]
) -> None:
    names = Names()
    for number, channel in enumerate((FIRST, SECOND)):
        names.hear({"Event": "Newchannel", "Channel": channel, "Uniqueid": f"1732451234.{number}"})
    entries = [(CALL, channel) for channel in entering_the_call]
    entries += [(CONFERENCE, channel) for channel in entering_the_conference]
    names.hear_bridges([
        {"Event": "BridgeEnter", "BridgeUniqueid": bridge, "Channel": channel} for bridge, channel in entries
    ])  # fmt: skip
    assert (names.plain(CALL), names.plain(CONFERENCE)) == ("<bridge 1>", "<bridge 2>")
