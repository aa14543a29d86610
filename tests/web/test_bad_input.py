"""What people type, what programs send, what the phone network calls itself: taken, or refused in words."""

import html
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve, reverse

from accounts.models import Profile
from audit.models import AuditEntry
from calls.forms import DialForm
from conferences.models import Conference, Participant
from engine.mirror import commands
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from tests.access import people
from tests.access.people import Asterisk, given

pytestmark = pytest.mark.django_db

COMMAND_ID = "0123456789abcdef" * 2
HTMX = {"HX-Request": "true"}


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    return people.stand_in(monkeypatch)


@pytest.fixture
def user(asterisk: Asterisk) -> User:
    return people.person("Administrator", staff=True)


@pytest.fixture
def anna(user: User) -> Client:
    """Anna, administrator, whose phone is 101."""
    client = Client()
    client.force_login(user)
    return client


def dial(client: Client, number: str, command_id: str = COMMAND_ID) -> Any:
    return client.post("/calls/dial/", {"number": number, "command_id": command_id}, headers=HTMX)


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


# Numbers.


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("102", "102"),
        ("  102  ", "102"),
        ("+49 (30) 1-2/3.4", "+49301234"),
        ("030\u00a0123", "030123"),
        ("030\u2013123", "030123"),
        ("*21*0301#", "*21*0301#"),
        ("1" * 40, "1" * 40),
    ],
)
def test_a_number_is_dialled_without_what_was_typed_to_read_it_better(
    typed: str, number: str, anna: Client, asterisk: Asterisk
) -> None:
    response = dial(anna, typed)
    assert response.status_code == 200
    assert f"pick it up to call {number}." in text_of(response)
    assert given(asterisk.commands[0])["number"] == number


@pytest.mark.parametrize(
    "typed",
    [
        "call mum",
        "102a",
        "1+2",
        "++49",
        "+",
        "()",
        "1" * 41,
        "1" * 81,
        "102\r\nAction: Originate",
        "102\nExten: 999",
        "102,1",
        "102&103",
        "102@internal",
        "${EXTEN}",
        "102;",
        "1\u202e02",
        "<script>",
        "\u0661\u0662\u0663",
    ],
)
def test_what_is_no_number_is_refused_in_words_and_nothing_is_sent(
    typed: str, anna: Client, asterisk: Asterisk
) -> None:
    response = dial(anna, typed)
    assert response.status_code == 422
    assert response.content.decode().startswith('<div class="panel-toast is-danger"')
    assert "<script" not in response.content.decode()
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


def test_full_width_digits_never_reach_the_pbx_as_they_are(anna: Client, asterisk: Asterisk) -> None:
    """A Chinese keyboard may type them: they are refused, or become the digits that were meant."""
    response = dial(anna, "\uff11\uff10\uff12")
    sent = [given(command)["number"] for command in asterisk.commands]
    assert (response.status_code, sent) in [(422, []), (200, ["102"])]


def test_no_number_at_all_is_asked_for(anna: Client) -> None:
    for response in (dial(anna, ""), dial(anna, "   "), anna.post("/calls/dial/", {"command_id": COMMAND_ID})):
        assert response.status_code == 422
        assert "Enter the number to call." in text_of(response)


@pytest.mark.parametrize("command_id", ["", "x", "A" * 32, "0" * 33, "0" * 31 + "\n", COMMAND_ID + "\r\nX: y"])
def test_a_form_without_an_id_of_ours_is_out_of_date(command_id: str, anna: Client, asterisk: Asterisk) -> None:
    response = dial(anna, "102", command_id)
    assert response.status_code == 422
    assert "out of date" in text_of(response)
    assert asterisk.commands == []


def test_a_line_break_within_a_number_is_refused_as_such() -> None:
    form = DialForm({"number": "10\n2", "command_id": COMMAND_ID})
    assert form.errors["number"] == ["A number must be a single line."]


