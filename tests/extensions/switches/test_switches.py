"""Switches in the database: what an administrator may enter, how they are, and who may what."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.identity import viewer_of
from engine.live import fragments
from engine.mirror.models import PBX
from extensions.models import Device
from extensions.switches.models import Switch, SwitchEntry
from extensions.switches.states import positions
from tests.access import people
from tests.access.people import Asterisk, client_of, given

pytestmark = pytest.mark.django_db
FULL = {
    "pbx": "main", "name": "Night", "entry": "/DAYNIGHT/C0/", "on_value": "NIGHT", "off_value": "DAY",
    "device": "Custom:DAYNIGHT0", "on_word": "night", "off_word": "day",
}  # fmt: skip


@pytest.fixture
def main() -> PBX:
    return people.pbx(heard=-timedelta(hours=1))


@pytest.fixture
def asterisk(main: PBX, monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    return people.stand_in(monkeypatch)


@pytest.fixture
def admin(main: PBX, monkeypatch: pytest.MonkeyPatch) -> Client:
    people.stand_in(monkeypatch)
    monkeypatch.setattr("extensions.switches.views.look_up", lambda *arguments: None)
    return client_of(people.person("Administrator"))


def test_a_switch_is_added_changed_and_deleted(admin: Client) -> None:
    assert admin.post("/switches/new/", FULL).status_code == 302
    switch = Switch.objects.get()
    assert (switch.entry, switch.parts, switch.entry_name) == ("DAYNIGHT/C0", ("DAYNIGHT", "C0"), "/DAYNIGHT/C0")
    assert admin.post(f"/switches/{switch.pk}/", {**FULL, "name": "Evening"}).status_code == 302
    assert "Evening" in admin.get("/switches/").content.decode()
    assert admin.post(f"/switches/{switch.pk}/delete/").status_code == 302
    assert not Switch.objects.exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "Enter a name."),
        ({"entry": "DAYNIGHT"}, "Enter a family and a key"),
        ({"on_value": ""}, "Enter what the entry holds when it is on"),
        ({"off_value": "NIGHT"}, "Enter another value than when it is on"),
        ({"device": "PJSIP/101"}, "Enter a custom device"),
        ({"device": "Custom:A)B"}, "Enter a custom device"),
        ({"entry": "", "device": ""}, "Enter an entry of the AstDB or a custom device."),
        ({"on_value": "NI\x07GHT"}, "Use letters that can be seen"),
        ({"pbx": "gone"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field(changed: dict[str, str], sentence: str, admin: Client) -> None:
    response = admin.post("/switches/new/", {**FULL, **changed})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Switch.objects.exists()


def test_two_switches_of_a_pbx_have_two_names(admin: Client) -> None:
    assert admin.post("/switches/new/", FULL).status_code == 302
    response = admin.post("/switches/new/", FULL)
    assert (response.status_code, Switch.objects.count()) == (422, 1)
    assert "already exists" in response.content.decode()


@pytest.mark.parametrize(
    ("off_value", "row", "is_on"),
    [
        ("DAY", None, None),
        ("DAY", {"is_there": True, "value": "NIGHT"}, True),
        ("DAY", {"is_there": True, "value": "DAY"}, False),
        ("DAY", {"is_there": True, "value": "else"}, None),
        ("DAY", {"is_there": False}, None),
        ("", {"is_there": False}, False),
        ("", {"is_there": True, "value": "NIGHT"}, True),
    ],
)
def test_an_entry_says_whether_a_switch_is_on(
    main: PBX, off_value: str, row: dict[str, Any] | None, is_on: bool | None
) -> None:
    switch = Switch.objects.create(**{**FULL, "entry": "DAYNIGHT/C0", "off_value": off_value})
    Device.objects.create(
        pbx=main, name="Custom:DAYNIGHT0", state="INUSE"
    )  # where there is an entry, it does not count
    if row is not None:
        SwitchEntry.objects.create(pbx=main, name="/DAYNIGHT/C0", **row)
    (position,) = positions([switch])
    assert position.is_on is is_on
    assert position.word == {True: "night", False: "day", None: "not known"}[is_on]


@pytest.mark.parametrize(
    ("state", "is_on"),
    [("INUSE", True), ("BUSY", True), ("NOT_INUSE", False), ("UNKNOWN", None), ("INVALID", None), ("", None)],
)
def test_without_an_entry_a_device_says_it(main: PBX, state: str, is_on: bool | None) -> None:
    switch = Switch.objects.create(pbx="main", name="Night", device="Custom:NIGHT")
    if state:
        Device.objects.create(pbx=main, name="Custom:NIGHT", state=state)
    (position,) = positions([switch])
    assert (position.is_on, position.word) == (is_on, {True: "on", False: "off", None: "not known"}[is_on])


def test_what_has_changed_is_drawn(main: PBX) -> None:
    one = Switch.objects.create(pbx="main", name="Night", device="Custom:NIGHT")
    two = Switch.objects.create(pbx="main", name="Holiday", entry="H/1", on_value="1")
    Switch.objects.create(pbx="other", name="Night", device="Custom:NIGHT", entry="H/1")

    def drawn(kind: str, key: str) -> set[str]:
        return {row.id for row in fragments.rows_of("main", [(kind, key)], ["en"]) if row.kind == "switch"}

    assert drawn("device", "Custom:NIGHT") == {one.dom_id}
    assert drawn("switch-entry", "/H/1") == {two.dom_id}
    assert drawn("device", "Custom:ELSE") == set()


def test_the_workers_of_its_pbxs_are_told_of_a_switch_that_is_named_changed_or_deleted(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.pbx("branch")
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(
        "extensions.switches.views.look_up", lambda pbx, name, parameters: told.append((pbx, parameters["key"]))
    )
    admin.post("/switches/new/", FULL)
    pk = Switch.objects.get().pk
    admin.post(f"/switches/{pk}/", {**FULL, "name": ""})
    assert told == [("main", pk)]
    admin.post(f"/switches/{pk}/", {**FULL, "pbx": "branch"})
    assert sorted(told[1:]) == [("branch", pk), ("main", pk)]
    admin.post(f"/switches/{pk}/delete/")
    assert told[3:] == [("branch", pk)]


def test_of_a_pbx_all_switches_are_drawn_in_order_and_what_is_gone_is_taken_away(main: PBX) -> None:
    people.pbx("branch")
    for pbx, name in (("main", "Night"), ("main", "Evening"), ("branch", "Day"), ("main", "Zero")):
        Switch.objects.create(pbx=pbx, name=name, device="Custom:X")
    gone = Switch.objects.get(name="Zero")
    dom_id = gone.dom_id
    key = str(gone.pk)
    gone.delete()

    def order(html: str) -> list[str]:
        found = re.findall(r'data-order="(\d+)".*?<bdi>(.*?)</bdi>', html, re.DOTALL)
        return [name for _order, name in sorted(found, key=lambda one: int(one[0]))]

    rows = {row.id: row for row in fragments.rows_of("main", [("switches", key)], ["en"])}
    assert rows.pop(dom_id).html is None
    assert order("".join(row.html["en"] for row in rows.values() if row.html)) == ["Evening", "Night"]
    assert {row.permission for row in rows.values()} == {"extensions.see_switches"}
    page, viewer = fragments.live_pages["switches"], viewer_of(people.person("Viewer"), "en")
    assert order(page.board(viewer, "")["switches"]) == ["Day", "Evening", "Night"]
    # One that is on another PBX by now is not gone.
    day = Switch.objects.get(name="Day")
    assert all(row.html for row in fragments.rows_of("main", [("switches", str(day.pk))], ["en"]))


def test_what_is_thrown_is_what_the_administrator_named_whatever_a_browser_sends(asterisk: Asterisk) -> None:
    switch = Switch.objects.create(**{**FULL, "entry": "DAYNIGHT/C0"})
    operator = client_of(people.person("Operator"))
    path = f"/switches/main/{switch.pk}/throw/"
    response = operator.post(path, {"on": "on", "family": "registrar", "key": "x", "value": "y", "device": "PJSIP/1"})
    assert (response.status_code, "Night: night" in response.content.decode()) == (200, True)
    assert given(asterisk.commands.pop()) == {
        "on": "on", "family": "DAYNIGHT", "key": "C0", "value": "NIGHT", "device": "Custom:DAYNIGHT0",
    }  # fmt: skip
    assert operator.post(path, {"on": "off"}).status_code == 200
    assert given(asterisk.commands.pop())["value"] == "DAY"
    assert operator.post(path, {"on": "sideways"}).status_code == 400
    assert operator.post("/switches/other/1/throw/", {"on": "on"}).status_code == 404
    assert client_of(people.person("Viewer", "vic")).post(path, {"on": "on"}).status_code == 403
    assert asterisk.commands == []
