"""The AstDB: what a real Asterisk does with odd names, and with changes; and the page."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from engine import limits
from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.errors import IllegalField
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, send_all
from system.astdb import commands
from system.astdb.models import AstDbChange
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

ODD = (
    "simple", "with space", "trailing ", "a/b/c", "/slash first", "slash last/", "colon: and = sign", "50%", "%61",
    "under_score", "李雷", "Zoë", "<b>", "\"quoted\"", "back\\slash", "semi;colon,comma|pipe",
)  # fmt: skip


@pytest.fixture
def clean(asterisk: Asterisk) -> Iterator[None]:
    """Nothing is left of an earlier test."""
    yield
    for family in ("pt", "PT", "p_", "px", "long", "many"):
        asterisk.cli(f"database deltree {family}")


async def put(ctx: CommandContext, name: str, value: str, was: str | None = None) -> Outcome:
    return await commands.put.carry_out(ctx, "", commands.Entry(name, commands.digest(was), value))


async def delete(ctx: CommandContext, name: str, was: str | None) -> Outcome:
    return await commands.delete.carry_out(ctx, "", commands.Entry(name, commands.digest(was)))


async def delete_tree(ctx: CommandContext, family: str, number: int) -> Outcome:
    return await commands.delete_tree.carry_out(ctx, "", commands.Tree(family, number))


async def read(ctx: CommandContext, family: str = "pt", search: str = "") -> dict[str, Any]:
    outcome = await commands.browse.carry_out(ctx, "", commands.Browse(family, search))
    assert outcome.done
    data: dict[str, Any] = outcome.data
    return data


@pytest.mark.usefixtures("clean")
async def test_names_and_values_come_back_as_they_were_put(asterisk: Asterisk, with_context: WithContext) -> None:
    values = {f"/pt/{key}": f"{key} — {'' if at % 2 else 'x' * 300}" for at, key in enumerate(ODD)}
    values["/pt/nothing"] = ""
    async with with_context(asterisk) as ctx:
        for name, value in values.items():
            assert not commands.complaint(*commands.parts_of(name), value)
            outcome = await put(ctx, name, value)
            assert (outcome.status, outcome.data) == (Status.DONE, {"before": None}), name
        data = await read(ctx)
        assert dict(data["entries"]) == values
        assert (data["total"], data["found"], data["beside"]) == (len(values), len(values), 0)
        # Each is found, changed by who knows its value, and deleted.
        for name, value in values.items():
            outcome = await put(ctx, name, "other", value)
            assert (outcome.status, outcome.data) == (Status.DONE, {"before": value}), name
            outcome = await delete(ctx, name, "other")
            assert (outcome.status, outcome.data) == (Status.DONE, {"before": "other"}), name
        assert (await read(ctx))["entries"] == []


@pytest.mark.usefixtures("clean")
async def test_the_longest_value_that_is_let_through_arrives_and_a_longer_one_would_not(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    async with with_context(asterisk) as ctx:
        value = "ü" * (limits.ASTDB // 2)
        assert not commands.complaint("long", "v", value)
        assert (await put(ctx, "/long/v", value)).done
        assert (await read(ctx, "long"))["entries"] == [["/long/v", value]]
        assert (await put(ctx, "/long/v", "short", value)).done, "it was read whole"
        assert commands.complaint("long", "v", value + "x")
    async with with_context(asterisk, url=asterisk.url("tcp")) as ctx:  # over HTTP a line may be longer
        outcome = await ctx.reply_to(actions.db_put("long", "v", "x" * (limits.ASTDB + 20)))
        assert "too long" in outcome.text


async def test_what_ami_would_lose_is_refused_before_it_is_sent(asterisk: Asterisk, with_context: WithContext) -> None:
    for text in (" space first", "two\nlines", "two\rlines", "nul\0"):
        assert commands.complaint(text)
    with pytest.raises(IllegalField):
        actions.db_put("pt", "k", "two\nlines")
    async with with_context(asterisk) as ctx:  # what it would do
        assert (await ctx.reply_to(actions.db_put("pt", "space", "  first"))).done
        assert (await read(ctx))["entries"] == [["/pt/space", "first"]]
        assert (await ctx.reply_to(actions.db_del("pt", "space"))).done


@pytest.mark.usefixtures("clean")
async def test_families_are_told_level_by_level_and_a_search_looks_into_both(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    async with with_context(asterisk) as ctx:
        for name, value in (("/pt/a/x", "1"), ("/pt/a/y", "2"), ("/pt/b/c/z", "Needle"), ("/pt/top", "3")):
            assert (await put(ctx, name, value)).done
        everything = await read(ctx, "")
        assert ["pt", 4] in everything["families"]
        assert (await read(ctx))["families"] == [["a", 2], ["b", 1]]
        assert (await read(ctx, "pt/b"))["families"] == [["c", 1]]
        assert (await read(ctx, search="NEEDLE"))["entries"] == [["/pt/b/c/z", "Needle"]]
        found = await read(ctx, search="/a/")
        assert (found["found"], found["total"]) == (2, 4)
        # A whole name finds that entry.
        assert (await read(ctx, "pt/a/x"))["entries"] == [["/pt/a/x", "1"]]
        assert (await read(ctx, "none"))["entries"] == []


@pytest.mark.usefixtures("clean")
async def test_of_many_entries_the_first_are_shown_and_all_are_counted(
    asterisk: Asterisk, with_context: WithContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("system.astdb.commands.SHOWN", 3)
    async with with_context(asterisk) as ctx:
        for number in range(5):
            assert (await put(ctx, f"/many/{number}", str(number))).done
        data = await read(ctx, "many")
        assert [name for name, _value in data["entries"]] == ["/many/0", "/many/1", "/many/2"]
        assert (data["total"], data["found"]) == (5, 5)


@pytest.mark.usefixtures("clean")
async def test_a_change_is_refused_where_somebody_was_quicker(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        assert (await put(ctx, "/pt/k", "1")).done
        for was in (None, "2"):
            outcome = await put(ctx, "/pt/k", "3", was)
            assert (outcome.status, outcome.text, outcome.data) == (Status.REFUSED, commands.CHANGED, {"now": "1"})
            outcome = await delete(ctx, "/pt/k", was)
            assert (outcome.text, outcome.data) == (commands.CHANGED, {"now": "1"})
        outcome = await delete(ctx, "/pt/none", "1")
        assert (outcome.text, outcome.data) == (commands.CHANGED, {"now": None})
        assert (await read(ctx))["entries"] == [["/pt/k", "1"]]


@pytest.mark.usefixtures("clean")
async def test_a_family_is_deleted_and_what_only_looks_like_it_stays(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    """`DBDelTree` takes a family for a pattern of SQL's LIKE."""
    async with with_context(asterisk) as ctx:
        for name in ("/p_/a", "/px/a", "/pt/a", "/pt/b/c", "/PT/a"):
            assert (await put(ctx, name, "1")).done
        assert (await read(ctx, "p_"))["beside"] == 4
        outcome = await delete_tree(ctx, "p_", 1)
        assert (outcome.status, outcome.data) == (Status.DONE, {"entries": [["/p_/a", "1"]], "deleted": 1})
        outcome = await delete_tree(ctx, "pt", 2)
        assert outcome.done
        assert [name for name, _value in (await read(ctx, "PT"))["entries"]] == ["/PT/a"]
        assert (await read(ctx, "px"))["total"] == 1
        assert (await read(ctx, "pt"))["total"] == 0
        # One whose name nothing else looks like is deleted at one go.
        assert (await delete_tree(ctx, "px", 1)).done
        assert (await read(ctx, "px"))["total"] == 0