# My phone.


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "101"),
        ("endpoint", "PJSIP/"),
        ("endpoint", "/101"),
        ("endpoint", "PJSIP/101&PJSIP/102"),
        ("endpoint", "PJSIP/101,102"),
        ("endpoint", "PJSIP/1 01"),
        ("endpoint", "PJSIP/101\r\nVariable: x=y"),
        ("endpoint", "Local/101@internal/n"),
        ("endpoint", "Local/101@internal"),
        ("endpoint", "local/101"),
        ("endpoint", "PJSIP/0900123@trunk"),
        ("endpoint", "PJSIP/sip:0900123"),
        ("endpoint", "PJSIP/" + "1" * 80),
        ("extension", "1 0 1"),
        ("extension", "101\nX: y"),
        ("extension", "1" * 41),
        ("dial_context", "internal,102,1"),
        ("dial_context", "internal\r\nPriority: 1"),
        ("dial_context", "a b"),
        ("pbx", "elsewhere"),
    ],
)
def test_a_phone_that_cannot_be_one_is_refused_beside_its_field(
    field: str, value: str, anna: Client, user: User
) -> None:
    fields = {"pbx": "main", "extension": "101", "endpoint": "PJSIP/101", "dial_context": "internal", field: value}
    before = Profile.objects.values().get(user=user)
    response = anna.post("/profile/", fields)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert Profile.objects.values().get(user=user) == before


@pytest.mark.parametrize("endpoint", ["PJSIP/101", "SIP/trunk-1", "PJSIP/a.b_c", "IAX2/peer+1", "DAHDI/1", ""])
def test_a_phone_as_asterisk_names_them_is_saved_by_whom_no_policy_binds(
    endpoint: str, anna: Client, user: User, asterisk: Asterisk
) -> None:
    asterisk.stock = {"endpoints": [endpoint], "contexts": ["from-internal"]}
    user.groups.clear()
    User.objects.update(is_superuser=True)
    response = anna.post("/profile/", {"extension": "101", "endpoint": endpoint, "dial_context": "from-internal"})
    assert (response.status_code, response["Location"]) == (302, "/profile/")
    assert Profile.objects.get(user=user).endpoint == endpoint


def test_nobody_changes_the_phone_of_another(anna: Client) -> None:
    other = people.person("Operator", "ben", endpoint="PJSIP/102")
    anna.post("/profile/", {"user": other.pk, "id": other.profile.pk, "endpoint": "PJSIP/666"})
    assert Profile.objects.get(user=other).endpoint == "PJSIP/102"


@pytest.mark.parametrize("profile", [{"endpoint": ""}, {"dial_context": ""}])
def test_who_has_told_no_phone_is_told_where_to_enter_it(
    profile: dict[str, str], anna: Client, asterisk: Asterisk
) -> None:
    Profile.objects.update(**profile)
    response = dial(anna, "102")
    assert response.status_code == 422
    assert "Set it up under “My phone” first" in text_of(response)
    assert asterisk.commands == []


# What is not there.


@pytest.mark.parametrize(
    "path",
    [
        "/calls/elsewhere/1.1/hangup/",
        "/calls/main/9.9/hangup/",
        "/calls/main/channels/9.9/hangup/",
        "/calls/elsewhere/channels/1.1/hangup/",
        "/conferences/main/participants/9.9/mute/",
        "/conferences/elsewhere/participants/3.1/kick/",
        "/conferences/main/participants/3.1/praise/",
        "/conferences/main/participants/3.1/Mute/",
        "/calls/main/%0d%0aAction:%20Logoff/hangup/",
        f"/calls/main/{'9' * 3000}/hangup/",
    ],
)
def test_a_button_about_what_is_not_there_sends_nothing(path: str, anna: Client, asterisk: Asterisk) -> None:
    response = anna.post(path, headers=HTMX)
    assert response.status_code == 404
    assert 'class="panel-toast' in response.content.decode()
    assert asterisk.commands == []


