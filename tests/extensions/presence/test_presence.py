"""Presence and call forwarding in the database: whose they are, how they are shown, and what is refused in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.identity import viewer_of
from accounts.models import DialPolicy
from audit.models import AuditEntry
from engine.live import fragments
from engine.mirror.models import PBX
from extensions.models import Extension, Presence
from extensions.people.fragments import on_the_wall, tiles_of
from extensions.people.models import Person
from extensions.presence.fragments import Beside, Shown
from extensions.presence.holders import Holder, holder_for, is_own
from extensions.presence.keys import is_on, key_of
from extensions.presence.models import Forwarding
from extensions.presence.said import NOTE, Said, moment_in, until_in, until_written
from tests.access import people
from tests.access.people import Asterisk, client_of, given
from tests.extensions.people.test_people import add

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
def main() -> PBX:
    return people.pbx(heard=-timedelta(hours=1))


@pytest.fixture
def asterisk(main: PBX, monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    return people.stand_in(monkeypatch)


def somebody(group: str, name: str, extension: str, **values: Any) -> User:
    """A user who is a person of the directory."""
    user = people.person(group, name)
    person = add(name, extension=extension, **values)
    Person.objects.filter(pk=person.pk).update(user=user)
    return user


def says(presentity: str, state: str, subtype: str = "", message: str = "", pbx: str = "main") -> None:
    Presence.objects.create(pbx_id=pbx, presentity=presentity, state=state, subtype=subtype, message=message)


def beside(name: str) -> Beside:
    return next(tile.beside for tile in tiles_of(on_the_wall()) if tile.person.name == name)


# What is said, and until when.


def test_a_time_is_written_into_the_subtype_and_read_from_it() -> None:
    moment = moment_in("2026-11-30T14:30:59.5+01:00", NOW)
    assert moment == datetime(2026, 11, 30, 13, 30, tzinfo=UTC)
    assert until_written(moment) == "until 2026-11-30T13:30Z"
    assert until_in("until 2026-11-30T13:30Z") == moment
    assert [until_in(text) for text in ("", "lunch", "until tomorrow", "until 2026-99-30T13:30Z")] == [None] * 4


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("tomorrow", "is no time"), ("2026-11-30T14:30", "is no time"), ("2026-11-30T11:59Z", "has passed"),
        ("2028-01-01T00:00Z", "at most a year"), ("9999999999999999", "is no time"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_meant_is_refused_in_a_sentence(typed: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        moment_in(typed, NOW)


def test_a_comma_in_a_note_ends_nothing() -> None:
    assert Said("away", "a,b", datetime(2026, 11, 30, 13, 30, tzinfo=UTC)).value == (
        "away,dW50aWwgMjAyNi0xMS0zMFQxMzozMFo=,YSxi,e"
    )
    assert Said("available").value == "available,,,e"


# What is shown.


def test_a_tile_shows_the_presence_of_the_hint_or_else_of_the_extension(main: PBX) -> None:
    people.pbx("branch")
    Extension.objects.create(
        pbx=main, address="101@internal", extension="101", context="internal", hint="PJSIP/101,CustomPresence:boss"
    )
    says("CustomPresence:boss", "away", "until 2026-11-30T13:30Z", "Lunch")
    says("CustomPresence:101", "dnd")
    says("CustomPresence:102", "dnd")
    says("CustomPresence:103", "away", pbx="branch")
    says("CustomPresence:104", "available")
    for name, extension in (("Anna", "101"), ("Ben", "102"), ("Carla", "103"), ("Dan", "104")):
        add(name, extension=extension, pbx="main")
    assert beside("Anna").said == Shown("away", "Lunch", datetime(2026, 11, 30, 13, 30, tzinfo=UTC))
    assert (beside("Ben").said.word, beside("Ben").said.is_news) == ("do not disturb", True)
    assert beside("Carla").said == Shown()
    assert not beside("Dan").said.is_news


def test_of_several_extensions_the_most_telling_presence_is_shown(main: PBX) -> None:
    add("Anna", extension="101, 102")
    says("CustomPresence:101", "available")
    says("CustomPresence:102", "away")
    assert beside("Anna").said.state == "away"


def test_a_tile_shows_what_the_pbx_does_with_calls(main: PBX) -> None:
    add("Anna", extension="101", pbx="main")
    add("Ben", extension="102")
    Forwarding.objects.create(pbx=main, extension="101", do_not_disturb=True, busy="102")
    found = beside("Anna").diverted
    assert (found.do_not_disturb, [(str(words), number) for words, number in found.set]) == (
        True, [("when busy", "102")],
    )  # fmt: skip
    assert beside("Ben") == Beside()


def test_to_which_private_number_calls_go_is_told_to_whoever_may_see_it(main: PBX) -> None:
    anna = somebody("Viewer", "anna", "101", mobile="+49 172 555 000")
    ben, vic = somebody("Operator", "ben", "102"), people.person("Viewer", "vic")
    Forwarding.objects.create(pbx=main, extension="101", always="+49172555000", busy="102")
    page, person = fragments.live_pages["presence"], Person.objects.get(user=anna)
    seen = {}
    for user in (anna, ben, vic):
        viewer, key = viewer_of(user, "en"), str(person.pk)
        board = fragments.board_of(page, viewer, key)
        rows = fragments.rows_of("main", [("forwarding", "101")], ["en"], {})
        sent = [row for row in rows if row.kind == "presence-of" and page.container_of(row, viewer, key)]
        html = client_of(user).get(reverse("person-presence", args=[person.pk])).content.decode()
        assert len(sent) == 1
        texts = (board, (sent[0].html or {})["en"], html)
        assert all("<bdi>102</bdi>" in text for text in texts)
        seen[user.username] = {"+49172555000" in text for text in texts}
        if user == vic:
            assert all("<bdi>a private number</bdi>" in text for text in texts)
    assert seen == {"anna": {True}, "ben": {True}, "vic": {False}}
    tile = drawn("forwarding", "101")[person.dom_id]
    assert "+49172555000" not in str(tile.html)
    assert "a private number" in str(tile.html)


def drawn(kind: str, key: str, known: dict[str, object] | None = None) -> dict[str, fragments.Row]:
    return {row.id: row for row in fragments.rows_of("main", [(kind, key)], ["en"], known)}


def test_who_is_concerned_is_drawn_and_only_they_are_sent_their_own(main: PBX) -> None:
    anna, ben = somebody("Operator", "anna", "101"), somebody("Operator", "ben", "102")
    somebody("Operator", "hidden", "103", hidden="on")
    says("CustomPresence:101", "away", "", "<b>Lunch</b>")
    rows = drawn("presence", "CustomPresence:101")
    assert f"my-presence-{anna.pk}" in rows
    assert f"my-presence-{ben.pk}" not in rows
    mine = rows[f"my-presence-{anna.pk}"]
    page = fragments.live_pages["panel"]
    assert page.container_of(mine, viewer_of(anna, "en"), "") == "my-presence"
    assert page.container_of(mine, viewer_of(ben, "en"), "") is None
    tile = rows[Person.objects.get(user=anna).dom_id]
    assert "&lt;b&gt;Lunch" in (tile.html or {})["en"]
    hidden = Person.objects.get(name="hidden")
    says("CustomPresence:103", "away")
    assert not {hidden.dom_id, f"presence-of-{hidden.pk}"} & drawn("presence", "CustomPresence:103").keys()
    assert Person.objects.get(user=ben).dom_id in drawn("forwarding", "102")


def test_a_tile_is_drawn_anew_where_the_presence_is_another(main: PBX) -> None:
    anna, known = add("Anna", extension="101"), dict[str, object]()
    says("CustomPresence:101", "away")
    assert anna.dom_id in drawn("presence", "CustomPresence:101", known)
    assert anna.dom_id not in drawn("presence", "CustomPresence:101", known)
    Presence.objects.update(message="Lunch")
    assert anna.dom_id in drawn("presence", "CustomPresence:101", known)


def test_the_board_of_a_page_has_ones_own_presence(main: PBX) -> None:
    anna = somebody("Operator", "anna", "101")
    says("CustomPresence:101", "away")
    html = fragments.board_of(fragments.live_pages["panel"], viewer_of(anna, "en"), "")
    assert f'hx-target="#my-presence" hx-swap="rows"><span id="my-presence-{anna.pk}"' in html
    nobody = fragments.board_of(fragments.live_pages["panel"], viewer_of(people.person("Viewer", "vic"), "en"), "")
    assert "#my-presence" not in nobody


# Whose it is.


def test_ones_own_is_the_extension_of_the_person_whom_one_is(main: PBX) -> None:
    anna, ben = somebody("Operator", "anna", "101", pbx="main"), somebody("Operator", "ben", "102")
    contact = add("Mine", owner=ben, extension="101")
    assert is_own(anna, Holder("main", "101"))
    assert not is_own(anna, Holder("branch", "101"))
    assert not is_own(anna, Holder("main", "102"))
    assert is_own(ben, Holder("branch", "102"))
    assert not is_own(ben, Holder("main", "101")), contact


def test_the_pbx_of_somebody_is_theirs_or_the_one_that_has_a_hint_of_their_extension(main: PBX) -> None:
    people.pbx("branch")
    anna, ben, carla = add("Anna", extension="101"), add("Ben", extension="102", pbx="branch"), add("C", mobile="1")
    assert holder_for(anna) == Holder("branch", "101")  # the first by name
    Extension.objects.create(pbx=main, address="101@internal", extension="101", context="internal")
    assert holder_for(anna) == Holder("main", "101")
    assert holder_for(ben) == Holder("branch", "102")
    assert holder_for(carla) is None
    gone = add("Gone", extension="104")
    gone.pbx = "gone"
    assert holder_for(gone) is None


def send(client: Client, extension: str, verb: str, **data: str) -> Any:
    return client.post(reverse("presence-command", args=["main", extension, verb]), data)


def test_one_sets_ones_own_and_others_by_permission(asterisk: Asterisk) -> None:
    anna = client_of(somebody("Operator", "anna", "101"))
    add("Ben", extension="102")
    assert send(anna, "101", "set-presence", state="dnd", note="  In a\nmeeting ").status_code == 200
    assert given(asterisk.commands.pop()) == {"state": "dnd", "until": "", "note": "In a meeting"}
    assert AuditEntry.objects.get().subject == "101: dnd"
    for verb, data in (
        ("set-presence", {"state": "dnd"}), ("do-not-disturb", {"on": "on"}), ("forward", {"when": "busy", "to": "103"})
    ):  # fmt: skip
        assert send(anna, "102", verb, **data).status_code == 403
        assert send(client_of(people.person("Administrator", verb)), "102", verb, **data).status_code == 200
    assert [command.key for command in asterisk.commands] == ["102"] * 3


def test_of_an_extension_that_nobody_has_nothing_is_set(asterisk: Asterisk) -> None:
    admin = client_of(people.person("Administrator"))
    response = send(admin, "199", "set-presence", state="dnd")
    assert response.status_code == 404
    assert "Nobody in the directory has this extension any more." in response.content.decode()
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("verb", "data", "sentence"),
    [
        ("set-presence", {"state": "asleep"}, "asleep is not one of the available choices"),
        ("set-presence", {"state": "away", "until": "soon"}, "“soon” is no time"),
        ("set-presence", {"state": "away", "until": "2020-01-01T00:00Z"}, "This time has passed"),
        ("set-presence", {"state": "available", "until": "2099-01-01T00:00Z"}, "at most a year"),
        ("set-presence", {"state": "away", "note": "x" * (NOTE + 1)}, f"at most {NOTE} characters"),
        ("forward", {"when": "busy", "to": "anna"}, "“anna” is not a number"),
        ("forward", {"when": "busy", "to": "101"}, "101 is the extension itself"),
        ("forward", {"when": "sometimes", "to": "102"}, "sometimes is not one of"),
        ("do-not-disturb", {"on": "maybe"}, "maybe is not one of"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    verb: str, data: dict[str, str], sentence: str, asterisk: Asterisk
) -> None:
    response = send(client_of(somebody("Operator", "anna", "101")), "101", verb, **data)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert asterisk.commands == []


def test_whoever_is_available_is_not_back_at_a_time(asterisk: Asterisk) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    anna = client_of(somebody("Operator", "anna", "101"))
    assert "leave the time empty" in send(anna, "101", "set-presence", state="available", until=later).content.decode()
    assert send(anna, "101", "set-presence", state="away", until=later).status_code == 200
    assert until_in(given(asterisk.commands.pop())["until"]) is not None


def test_calls_are_forwarded_to_no_number_that_one_may_not_call(asterisk: Asterisk) -> None:
    DialPolicy.objects.update(refused="00.")
    anna = client_of(somebody("Operator", "anna", "101"))
    response = send(anna, "101", "forward", when="always", to="0088 216-1234")
    assert (response.status_code, "You may not call 00882161234." in response.content.decode()) == (403, True)
    assert asterisk.commands == []
    assert AuditEntry.objects.get().status == "forbidden"
    assert send(anna, "101", "forward", when="always", to="").status_code == 200
    assert given(asterisk.commands.pop()) == {"when": "always", "to": ""}


def test_the_page_of_a_hidden_person_is_for_whoever_manages_people(main: PBX) -> None:
    hidden, contact = add("Hidden", extension="101", hidden="on"), add("C", owner=people.person("Operator", "x"))
    operator, admin = client_of(people.person("Operator")), client_of(people.person("Administrator", "root"))
    assert operator.get(f"/people/{hidden.pk}/presence/").status_code == 404
    assert admin.get(f"/people/{hidden.pk}/presence/").status_code == 200
    assert admin.get(f"/people/{contact.pk}/presence/").status_code == 404


def test_a_board_of_a_hidden_person_is_empty_for_everybody(main: PBX) -> None:
    page, viewer = fragments.live_pages["presence"], viewer_of(people.person("Operator"), "en")
    hidden, seen = add("Hidden", extension="101", hidden="on"), add("Seen", extension="102")
    assert page.board(viewer, str(hidden.pk)) == page.board(viewer, "x") == {"presence-state": ""}
    assert f"presence-of-{seen.pk}" in page.board(viewer, str(seen.pk))["presence-state"]
    (row,) = fragments.rows_of("main", [("presence-of", str(seen.pk))], ["en"])
    assert page.container_of(row, viewer, str(seen.pk)) == "presence-state"
    assert page.container_of(row, viewer, str(hidden.pk)) is None


def test_somebody_who_is_nobody_of_the_directory_is_told_so(main: PBX) -> None:
    html = client_of(people.person("Operator")).get("/people/presence/").content.decode()
    assert "You are nobody of the directory with an extension." in html


# Entries of the AstDB.


def test_an_entry_is_known_by_the_key_that_the_setting_names() -> None:
    key = key_of("AMPUSER/{}/dnd")
    assert (key.family, key.key("101")) == ("AMPUSER", "101/dnd")
    names = ("/AMPUSER/101/dnd", "/AMPUSER/101/cidname", "/AMPUSER/1/2/dnd", "/ampuser/101/dnd", "/AMPUSER//dnd")
    assert [key.extension_in(name) for name in names] == ["101", "", "", "", ""]
    assert key_of("DND/{}").extension_in("/DND/101") == "101"
    assert [is_on(value) for value in ("YES", "1", "102", "", "0", "no", "Off")] == [True] * 3 + [False] * 4
