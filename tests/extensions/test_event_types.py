"""What others are told of extensions, and which endpoints are telephones."""

import pytest

from engine.mirror import store
from engine.mirror.models import PBX
from engine.mirror.state import State
from extensions.telephones import telephones
from tests.engine.mirror.events import Told
from tests.eventlog.told import told


def hint(told_of: Told, status: str, text: str, extension: str = "101", devices: str = "PJSIP/101") -> None:
    told_of.hear(
        "ExtensionStatus",
        Privilege="call,all", Exten=extension, Context="internal", Hint=devices, Status=status, StatusText=text,
    )  # fmt: skip


def test_a_state_that_changes_is_told_and_one_that_is_heard_of_first_is_not() -> None:
    pbx = Told()
    hint(pbx, "0", "Idle")
    assert told(pbx.state) == []
    hint(pbx, "0", "Idle")
    assert told(pbx.state) == []
    hint(pbx, "9", "InUse&Ringing")
    assert told(pbx.state) == [
        (
            "extension.state",
            {
                "id": "101@internal", "pbx": "main", "extension": "101", "context": "internal", "hint": "PJSIP/101",
                "state": "InUse&Ringing", "code": 9,
            },
        )
    ]  # fmt: skip


def test_what_has_changed_while_no_worker_led_is_told_by_the_next(db: None) -> None:
    PBX.objects.create(name="main")
    first = Told()
    hint(first, "0", "Idle")
    hint(first, "0", "Idle", "102", "PJSIP/102")
    store.write(first.state.take())
    second = Told()
    second.state = State("main", now=second.clock.now)
    store.inherit(second.state)
    hint(second, "0", "Idle")
    hint(second, "1", "InUse", "102", "PJSIP/102")
    assert [(data["id"], data["state"]) for _type, data in told(second.state)] == [("102@internal", "InUse")]


@pytest.mark.parametrize(
    ("devices", "found"),
    [
        ("PJSIP/101", {"PJSIP/101"}),
        ("PJSIP/101&Custom:DND101,CustomPresence:101", {"PJSIP/101", "Custom:DND101"}),
        (",CustomPresence:101", {""}),
    ],
)
def test_a_telephone_is_what_a_hint_names(devices: str, found: set[str]) -> None:
    pbx = Told()
    hint(pbx, "0", "Idle", devices=devices)
    assert telephones(pbx.state) == found


def test_which_are_telephones_changes_with_the_hints() -> None:
    pbx = Told()
    hint(pbx, "0", "Idle")
    assert telephones(pbx.state) == {"PJSIP/101"}
    hint(pbx, "0", "Idle", devices="SIP/101")
    assert telephones(pbx.state) == {"SIP/101"}
    hint(pbx, "0", "Idle", "102", "PJSIP/102")
    assert telephones(pbx.state) == {"SIP/101", "PJSIP/102"}
    hint(pbx, "-1", "", "102", "PJSIP/102")
    assert telephones(pbx.state) == {"SIP/101"}