def test_a_pbx_that_is_gone_while_nobody_serves_another_is_said_so(anna: Client, asterisk: Asterisk) -> None:
    PBX.objects.all().delete()
    response = dial(anna, "102")
    assert response.status_code == 503
    assert "is the worker running?" in text_of(response)


@pytest.mark.parametrize("path", ["/", "/calls/", "/profile/"])
def test_pages_are_shown_before_there_is_a_pbx(path: str, anna: Client) -> None:
    PBX.objects.all().delete()
    Profile.objects.update(pbx=None)
    page = anna.get(path)
    assert page.status_code == 200
    assert "No PBX yet." in page.content.decode()


# Conferences may be named anything.

NAMES = (
    "8001", "a/b", "~", "~s", "~~", "~~s", "a~/~b", "//", "ü", "<b>", "two words", " ", "50%", "%2F", "a?b=c", "a#b",
    "a&b", "'", '"', "\\", "...", "participants", "客服", "😀", "n" * 150,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_conference_of_any_name_has_a_page_that_the_list_leads_to(name: str, anna: Client) -> None:
    Conference.objects.all().delete()
    people.conference(name, "7.1")
    address = reverse("conference", args=["main", name])
    assert resolve(Client().get(address).wsgi_request.path_info).kwargs == {"pbx": "main", "name": name}
    page = anna.get(address)
    assert page.status_code == 200
    assert page.context["name"] == name
    assert 'id="participant-main-7-1"' in page.content.decode()
    assert "<b>" not in page.content.decode()
    assert f'href="{html.escape(address)}"' in anna.get("/conferences/").content.decode()


@pytest.mark.parametrize("name", [".", ".."])
def test_a_conference_named_by_dots_has_an_address_that_a_browser_keeps(name: str) -> None:
    assert f"/{name}/" not in reverse("conference", args=["main", name])


def test_no_two_conferences_share_an_address_or_an_id() -> None:
    names = (*NAMES, "a.b", "a-b", "a_b", "_3c_", "<", "_2e_", ".")
    assert len({reverse("conference", args=["main", name]) for name in names}) == len(names)
    assert len({Conference(pbx_id="main", name=name).dom_id for name in names}) == len(names)


@pytest.mark.parametrize("name", ["a/b", "~", "<b>", "two words"])
def test_a_participant_of_a_conference_of_any_name_can_be_muted(name: str, anna: Client, asterisk: Asterisk) -> None:
    people.conference(name, "7.1")
    assert anna.post("/conferences/main/participants/7.1/mute/").status_code == 204
    assert asterisk.commands[0].topic == f"conference/{name}"
    assert (str(asterisk.commands[0].verb), asterisk.commands[0].key) == ("participant.mute", "7.1")


@pytest.mark.parametrize("to", ["", " ", "8002\r\nAction: Reload", "8002\n9"])
def test_nobody_is_moved_into_a_conference_that_cannot_be_named(to: str, anna: Client, asterisk: Asterisk) -> None:
    response = anna.post("/conferences/main/participants/3.1/move/", {"to": to}, headers=HTMX)
    assert response.status_code == 400
    assert b"conference" in response.content
    assert asterisk.commands == []


def test_ids_that_hold_a_slash_have_cards_and_rows(anna: Client) -> None:
    """Whoever originates by AMI or ARI may choose the id of the channel; Asterisk takes any text."""
    people.channel("shop/1", "PJSIP/105")
    people.conference("8002", "shop/2")
    for path in ("/calls/", "/", "/conferences/main/8002/"):
        assert anna.get(path).status_code == 200


# Commands that cannot be carried out.


@pytest.mark.parametrize(
    ("link", "heard"),
    [
        (PBX.Link.DOWN, timedelta()),
        (PBX.Link.CONNECTING, timedelta()),
        (PBX.Link.REFUSED, timedelta()),
        (PBX.Link.UP, timedelta(seconds=30)),
    ],
)
def test_a_command_to_a_pbx_out_of_reach_is_refused_at_once_and_on_record(
    link: str, heard: timedelta, anna: Client, asterisk: Asterisk
) -> None:
    PBX.objects.all().delete()
    people.pbx(link=link, heard=heard)
    people.channel("1.1", "PJSIP/101")
    for response in (anna.post("/calls/main/1.1/hangup/", headers=HTMX), dial(anna, "102")):
        assert response.status_code == 503
        assert "not connected to the PBX, so nothing was done" in text_of(response)
    assert asterisk.commands == []
    assert [entry.status for entry in AuditEntry.objects.all()] == ["not connected"] * 2


@pytest.mark.parametrize(
    ("outcome", "status", "words"),
    [
        (Outcome(Status.REFUSED, "No such channel"), 409, "This call has already ended."),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), 409, "its manager user lacks a privilege"),
        (Outcome(Status.REFUSED, "<b>No</b> way"), 409, "The PBX refused: <b>No</b> way"),
        (Outcome(Status.NO_ANSWER), 504, "did not answer in time"),
        (Outcome(Status.EXPIRED), 504, "could not be reached in time, so nothing was done"),
        (Outcome(Status.NOT_CONNECTED), 503, "not connected to the PBX, so nothing was done"),
    ],
)
def test_what_became_of_a_command_is_said_in_words(
    outcome: Outcome, status: int, words: str, anna: Client, asterisk: Asterisk
) -> None:
    asterisk.answer = outcome
    response = anna.post("/calls/main/1.1/hangup/", headers=HTMX)
    assert response.status_code == status
    assert words in text_of(response)
    assert "<b>" not in response.content.decode()


