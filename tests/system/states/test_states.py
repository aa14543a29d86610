"""Extension states and presence: what a real Asterisk tells of them, and the page."""

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from audit.models import AuditEntry
from engine.ami import actions
from engine.ami.transports import Address
from engine.live.fragments import Viewer, live_pages, rows_of
from engine.mirror import sync
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from extensions import fragments
from extensions.models import Extension, Presence
from system.states.commands import Asked, ask_state
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.engine.mirror.test_snapshot import Mirror, mirroring
from tests.extensions.test_extensions import with_a_hint
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


async def ask(ctx: CommandContext, asked: Asked) -> Outcome:
    return await ask_state.carry_out(ctx, "", asked)


async def until(mirror: Mirror, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await mirror.settle()
            await asyncio.sleep(0.05)


async def test_a_presence_that_changes_is_mirrored_and_listed(asterisk: Asterisk) -> None:
    change = "presencestate change CustomPresence:105"
    try:
        async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
            await mirror.take()
            table = mirror.state.table(Presence)

            def is_now(state: str, subtype: str, message: str) -> bool:
                row = table.get("CustomPresence:105")
                return row is not None and (row.state, row.subtype, row.message) == (state, subtype, message)

            await asyncio.to_thread(asterisk.cli, f'{change} "AWAY,outside,Zoë eats <b>lunch</b>"')
            await until(mirror, lambda: is_now("away", "outside", "Zoë eats <b>lunch</b>"))
            await asyncio.to_thread(asterisk.cli, f"{change} DND")
            await until(mirror, lambda: is_now("dnd", "", ""))
            assert await sync.check(mirror.session, mirror.state, settle=0.5) == []
        async with mirroring(Address.parse(asterisk.ami_url)) as late:
            await late.take()
            assert late.state.table(Presence).rows["CustomPresence:105"].state == "dnd"
    finally:
        asterisk.cli(f"{change} AVAILABLE")


async def test_a_hint_names_the_presence_that_it_shows(asterisk: Asterisk) -> None:
    with with_a_hint(asterisk.folder / "etc/extensions.conf", "exten => 109,hint,PJSIP/109,CustomPresence:109"):
        await asyncio.to_thread(asterisk.cli, "module reload pbx_config.so")
        async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
            await mirror.take()
            extension = mirror.state.table(Extension).rows["109@internal"]
            assert extension.presentity == "CustomPresence:109"
            assert mirror.state.table(Extension).rows["101@internal"].presentity == ""
            await asyncio.to_thread(asterisk.cli, "presencestate change CustomPresence:109 CHAT")
            await until(mirror, lambda: "CustomPresence:109" in mirror.state.table(Presence).rows)
            assert await sync.check(mirror.session, mirror.state, settle=0.5) == []
    await asyncio.to_thread(asterisk.cli, "module reload pbx_config.so")


@pytest.mark.parametrize(
    ("extension", "context", "status", "hint"),
    [("101", "internal", "0", "PJSIP/101"), ("602", "internal", "-1", ""), ("101", "nowhere", "-1", "")],
)
async def test_one_extension_is_asked_for(
    asterisk: Asterisk, with_context: WithContext, extension: str, context: str, status: str, hint: str
) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await ask(ctx, Asked(extension, context))
    assert (outcome.status, outcome.reply.get("Status"), outcome.reply.get("Hint")) == (Status.DONE, status, hint)


async def test_one_presence_is_asked_for(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        assert (await ask(ctx, Asked(presentity="CustomPresence:8"))).reply.get("State") == "not_set"
        await asyncio.to_thread(asterisk.cli, 'presencestate change CustomPresence:7 "XA,far,till May"')
        reply = (await ask(ctx, Asked(presentity="CustomPresence:7"))).reply
        assert [reply.get(name) for name in ("State", "Subtype", "PresenceMessage")] == ["xa", "far", "till May"]
        unknown = await ask(ctx, Asked(presentity="nobody"))
        assert (unknown.status, unknown.text[:16]) == (Status.REFUSED, "Invalid provider")
        unnamed = await ask(ctx, Asked())
        assert unnamed.status is Status.REFUSED


async def test_who_may_ask_nothing_is_told(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        for asked in (Asked("101", "internal"), Asked(presentity="CustomPresence:7")):
            assert (await ask(ctx, asked)).text == "Permission denied"
        assert (await ctx.reply_to(actions.presence_state_list())).text == "Permission denied"


# How they are drawn.


@pytest.mark.parametrize(
    ("flags", "css", "words"),
    [
        (0, "is-idle", ["idle"]), (1, "is-inuse", ["in a call"]), (2, "is-busy", ["busy"]),
        (4, "is-unavailable", ["unreachable"]), (8, "is-ringing", ["ringing"]),
        (9, "is-ringing", ["ringing", "in a call"]), (16, "is-hold", ["on hold"]),
        (17, "is-hold", ["on hold", "in a call"]),
    ],
)  # fmt: skip
def test_each_state_has_a_word_and_a_shape(flags: int, css: str, words: list[str]) -> None:
    look = fragments.look_of(flags)
    assert (look["css"], [str(word) for word in look["words"]]) == (css, words)
    icons = {fragments.look_of(flag)["icon"] for flag in (0, 1, 2, 4, 8, 16)}
    assert len(icons) == 6


def test_a_presence_shows_with_every_extension_that_names_it(stand_in: StandIn) -> None:
    for number in ("101", "102"):
        Extension.objects.update_or_create(
            pbx_id="main", address=f"{number}@internal",
            defaults={"extension": number, "context": "internal", "hint": f"PJSIP/{number},CustomPresence:{number}"},
        )  # fmt: skip
    Presence.objects.filter(presentity="CustomPresence:101").update(message="<b>out</b>")
    drawn = rows_of("main", [("presence", "CustomPresence:101")], ["en"])
    rows = {row.id: row for row in drawn if row.kind in ("presence", "extension")}
    assert set(rows) == {"presence-main-CustomPresence_3a_101", "extension-main-101_40_internal"}
    html = (rows["extension-main-101_40_internal"].html or {})["en"]
    assert "away" in html
    assert "&lt;b&gt;out&lt;/b&gt;" in html
    gone = rows_of("main", [("presence", "CustomPresence:9"), ("extension", "9@x"), ("device", "PJSIP/9")], ["en"])
    assert [row.html for row in gone] == [None, None, None]


def test_the_view_is_for_those_who_may_and_for_its_pbx(stand_in: StandIn) -> None:
    view = live_pages["states"]
    assert view.allows(frozenset(["system.see_states"]), "main")
    assert not view.allows(frozenset(["calls.see_calls", "conferences.see_conferences"]), "main")
    viewer = Viewer(1, "", frozenset(["system.see_states"]), "en")
    stranger = Viewer(2, "", frozenset(["calls.see_calls"]), "en")
    (row,) = (row for row in rows_of("main", [("extension", "101@internal")], ["en"]) if row.kind == "extension")
    assert view.container_of(row, viewer, "main") == "states"
    assert view.container_of(row, viewer, "other") is None
    assert view.container_of(row, stranger, "main") == ""


# The page.


def test_the_page_shows_hints_presences_and_devices(stand_in: StandIn) -> None:
    Extension.objects.update(hint="PJSIP/101,CustomPresence:101", state=8, text="Ringing")
    html = client_of("Integrator").get("/system/main/states/").content.decode()
    for text in ("101", "internal", "ringing", "away", "PJSIP/101", "in a call", "view=states&amp;key=main"):
        assert text in html
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Moderator", people.NOBODY])
def test_whoever_lacks_the_permission_has_no_page_of_states(role: str, stand_in: StandIn) -> None:
    client = client_of(role)
    assert client.get("/system/main/states/").status_code == 403
    assert client.post("/system/main/states/ask/", {"extension": "1", "context": "internal"}).status_code == 403
    assert stand_in.commands == []


def answer(**fields: str) -> Outcome:
    data = {"fields": [[name, value] for name, value in fields.items()], "events": [], "left_off": 0}
    return Outcome(Status.DONE, "", data)


@pytest.mark.parametrize(
    ("given", "reply", "words"),
    [
        ({"extension": "101", "context": "internal"}, {"Status": "9"}, "ringing, in a call"),
        ({"extension": "602", "context": "internal"}, {"Status": "-1"}, "It has no hint"),
        ({"presentity": "CustomPresence:1"}, {"State": "xa", "Message": "Presence State"}, "extended away</span>"),
        ({"presentity": "CustomPresence:1"}, {"State": "dnd", "PresenceMessage": "<b>"}, "<bdi>&lt;b&gt;</bdi>"),
    ],
)  # fmt: skip
def test_an_answer_is_told_in_words_and_on_record(
    given: dict[str, str], reply: dict[str, str], words: str, stand_in: StandIn
) -> None:
    stand_in.answer = answer(**reply)
    response = client_of("Integrator").post("/system/main/states/ask/", given)
    assert response.status_code == 200
    assert words in response.content.decode()
    (command,) = stand_in.commands
    assert (str(command.verb), command.parameters) == ("pbx.ask-state", Asked(**given))
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.topic, entry.what) == ("ask-state", "states", "Query the state of")


@pytest.mark.parametrize(
    ("given", "outcome", "code", "words"),
    [
        ({"extension": "101"}, Outcome(Status.DONE), 400, "Enter an extension"),
        ({"extension": "1\r\nx", "context": "a"}, Outcome(Status.DONE), 403, "line breaks"),
        ({"extension": "1\0x", "context": "a"}, Outcome(Status.DONE), 403, "line breaks"),
        ({"presentity": "CustomPresence:1\nx"}, Outcome(Status.DONE), 403, "line breaks"),
        ({"presentity": " "}, Outcome(Status.DONE), 400, "Enter a presence"),
        ({"presentity": "x"}, Outcome(Status.REFUSED, "Invalid provider x or provider"), 409, "no source"),
        ({"presentity": "x"}, Outcome(Status.NOT_PERMITTED, "Permission denied"), 409, "lacks a privilege"),
        ({"presentity": "x"}, Outcome(Status.NOT_CONNECTED), 503, "not connected"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(
    given: dict[str, str], outcome: Outcome, code: int, words: str, stand_in: StandIn
) -> None:
    stand_in.answer = outcome
    response = client_of("Integrator").post("/system/main/states/ask/", given)
    assert response.status_code == code
    assert words in response.content.decode()
    if outcome.done:
        assert stand_in.commands == []
        assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
async def test_rows_on_the_board_are_sorted_as_the_browser_sorts_them() -> None:
    def make() -> str:
        people.a_small_pbx()
        for name in ("99", "1000", "abc", "*8"):
            Extension.objects.create(pbx_id="main", address=f"{name}@a", extension=name, context="a")
        return fragments.board("main")["states"]

    html = await sync_to_async(make)()
    places = [html.index(f">{name}<") for name in ("99", "101", "1000", "*8", "abc")]
    assert places == sorted(places)