@pytest.mark.usefixtures("clean")
async def test_a_family_that_has_grown_is_not_deleted(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        for key in "ab":
            assert (await put(ctx, f"/pt/{key}", "1")).done
        outcome = await delete_tree(ctx, "pt", 1)
        assert (outcome.status, outcome.text) == (Status.REFUSED, commands.CHANGED)
        assert (await read(ctx))["total"] == 2
        for number in (0, 1):
            outcome = await delete_tree(ctx, "none", number)
            assert outcome.text == commands.CHANGED


@pytest.mark.usefixtures("clean")
async def test_an_entry_named_like_the_family_alone_is_no_family(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        assert (await put(ctx, "/pt/k", "1")).done
        outcome = await delete_tree(ctx, "pt/k", 0)
        assert (outcome.status, outcome.text) == (Status.REFUSED, commands.CHANGED)
        assert (await read(ctx))["entries"] == [["/pt/k", "1"]]


@pytest.mark.usefixtures("clean")
async def test_of_a_family_that_is_deleted_in_part_that_part_is_told_and_put_back(
    asterisk: Asterisk, with_context: WithContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def while_somebody_else_deletes_one(
        ctx: CommandContext, session: Session, wanted: Iterable[Action]
    ) -> list[Answer]:
        assert (await session.ask(actions.db_del("p_", "b"))).ok
        return await send_all(ctx, session, wanted)

    async with with_context(asterisk) as ctx:
        for name in ("/p_/a", "/p_/b", "/p_/c", "/px/a"):
            assert (await put(ctx, name, "1")).done
        with monkeypatch.context() as patch:
            patch.setattr("system.astdb.commands.send_all", while_somebody_else_deletes_one)
            outcome = await delete_tree(ctx, "p_", 3)
        assert (outcome.status, outcome.text) == (Status.REFUSED, "Database entry could not be deleted")
        deleted = [["/p_/a", "1"], ["/p_/c", "1"]]
        assert outcome.data == {"entries": deleted, "deleted": 2}
        entries = [[*entry, None] for entry in deleted]
        assert (await commands.undo.carry_out(ctx, "", commands.Undo(entries, "p_"))).done
        assert (await read(ctx, "p_"))["entries"] == deleted


@pytest.mark.usefixtures("clean")
async def test_each_kind_of_change_is_undone(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:

        async def undo(*entries: list[str | None], family: str = "") -> Outcome:
            return await commands.undo.carry_out(ctx, "", commands.Undo(list(entries), family))

        assert (await put(ctx, "/pt/k", "1")).done
        assert (await undo(["/pt/k", None, "1"])).done
        assert (await read(ctx))["entries"] == []
        assert (await undo(["/pt/k", "0", None])).done
        assert (await undo(["/pt/k", "old", "0"])).done
        assert (await put(ctx, "/pt/sub/x", "李雷")).done
        before = (await read(ctx))["entries"]
        assert before == [["/pt/k", "old"], ["/pt/sub/x", "李雷"]]
        outcome = await delete_tree(ctx, "pt", 2)
        entries = [[name, value, None] for name, value in outcome.data["entries"]]
        assert (await undo(*entries, family="pt")).done
        assert (await read(ctx))["entries"] == before
        # What is back already stays: of an undo that failed halfway, the rest is done.
        assert (await undo(*entries, family="pt")).done
        assert (await delete(ctx, "/pt/k", "old")).done
        assert (await undo(*entries, family="pt")).done
        assert (await read(ctx))["entries"] == before
        # Not where it has changed since; then nothing is.
        assert (await put(ctx, "/pt/k", "new", "old")).done
        assert (await delete(ctx, "/pt/sub/x", "李雷")).done
        outcome = await undo(*entries, family="pt")
        assert (outcome.status, outcome.text) == (Status.REFUSED, commands.CHANGED)
        assert outcome.data == {"name": "/pt/k", "now": "new"}
        assert [name for name, _value in (await read(ctx))["entries"]] == ["/pt/k"]
        assert (await put(ctx, "/pt/k", "old", "new")).done
        assert (await undo(*entries, family="pt")).done
        assert (await undo(["/pt/k", "0", "other"])).text == commands.CHANGED
        assert (await read(ctx))["entries"] == before


async def test_asterisk_says_what_is_not_there_and_who_may_not(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        assert (await ctx.reply_to(actions.db_get("pt", "none"))).text == "Database entry not found"
        assert (await ctx.reply_to(actions.db_del("pt", "none"))).text == "Database entry could not be deleted"
        assert (await ctx.reply_to(actions.db_del_tree("none"))).text == "Database entry not found"
        assert (await ctx.reply_to(actions.db_get_tree("none"))).reply.events == []
        assert (await put(ctx, "//no family", "1")).text.startswith("No family specified")
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        denied = Outcome(Status.NOT_PERMITTED, "Permission denied")
        browsed = await commands.browse.carry_out(ctx, "", commands.Browse(""))
        assert (browsed.status, browsed.text) == (denied.status, denied.text)
        assert await put(ctx, "/pt/k", "1") == denied
        assert await delete(ctx, "/pt/k", None) == denied
        assert await delete_tree(ctx, "pt", 0) == denied
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:  # it may read
        assert (await read(ctx, "pbx"))["total"] == 1
        outcome = await put(ctx, "/pt/k", "1")
        assert (outcome.status, outcome.text) == (denied.status, denied.text)


async def test_a_name_that_16_finds_too_long_is_told(asterisk16: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk16) as ctx:
        assert (await put(ctx, f"/long/{'k' * 300}", "1")).text == "Failed to update entry"


# The page.

FOUND = {"families": [["sub/dir", 1], ["sub", 7]], "total": 7, "found": 7, "beside": 0,
         "entries": [["/f/a b", "<script>1</script>"], ["/f/sub/x", ""]]}  # fmt: skip


def client_of(role: str, name: str = "") -> Client:
    client = Client()
    client.force_login(people.person(role, name=name or role))
    return client


def test_the_page_shows_families_and_entries_and_is_on_record(stand_in: StandIn) -> None:
    stand_in.found = {"pbx.read-astdb": FOUND}
    html = client_of("Administrator").get("/system/main/astdb/", {"family": "f", "q": "x"}).content.decode()
    for text in (
        "a b",
        "&lt;script&gt;1&lt;/script&gt;",
        "7 of 7 entries",
        "?family=f%2Fsub%2Fdir",
        "Delete the family",
    ):
        assert text in html, text
    assert "<script>1" not in html
    assert str(stand_in.commands[0].verb) == "pbx.read-astdb"
    assert stand_in.commands[0].parameters == commands.Browse("f", "x")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject, entry.topic, entry.status) == ("read-astdb", "/f", "astdb", "done")


def test_more_than_is_shown_is_told(stand_in: StandIn) -> None:
    families = [[f"f{n}", 1] for n in range(400)]
    stand_in.found = {"pbx.read-astdb": {**FOUND, "families": families, "total": 50000, "found": 50000}}
    html = client_of("Administrator").get("/system/main/astdb/").content.decode()
    assert "50000 entries" in html
    assert "the first 200 are shown" in html
    assert "And 100 more" in html


def test_who_may_only_see_gets_no_buttons(stand_in: StandIn, db: None) -> None:
    from django.contrib.auth.models import Permission

    stand_in.found = {"pbx.read-astdb": FOUND}
    user = people.person("Viewer", name="vic")
    user.user_permissions.add(Permission.objects.get(codename="see_astdb"))
    client = Client()
    client.force_login(user)
    html = client.get("/system/main/astdb/", {"family": "f"}).content.decode()
    assert "&lt;script&gt;" in html
    inside = html.partition('class="system-page"')[2].partition('class="panel-bottom"')[0]
    for text in ("data-action", "<textarea", "Add an entry", "Delete the family"):
        assert text not in inside.partition("<dialog")[0], text
    for path in ("put", "delete", "tree", "undo"):
        assert client.post(f"/system/main/astdb/{path}/").status_code == 403


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Outcome(Status.NOT_CONNECTED), "not connected to the PBX"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), "needs the class “system”"),
        (Outcome(Status.REFUSED, "Invalid/unknown command"), "The PBX refused"),
    ],
)
def test_failures_are_put_into_words(answer: Outcome, words: str, stand_in: StandIn) -> None:
    stand_in.answer = answer
    client = client_of("Administrator")
    assert words in client.get("/system/main/astdb/").content.decode()
    response = client.post("/system/main/astdb/put/", {"family": "f", "key": "k", "value": "v"})
    assert response.status_code in (409, 503)
    assert words in response.content.decode()
    assert not AstDbChange.objects.exists()
    assert words in client.get("/system/main/astdb/tree/?family=f").content.decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"family": "", "key": "k"}, "Enter a family and a key"),
        ({"family": "f", "key": ""}, "Enter a family and a key"),
        ({"family": "f", "key": "k", "value": "a\nb"}, "in one line"),
        ({"family": "f", "key": "k\r\nAction: Logoff"}, "in one line"),
        ({"family": "f", "key": "k", "value": " a"}, "other than a space"),
        ({"family": "f", "key": "k", "value": "a" * 1015}, "too long"),
        ({"name": "/f/k\n", "value": "a"}, "in one line"),
    ],
)
def test_what_cannot_be_put_is_not_sent(data: dict[str, str], words: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").post("/system/main/astdb/put/", data)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert stand_in.commands == []


def test_a_change_can_be_undone_by_who_made_it(stand_in: StandIn) -> None:
    stand_in.found = {"pbx.put-astdb": {"before": "1"}, "pbx.read-astdb": FOUND}
    anna, otto = client_of("Administrator", "anna"), client_of("Administrator", "otto")
    response = anna.post("/system/main/astdb/put/", {"name": "/f/k", "value": "2", "was": commands.digest("1")})
    (command,) = stand_in.commands
    assert (str(command.verb), command.parameters) == (
        "pbx.put-astdb", commands.Entry("/f/k", commands.digest("1"), "2")
    )  # fmt: skip
    html = response.content.decode()
    assert "Saved." in html
    assert 'id="astdb-undo"' in html
    change = AstDbChange.objects.get()
    assert (change.pbx, change.user.username, change.entries) == ("main", "anna", [["/f/k", "1", "2"]])
    assert "changed <bdi>/f/k</bdi>" in anna.get("/system/main/astdb/").content.decode(), "a reload keeps it"
    assert "no change to undo" in otto.get("/system/main/astdb/").content.decode()
    assert otto.post("/system/main/astdb/undo/", {"change": change.pk}).status_code == 409
    stand_in.commands.clear()
    assert "was restored" in anna.post("/system/main/astdb/undo/", {"change": change.pk}).content.decode()
    (command,) = stand_in.commands
    assert (str(command.verb), command.parameters) == ("pbx.undo-astdb", commands.Undo([["/f/k", "1", "2"]], ""))
    assert not AstDbChange.objects.exists()
    assert anna.post("/system/main/astdb/undo/", {"change": change.pk}).status_code == 409


def test_an_older_change_is_not_undone(stand_in: StandIn) -> None:
    stand_in.found = {"pbx.put-astdb": {"before": None}}
    client = client_of("Administrator")
    client.post("/system/main/astdb/put/", {"family": "f", "key": "k", "value": "1"})
    first = AstDbChange.objects.get().pk
    client.post("/system/main/astdb/put/", {"family": "f", "key": "l", "value": "1"})
    assert AstDbChange.objects.get().pk != first
    stand_in.commands.clear()
    assert "not your last change" in client.post("/system/main/astdb/undo/", {"change": first}).content.decode()
    assert stand_in.commands == []


def test_an_undo_that_comes_too_late_says_so_and_stays_offered(stand_in: StandIn) -> None:
    client = client_of("Administrator", "anna")
    user = User.objects.get(username="anna")
    change = AstDbChange.objects.create(pbx="main", user=user, entries=[["/f/k", "1", "2"]])
    stand_in.answer = Outcome(Status.REFUSED, commands.CHANGED, {"name": "/f/k", "now": "3"})
    response = client.post("/system/main/astdb/undo/", {"change": change.pk})
    assert response.status_code == 409
    assert "/f/k has changed since, so nothing was undone." in response.content.decode()
    assert AstDbChange.objects.exists()


def test_a_value_that_cannot_be_sent_again_is_told_apart(stand_in: StandIn) -> None:
    client = client_of("Administrator", "anna")
    user = User.objects.get(username="anna")
    change = AstDbChange.objects.create(pbx="main", user=user, entries=[["/f/k", " 1", None]])
    response = client.post("/system/main/astdb/undo/", {"change": change.pk})
    assert "cannot be undone" in response.content.decode()
    assert stand_in.commands == []
    change.entries.append(["/f/l", "2", None])
    change.family = "f"
    change.save()
    response = client.post("/system/main/astdb/undo/", {"change": change.pk})
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")
    assert stand_in.commands[0].parameters == commands.Undo([["/f/l", "2", None]], "f")


def test_somebody_elses_change_is_told_and_what_was_typed_stays(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.REFUSED, commands.CHANGED, {"now": "theirs <b>"})
    client = client_of("Administrator")
    response = client.post("/system/main/astdb/put/", {"name": "/f/k", "value": "mine", "was": "x"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "theirs &lt;b&gt;" in html
    assert commands.digest("theirs <b>") in html, "to save once more is to insist"
    assert "<textarea" not in html
    response = client.post("/system/main/astdb/put/", {"family": "f", "key": "k", "value": "mine"})
    assert "already exists" in response.content.decode()


def test_a_family_is_deleted_after_a_question(stand_in: StandIn) -> None:
    stand_in.found = {
        "pbx.read-astdb": FOUND,
        "pbx.delete-astdb-tree": {"entries": [["/f/a", "1"]], "deleted": 1},
    }
    client = client_of("Administrator")
    html = client.get("/system/main/astdb/tree/", {"family": "f"}).content.decode()
    assert "<strong>7 entries</strong>" in html
    assert "you can undo it" in html
    assert [str(command.verb) for command in stand_in.commands] == ["pbx.read-astdb"]
    response = client.post("/system/main/astdb/tree/", {"family": "f", "number": "7"}, follow=True)
    assert "/f was deleted: 7 entries." in response.content.decode()
    assert str(stand_in.commands[1].verb) == "pbx.delete-astdb-tree"
    assert stand_in.commands[1].parameters == commands.Tree("f", 7)
    assert AstDbChange.objects.get().family == "f"
    # One too large to be kept cannot be undone, nor what was done before.
    stand_in.found["pbx.delete-astdb-tree"] = {"entries": None, "deleted": 9999}
    client.post("/system/main/astdb/tree/", {"family": "g", "number": "9999"})
    assert not AstDbChange.objects.exists()


def test_what_was_deleted_of_a_family_before_a_refusal_can_be_undone(stand_in: StandIn) -> None:
    client = client_of("Administrator", "anna")
    user = User.objects.get(username="anna")
    older = AstDbChange.objects.create(pbx="main", user=user, entries=[["/f/k", "1", "2"]])
    refusal = "Database entry could not be deleted"
    stand_in.answer = Outcome(Status.REFUSED, refusal, {"entries": [], "deleted": 0})
    response = client.post("/system/main/astdb/tree/", {"family": "f", "number": "2"})
    assert refusal in response.content.decode()
    assert "deleted. The PBX" not in response.content.decode()
    assert AstDbChange.objects.get() == older
    stand_in.answer = Outcome(Status.REFUSED, refusal, {"entries": [["/f/a", "1"]], "deleted": 1})
    response = client.post("/system/main/astdb/tree/", {"family": "f", "number": "2"})
    assert response.status_code == 409
    assert f"Only 1 entry was deleted. The PBX refused: {refusal}" in response.content.decode()
    change = AstDbChange.objects.get()
    assert (change.family, change.entries) == ("f", [["/f/a", "1", None]])


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("put", {"name": "/f/k", "value": "3"}),
        ("delete", {"name": "/f/k"}),
        ("tree", {"family": "f", "number": "2"}),
    ],
)
def test_after_a_change_without_an_answer_no_older_one_is_undone(
    path: str, data: dict[str, str], stand_in: StandIn
) -> None:
    client = client_of("Administrator", "anna")
    user = User.objects.get(username="anna")
    change = AstDbChange.objects.create(pbx="main", user=user, entries=[["/f/k", "1", "2"]])
    stand_in.answer = Outcome(Status.NO_ANSWER)
    # An undo without an answer can be tried again.
    assert client.post("/system/main/astdb/undo/", {"change": change.pk}).status_code >= 400
    assert AstDbChange.objects.get() == change
    assert "did not answer in time" in client.post(f"/system/main/astdb/{path}/", data).content.decode()
    assert not AstDbChange.objects.exists()