@pytest.mark.parametrize(
    "words",
    [
        "No Channel by that name found in Conference.",
        "No Conference by that name found.",
        "No active conferences.",
    ],
)
def test_a_participant_whom_asterisk_no_longer_knows_has_left(words: str, anna: Client, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.REFUSED, words)
    response = anna.post("/conferences/main/participants/3.1/mute/", headers=HTMX)
    assert "This participant has already left." in text_of(response)


def test_a_form_sent_twice_is_one_command_with_one_entry(anna: Client, asterisk: Asterisk) -> None:
    assert dial(anna, "102").status_code == 200
    again = dial(anna, "102")
    assert (again.status_code, again.content) == (204, b"")
    assert len(asterisk.commands) == 1
    assert AuditEntry.objects.count() == 1


def test_after_a_call_was_placed_or_refused_the_form_gets_another_id(anna: Client, asterisk: Asterisk) -> None:
    for answer in (Outcome(Status.DONE), Outcome(Status.NO_ANSWER)):
        asterisk.answer = answer
        response = dial(anna, "102", command_id=f"{len(asterisk.commands):032x}")
        assert 'id="command-id"' in response.content.decode()
        assert f'value="{len(asterisk.commands) - 1:032x}"' not in response.content.decode()


class BrokenLayer:
    """A channel layer whose server is away: to send fails, or to receive the answer, which may have been given."""

    def __init__(self, fails: str) -> None:
        self.fails = fails

    async def new_channel(self) -> str:
        return "specific.x"

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if self.fails == "send":
            raise ConnectionError("Connection refused")
        if "taken up" in self.fails:
            await sync_to_async(commands.auditors[0].claim)(message["id"])

    async def receive(self, channel: str) -> dict[str, Any]:
        raise ConnectionError("Connection closed by server")


