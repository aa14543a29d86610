"""Configuration files of a real Asterisk: what is read of them, what is written to them, and what is refused."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict

from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from system.config import commands
from system.config.edit import Edit, Plan, Wrong, plan
from system.config.file import Malformed, Reading, reading_of, typed_lines
from system.config.views import edits_of
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

FILE = "lab.conf"
TEXT = """; The head of the file.
[general]
; Before the line.
codec = ulaw ; on the line
greeting => one\\;two
none =

[phone](!)
type = endpoint
allow = ulaw
allow = alaw

[101](phone)
callerid = Anna
secret = geheim

[101]
type = aor
max_contacts = 1

[plan]
exten => 1,1,NoOp(a)
exten => 1,2,NoOp(b)
exten => 1,3,Hangup()
"""


@contextlib.contextmanager
def file_of(asterisk: Asterisk, text: str = TEXT, name: str = FILE) -> Iterator[Path]:
    path = asterisk.folder / "etc" / name
    path.write_text(text, encoding="utf-8")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


async def read(ctx: CommandContext, file: str = FILE) -> Reading:
    outcome = await commands.read.carry_out(ctx, "", commands.File(file))
    assert outcome.done, outcome.text
    return reading_of(outcome.data)


async def write(ctx: CommandContext, planned: Plan, file: str = FILE) -> Outcome:
    wanted = commands.Update(
        file,
        digest=planned.before.digest,
        updates=[list(pair) for pair in planned.updates],
        promised=planned.promise.digest,
        unordered=planned.promise.unordered_digest,
    )
    return await commands.write.carry_out(ctx, "", wanted)


async def find(ctx: CommandContext, text: str) -> Outcome:
    return await commands.find.carry_out(ctx, "", commands.Category(text))


async def edited(ctx: CommandContext, *edits: Edit, file: str = FILE) -> Reading:
    """Write these edits; what the file then holds is what was promised."""
    planned = plan(file, await read(ctx, file), edits)
    outcome = await write(ctx, planned, file)
    assert (outcome.status, outcome.text) == (Status.DONE, "")
    after = await read(ctx, file)
    assert set(after.categories) == set(planned.after)
    if after.included != () and file != FILE:
        return after  # what is new comes before what is included at the end
    assert after.categories == planned.after
    return after


def content(path: Path) -> list[str]:
    """The lines of a file, but for the head that Asterisk writes and what is empty."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.rstrip() for line in lines if line.strip() and not line.startswith(";!")]


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def at(place: int, name: str, text: str, **more: Any) -> Edit:
    return Edit(place, name, typed_lines(text), **more)


async def test_a_file_is_read_with_what_is_inherited(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            reading = await read(ctx)
    general, phone, endpoint, aor, dialplan = reading.categories
    assert general.own == (("codec", "ulaw"), ("greeting", "one;two"), ("none", ""))
    assert (phone.header, phone.is_template) == ("[phone](!)", True)
    assert (endpoint.header, endpoint.inherited) == ("[101](phone)", phone.own)
    assert endpoint.own == (("callerid", "Anna"), ("secret", "geheim"))
    assert (aor.title, endpoint.title) == ("[101] type=aor", "[101] type=endpoint")
    assert [value for _name, value in dialplan.own] == ["1,1,NoOp(a)", "1,2,NoOp(b)", "1,3,Hangup()"]
    assert reading.included is None, "nobody has loaded it"


async def test_a_file_is_read_as_json(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            outcome = await commands.read_json.carry_out(ctx, "", commands.File(FILE))
            missing = await commands.read_json.carry_out(ctx, "", commands.File("nothing.conf"))
    assert outcome.done
    assert json.loads(outcome.reply.get("JSON"))["general"]["codec"] == "ulaw"
    assert missing.status is Status.REFUSED
    assert missing.text.startswith("File requires escalated"), "which is what it says of one that there is not"


async def test_files_that_are_loaded_are_named(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await commands.files(ctx, {})
    assert {"extensions.conf", "pjsip.conf", "confbridge.conf", "modules.conf"} <= set(outcome.data)
    assert outcome.data == sorted(set(outcome.data))


async def test_a_category_is_found_in_whichever_file_it_is(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await find(ctx, "PANEL_USER")
        assert (outcome.status, outcome.data) == (Status.DONE, [["confbridge.conf", ["panel_user"]]])
        found = dict((await find(ctx, "general")).data)
        assert {"extensions.conf", "manager.conf", "queues.conf"} <= set(found)
        assert (await find(ctx, "such a one there is not")).data == []
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:
        assert (await find(ctx, "general")).status is Status.NOT_PERMITTED


@pytest.mark.parametrize(
    ("file", "answer"),
    [
        ("nothing.conf", "Config file not found"),
        ("../../../../../../etc/passwd", "File requires escalated"),
        ("/etc/passwd", "File requires escalated"),
    ],
)
async def test_what_is_no_file_of_its_own_is_refused(
    asterisk: Asterisk, with_context: WithContext, file: str, answer: str
) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await commands.read.carry_out(ctx, "", commands.File(file))
    assert outcome.status is Status.REFUSED
    assert outcome.text.startswith(answer)


async def test_what_is_no_configuration_is_refused(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk, "a = 1\n"):
        async with with_context(asterisk) as ctx:
            assert (
                await commands.read.carry_out(ctx, "", commands.File(FILE))
            ).text == "Config file has invalid format"
    with file_of(asterisk, ""):
        async with with_context(asterisk) as ctx:
            assert (await read(ctx)).categories == ()


async def test_a_user_without_the_class_is_told(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            reading = await read(ctx)
        planned = plan(FILE, reading, [at(0, "general", "a = 1")])
        async with with_context(asterisk, url=asterisk.limited_url) as ctx:
            assert (await commands.read.carry_out(ctx, "", commands.File(FILE))).text == "Permission denied"
            assert (await write(ctx, planned)).text == "Permission denied"
        assert path.read_text() == TEXT


async def test_one_line_is_changed_and_all_else_is_as_it_was(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            text = "exten => 1,1,NoOp(a)\nexten => 1,2,Verbose(x=y\\;z)\nexten => 1,3,Hangup()"
            await edited(ctx, at(4, "plan", text))
        lines = content(path)
    spaced = [line.replace("   ;", " ;").replace("  ;", " ;") for line in lines]
    expected = [line for line in TEXT.splitlines() if line.strip()]
    assert spaced == replaced("\n".join(expected), "1,2,NoOp(b)", "1,2,Verbose(x=y\\;z)").splitlines()


async def test_lines_are_added_deleted_renamed_and_keep_their_order(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            general = "first = 0\ncodec = ulaw\nhello => one\\;two\nlast => >9\nempty ="
            dialplan = "exten => 1,2,NoOp(b)\nexten => 1,2,NoOp(b)\nsame => n,NoOp(;)"
            await edited(
                ctx,
                at(0, "general", general),
                at(4, "plan", replaced(dialplan, "(;)", "(\\;\\;--\\;)")),
            )
        lines = content(path)
    start = lines.index("[general]")
    assert lines[start + 1 : lines.index("[phone](!)")] == [
        "first = 0", "; Before the line.", lines[start + 3], "hello = one\\;two", "last => >9", "empty =",
    ]  # fmt: skip
    assert lines[start + 3].startswith("codec = ulaw")
    assert lines[start + 3].endswith("; on the line")
    assert lines[lines.index("[plan]") + 1 :] == [
        "exten => 1,2,NoOp(b)", "exten => 1,2,NoOp(b)", "same => n,NoOp(\\;\\;--\\;)",
    ]  # fmt: skip


async def test_of_several_of_one_name_the_one_meant_is_edited(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            await edited(ctx, at(3, "101", "type = aor\nmax_contacts = 2\nqualify_frequency = 60"))
            await edited(ctx, at(2, "101", "callerid = Anna\nsecret = neu"))
        lines = content(path)
    endpoint, aor = lines.index("[101](phone)"), lines.index("[101]")
    assert lines[endpoint + 1 : aor] == ["callerid = Anna", "secret = neu"]
    assert lines[aor + 1 : aor + 4] == ["type = aor", "max_contacts = 2", "qualify_frequency = 60"]


async def test_those_that_nothing_tells_apart_are_not_edited(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk, "[a]\nx = 1\n[a]\nx = 1\n[a]\nx = 1\ny = (1)\n"):
        async with with_context(asterisk) as ctx:
            reading = await read(ctx)
    for place in (0, 1, 2):
        with pytest.raises(Wrong, match="this one cannot be told"):
            plan(FILE, reading, [at(place, "a", "x = 2")])


async def test_categories_are_added_renamed_emptied_and_deleted(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            after = await edited(
                ctx,
                at(0, "globals", "codec = ulaw\ngreeting = one\\;two\nnone ="),
                Edit(4, "plan"),
                Edit(3, "101", delete=True),
                Edit(None, "101", typed_lines("type = auth\npassword = x"), parents=("phone",)),
                Edit(None, "base", typed_lines("a => b"), is_template=True),
            )
        lines = content(path)
    assert [category.header for category in after.categories] == [
        "[globals]", "[phone](!)", "[101](phone)", "[plan]", "[101](phone)", "[base](!)",
    ]  # fmt: skip
    assert lines[-6:] == ["[plan]", "[101](phone)", "type = auth", "password = x", "[base](!)", "a => b"]
    assert "type = aor" not in lines


async def test_a_template_changes_whoever_inherits_from_it(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            planned = plan(FILE, await read(ctx), [at(1, "phone", "type = endpoint\nallow = opus\nsecret = geheim")])
            outcome = await write(ctx, planned)
            assert outcome.text == ""
            after = await read(ctx)
        lines = content(path)
    assert after.categories == planned.after
    assert after.categories[2].lines == (
        ("type", "endpoint"), ("allow", "opus"), ("secret", "geheim"), ("callerid", "Anna"),
    )  # fmt: skip
    # What equals a line of the template is left out, and the page says so before.
    assert lines[lines.index("[101](phone)") + 1 : lines.index("[101]")] == ["callerid = Anna"]
    shown = {difference.header: difference.lines for difference in planned.differences}
    assert ("-", "secret = geheim") in shown["[101](phone)"]
    assert ("+", "allow = opus") in shown["[phone](!)"]


async def test_what_others_inherit_from_is_neither_renamed_nor_deleted(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            reading = await read(ctx)
    text = "type = endpoint\nallow = ulaw\nallow = alaw"
    with pytest.raises(Wrong, match="cannot be renamed: 101"):
        plan(FILE, reading, [at(1, "other", text)])
    with pytest.raises(Wrong, match="cannot be deleted: 101"):
        plan(FILE, reading, [Edit(1, "phone", delete=True)])
    with pytest.raises(Wrong, match="no template"):
        plan(FILE, reading, [Edit(None, "x", parents=("general",))])
    with pytest.raises(Wrong, match="already inherit from"):
        plan(FILE, reading, [at(0, "phone", "codec = ulaw\ngreeting = one\\;two\nnone =")])


async def test_a_file_that_changed_meanwhile_is_not_written(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk) as path:
        async with with_context(asterisk) as ctx:
            planned = plan(FILE, await read(ctx), [at(0, "general", "a = 1")])
            other = replaced(TEXT, "max_contacts = 1", "max_contacts = 5")
            path.write_text(other, encoding="utf-8")
            outcome = await write(ctx, planned)
            assert (outcome.status, outcome.text) == (Status.REFUSED, commands.CHANGED)
            assert path.read_text(encoding="utf-8") == other
            # A comment is none of what is shown, and stays.
            path.write_text(replaced(TEXT, "; Before the line.", "; Another."), encoding="utf-8")
            planned = plan(FILE, await read(ctx), [at(3, "101", "type = aor")])
            path.write_text(TEXT, encoding="utf-8")
            assert (await write(ctx, planned)).done
        assert "; Before the line." in content(path)


async def test_what_reads_otherwise_than_promised_is_told(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            planned = plan(FILE, await read(ctx), [at(0, "general", "a = 1")])
            planned.after = planned.before.categories
            assert (await write(ctx, planned)).text == commands.NOT_AS_PROMISED


async def test_a_file_that_is_gone_is_told(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        with file_of(asterisk):
            planned = plan(FILE, await read(ctx), [at(0, "general", "a = 1")])
        outcome = await write(ctx, planned)
    assert (outcome.status, outcome.text) == (Status.REFUSED, "Config file not found")


async def test_as_many_changes_as_asterisk_takes_arrive_and_more_are_refused(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            many = [Edit(None, f"c{number}", typed_lines("a = 1")) for number in range(20)]
            assert len(plan(FILE, await read(ctx), many).updates) == 20 * 6
            assert len((await edited(ctx, *many)).categories) == 25
            with pytest.raises(Wrong, match="more changes than Asterisk accepts"):
                plan(FILE, await read(ctx), [Edit(None, f"d{number}", typed_lines("a = 1")) for number in range(21)])


async def test_the_longest_value_arrives(asterisk: Asterisk, with_context: WithContext) -> None:
    with file_of(asterisk):
        async with with_context(asterisk) as ctx:
            await edited(ctx, at(3, "101", f"type = aor\nlong = {'x' * 950}"))
            await edited(ctx, at(3, "101", f"type = aor\nlong = {'y' * 950}"))
    with pytest.raises(Malformed, match="longer than the 950 bytes"):
        typed_lines(f"long = {'x' * 951}")


async def test_what_is_included_is_told_and_edited_where_it_stands(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    dialplan = asterisk.folder / "etc/extensions.conf"
    before = dialplan.read_text(encoding="utf-8")
    with file_of(asterisk, "[more]\nexten => 7,1,NoOp()\n", "extensions_more.conf") as more:
        try:
            dialplan.write_text(f'{before}\n#include "extensions_more.conf"\n', encoding="utf-8")
            asterisk.cli("module reload pbx_config.so")
            async with with_context(asterisk) as ctx:
                reading = await read(ctx, "extensions.conf")
                assert [included.name for included in reading.included or ()] == ["extensions_more.conf"]
                places = {category.name: place for place, category in enumerate(reading.categories)}
                assert reading.source_of(reading.categories[places["more"]]) is not None
                assert reading.source_of(reading.categories[places["internal"]]) is None
                with pytest.raises(Wrong, match=r"is in .*extensions_more\.conf"):
                    plan("extensions.conf", reading, [at(places["more"], "more", "exten => 7,1,NoOp()\na = 1")])
                hand = at(places["hand"], "hand", "exten => s,1,UserEvent(PanelHand,Hand: toggle)\nexten => t,1,NoOp()")
                await edited(ctx, hand, Edit(None, "new", typed_lines("exten => 1,1,NoOp()")), file="extensions.conf")
                await edited(ctx, at(0, "more", "exten => 7,1,Answer()"), file="extensions_more.conf")
            lines = content(dialplan)
            assert '#include "extensions_more.conf"' in lines
            assert lines[lines.index("[hand]") + 2] == "exten => t,1,NoOp()"
            assert content(more) == ["[more]", "exten => 7,1,Answer()"]
        finally:
            dialplan.write_text(before, encoding="utf-8")
            asterisk.cli("module reload pbx_config.so")


# What is typed.


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = 1 ; a comment", "begins a comment"),
        ("no separator", "there is no “=”"),
        ("= 1", "no name before"),
        ("[b] = 1", "cannot be the name"),
        ("#include = x", "cannot be the name"),
        ("a += 1", "cannot be the name"),
        ("a = x\x07", "cannot be sent"),
        (f"a = {'ü' * 500}", "longer than"),
        ("a = 1\nb", "Line 2:"),
    ],
)
def test_what_cannot_be_a_line_is_refused_with_its_number(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        typed_lines(text)


@pytest.mark.parametrize("name", ["", "a]", "a[b", "a;b", 'a"b', "a,b", "x" * 80, "a\tb"])
def test_what_cannot_name_a_category_is_refused(name: str) -> None:
    with pytest.raises(Wrong):
        plan(FILE, Reading(), [Edit(None, name)])


def test_only_what_is_edited_is_an_edit() -> None:
    reading = Reading(
        reading_of({"fields": [["Category-000000", "a"], ["Line-000000-000000", "x=1"]], "included": []}).categories
    )

    def edits(query: str) -> Sequence[Edit]:
        return edits_of(reading, QueryDict(query))

    assert edits("file=a.conf&new=k&name-k=&lines-k=") == []
    assert [edit.name for edit in edits("at=0&name-0=b&lines-0=x%3D1")] == ["b"]
    assert edits("at=0&delete-0=on")[0].delete
    with pytest.raises(Wrong, match="no such category"):
        edits("at=7")
    assert plan(FILE, reading, edits("at=0&name-0=a&lines-0=x%3D1")).updates == []