@pytest.mark.parametrize(("fails", "status"), [("send", 503), ("receive", 503), ("receive what was taken up", 504)])
def test_a_command_while_redis_is_away_is_answered_in_words_and_on_record(
    fails: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.a_small_pbx()
    client = Client()
    client.force_login(people.person("Operator"))
    monkeypatch.setattr("engine.mirror.commands.get_channel_layer", lambda: BrokenLayer(fails))
    response = client.post("/calls/main/channels/1.1/hangup/", headers=HTMX)
    assert response.status_code == status
    assert AuditEntry.objects.get().status == {503: "not connected", 504: "no answer"}[status]


# The audit trail.


@pytest.mark.parametrize(
    ("path", "verb", "subject"),
    [
        ("/calls/main/channels/2.1/hangup/", "hangup", "PJSIP/103-00000021"),
        ("/conferences/main/participants/3.1/mute/", "mute", "In 8001 (PJSIP/109-00000031) in 8001"),
        ("/conferences/main/participants/3.1/unmute/", "unmute", "In 8001 (PJSIP/109-00000031) in 8001"),
        ("/conferences/main/participants/3.1/kick/", "kick", "In 8001 (PJSIP/109-00000031) in 8001"),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome(Status.DONE, "Fine"), Outcome(Status.REFUSED, "No such channel")])
def test_every_command_leaves_who_what_on_whom_and_the_answer(
    path: str, verb: str, subject: str, outcome: Outcome, anna: Client, user: User, asterisk: Asterisk
) -> None:
    asterisk.answer = outcome
    anna.post(path)
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.username, entry.pbx, entry.verb) == (user, "anna", "main", verb)
    assert (entry.subject, entry.status, entry.answer.strip()) == (subject, outcome.status.value, outcome.text)
    assert entry.command_id == asterisk.commands[0].id


def test_a_call_that_was_placed_is_on_record_with_number_and_phone(anna: Client) -> None:
    dial(anna, "+49 30 1")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject, entry.command_id) == ("originate", "+49301 from PJSIP/101", COMMAND_ID)


def test_hostile_names_are_shown_as_they_are_spelled_and_nothing_of_them_is_markup(
    anna: Client, asterisk: Asterisk
) -> None:
    hostile = "<script>alert(1)</script>'\"><img src=x>"
    Participant.objects.update(caller_name=hostile)
    people.channel("5.1", "PJSIP/105", caller_name=hostile)
    people.conference(hostile)
    asterisk.answer = Outcome(Status.REFUSED, hostile)
    assert anna.post("/conferences/main/participants/3.1/mute/").status_code == 409
    paths = ["/audit/", "/audit/?q=" + "%3Cscript%3E", "/calls/", "/conferences/", "/conferences/main/8001/"]
    for path in [*paths, "/admin/audit/auditentry/", reverse("conference", args=["main", hostile])]:
        page = anna.get(path).content.decode()
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "alert(1)" in page, path


def test_a_very_long_subject_is_on_record_whole_and_a_very_long_answer_is_cut(anna: Client, asterisk: Asterisk) -> None:
    Participant.objects.update(caller_name="n" * 150, channel="c" * 150, conference="k" * 150)
    asterisk.answer = Outcome(Status.REFUSED, "a" * 1000)
    assert anna.post("/conferences/main/participants/3.1/kick/").status_code == 409
    entry = AuditEntry.objects.get()
    assert [entry.subject.count(letter * 150) for letter in "nck"] == [1, 1, 1]
    assert entry.answer == "a" * 400


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=x", "?page=99999", "?page=-1", "?q=" + "x" * 2000, "?q=%FF", "?q=%"]
)
def test_the_audit_trail_takes_any_question(query: str, anna: Client) -> None:
    assert anna.get(f"/audit/{query}").status_code == 200


def test_the_audit_trail_finds_what_was_searched_and_only_that(anna: Client) -> None:
    anna.post("/calls/main/channels/2.1/hangup/")
    dial(anna, "555")
    rows = anna.get("/audit/?q=555").content.decode()
    assert "555 from PJSIP/101" in rows
    assert "PJSIP/103-00000021" not in rows


def test_a_command_of_a_conference_that_nobody_mirrors_any_more_is_not_sent(anna: Client, asterisk: Asterisk) -> None:
    Participant.objects.all().delete()
    Conference.objects.all().delete()
    response = anna.post("/conferences/main/participants/3.1/kick/", headers=HTMX)
    assert (response.status_code, asterisk.commands) == (404, [])
    assert "This participant has already left." in text_of(response)
