"""What calls need of the PBX beside privileges: applications, music on hold, parking, the panel's own extensions."""

import asyncio
import time
from collections.abc import Callable

import pytest

from calls.transfers import DIALPLAN
from engine.demo import DemoPbx
from engine.demo.manager import core
from engine.mirror import dialplan
from system.doctor.report import Report, Status
from system.doctor.versions import FAULTS, Release
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

from .faults import changed, look, manager_user, result, with_extensions, without_module, words

MUSIC = ("musiconhold.conf", "module reload res_musiconhold.so")
PARKING = ("res_parking.conf", "module reload res_parking.so")


def facts(report: Report, id: str) -> dict[str, object]:
    return result(report, id).finding.facts


def wait_for(holds: Callable[[], object], what: str, limit: float = 10.0) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


# Music on hold.


def test_music_that_is_there_passes(asterisk: Asterisk) -> None:
    found = result(look(asterisk.ami_url), "music")
    assert (found.status, found.finding.facts["classes"]) == (Status.OK, ["default", "tone"])


def test_music_that_is_nowhere_is_told_and_ends_at_once(asterisk: Asterisk) -> None:
    """What is said of it is so: nobody waits in it."""
    asterisk.cli("channel originate Local/602@internal application MusicOnHold")
    wait_for(lambda: "!MusicOnHold!" in asterisk.cli("core show channels concise"), "nobody hears music")
    asterisk.quiet()
    with changed(asterisk, MUSIC[0], "[general]\n", MUSIC[1]):
        found = result(look(asterisk.ami_url), "music")
        asterisk.cli("channel originate Local/602@internal application MusicOnHold")
        wait_for(lambda: "Unable to start music on hold" in asterisk.log, "no music was asked for")
        wait_for(lambda: not asterisk.channels(), "somebody still waits")
    assert found.status is Status.PROBLEM
    assert found.finding.facts["classes"] == []
    assert "There is no class “default” of music on hold." in words(found)
    assert "hears nothing" in words(found)
    assert "mode = files" in words(found)


def test_a_folder_without_music_is_no_music(asterisk: Asterisk) -> None:
    text = (asterisk.folder / "etc" / MUSIC[0]).read_text()
    with changed(asterisk, MUSIC[0], text.replace("/moh", "/no-such-folder"), MUSIC[1]):
        assert result(look(asterisk.ami_url), "music").status is Status.PROBLEM


def test_music_of_another_class_is_told_with_who_hears_it(asterisk: Asterisk) -> None:
    text = (asterisk.folder / "etc" / MUSIC[0]).read_text()
    with changed(asterisk, MUSIC[0], text.replace("[default]", "[reception]"), MUSIC[1]):
        found = result(look(asterisk.ami_url), "music")
    assert found.status is Status.PROBLEM
    assert "names one of these hears music: reception, tone." in words(found)


def test_music_that_is_not_loaded_is_told(asterisk: Asterisk) -> None:
    with without_module(asterisk, "res_musiconhold.so"):
        found = result(look(asterisk.ami_url), "music")
    assert found.status is Status.PROBLEM
    assert "module load res_musiconhold.so" in words(found)
    assert result(look(asterisk.ami_url), "music").status is Status.OK


# Parking.


def test_a_lot_with_room_passes_with_how_much(asterisk: Asterisk) -> None:
    found = result(look(asterisk.ami_url), "parking")
    assert found.status is Status.OK
    assert "20 spaces of 701–720 are free." in words(found)


def test_a_full_lot_is_told_and_one_that_is_free_again_passes(asterisk: Asterisk) -> None:
    text = (asterisk.folder / "etc" / PARKING[0]).read_text().replace("701-720", "701-702")
    with changed(asterisk, PARKING[0], text, PARKING[1]):
        for number in (1, 2):
            assert result(look(asterisk.ami_url), "parking").status is Status.OK
            asterisk.cli("channel originate Local/602@internal application Park")
            wait_for(lambda n=number: _parked(asterisk) == n, f"{number} are not parked")  # type: ignore[misc]
        found = result(look(asterisk.ami_url), "parking")
        asterisk.quiet()
        wait_for(lambda: _parked(asterisk) == 0, "somebody is still parked")
        again = result(look(asterisk.ami_url), "parking")
    assert found.status is Status.WARNING
    assert "Every space of the parking lot is taken (701–702)." in words(found)
    assert found.finding.facts["lots"] == {"default": {"first": "701", "last": "702", "parked": 2}}
    assert again.status is Status.OK


def _parked(asterisk: Asterisk) -> int:
    return asterisk.cli("core show channels concise").count("!Park!")


def test_parking_that_is_not_loaded_is_told(asterisk: Asterisk) -> None:
    # Where somebody has parked, Asterisk 16 may crash as the module is unloaded (3 times of 25; else none of 25): the
    # bridge of the lot is taken down in a thread of its own, by code that is not there any more.
    asterisk.restart()
    with without_module(asterisk, "res_parking.so"):
        report = look(asterisk.ami_url)
    found = result(report, "parking")
    assert found.status is Status.WARNING
    assert "Does not work: parking and retrieving calls." in words(found)
    assert "module load res_parking.so" in words(found)
    assert result(look(asterisk.ami_url), "parking").status is Status.OK


# Applications.


@pytest.mark.parametrize(
    ("module", "application", "feature"),
    [
        ("app_chanspy.so", "ChanSpy", "listening to calls"),
        ("app_directed_pickup.so", "PickupChan", "picking up and taking over calls"),
        ("app_senddtmf.so", "PlayDTMF", "keys pressed in a call"),
    ],
)
def test_an_application_that_is_not_loaded_is_told_with_what_it_takes_away(
    asterisk: Asterisk, module: str, application: str, feature: str
) -> None:
    with without_module(asterisk, module):
        found = result(look(asterisk.ami_url), "applications")
    assert found.status is Status.WARNING
    assert f"Does not work: {feature} (this Asterisk has no {application})." in words(found)
    assert found.finding.facts["missing"] == [application]
    again = result(look(asterisk.ami_url), "applications")
    assert again.finding.facts["missing"] == []


# The panel's extensions.


def test_extensions_that_are_nowhere_are_told_with_the_lines_to_paste(asterisk: Asterisk) -> None:
    report = look(asterisk.ami_url)
    found = result(report, "extensions")
    assert found.status is Status.WARNING
    assert "There is no [pbxpanel] in extensions.conf." in words(found)
    assert report.extensions == dialplan.stanza(dialplan.lasting)
    assert set(dialplan.lasting) >= set(DIALPLAN)


async def test_extensions_that_the_panel_has_written_are_told_until_they_are_pasted(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    """Nothing tells the two apart but the file; and a reload takes away what is not there."""
    async with with_context(asterisk) as ctx:
        assert (await dialplan.write(ctx, dialplan.lasting)).done
    assert "MusicOnHold" in asterisk.cli("dialplan show hold@pbxpanel")
    report = await asyncio.to_thread(look, asterisk.ami_url)
    assert facts(report, "extensions")["lacking"] == sorted(dialplan.lasting)
    asterisk.cli("dialplan reload")
    assert "MusicOnHold" not in asterisk.cli("dialplan show hold@pbxpanel")
    with with_extensions(asterisk):
        async with with_context(asterisk) as ctx:
            assert (await dialplan.write(ctx, dialplan.lasting)).done
        report = await asyncio.to_thread(look, asterisk.ami_url)
        asterisk.cli("dialplan reload")
        assert "MusicOnHold" in asterisk.cli("dialplan show hold@pbxpanel")
    assert result(report, "extensions").status is Status.OK
    assert report.extensions == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines.replace("MusicOnHold(,600)", "MusicOnHold(,60)"),
        lambda lines: lines.replace(" same => n,MusicOnHold(,600)\n", ""),
        lambda lines: lines.replace("exten => back", " same => n,Wait(1)\nexten => back"),
    ],
)
def test_extensions_of_another_version_are_named(asterisk: Asterisk, change: Callable[[str], str]) -> None:
    """A step that differs, one that lacks, and one too many."""
    lines = dialplan.stanza(dialplan.lasting)
    assert change(lines) != lines
    with with_extensions(asterisk, change(lines)):
        found = result(look(asterisk.ami_url), "extensions")
    assert found.status is Status.WARNING
    assert "these are missing or not as this version needs them: hold." in words(found)


def test_extensions_that_are_written_in_another_way_pass(asterisk: Asterisk) -> None:
    """With numbers, with other spaces, with a comment, and in two places."""
    lines = ["[pbxpanel]"]
    for extension, steps in dialplan.lasting.items():
        lines += [f"exten = {extension} , {n}, {name}({data}) ; so" for n, (name, data) in enumerate(steps, 1)]
        lines += ["[pbxpanel](+)"]
    with with_extensions(asterisk, "\n".join(lines)):
        found = result(look(asterisk.ami_url), "extensions")
    assert found.status is Status.OK, words(found)


def test_where_asterisk_hides_the_file_the_one_beside_it_counts_or_it_is_said(asterisk22: Asterisk) -> None:
    """As on a FreePBX, where extensions.conf is a link to a file elsewhere."""
    folder = asterisk22.folder / "etc"
    file, elsewhere, beside = folder / "extensions.conf", folder.parent / "elsewhere.conf", "extensions_custom.conf"
    file.rename(elsewhere)
    file.symlink_to("../elsewhere.conf")
    try:
        report = look(asterisk22.ami_url)
        hidden = result(report, "extensions")
        assert report.extensions == dialplan.stanza(dialplan.lasting)
        (folder / beside).write_text("[something]\nexten => s,1,Hangup()\n")
        lacking = result(look(asterisk22.ami_url), "extensions")
        (folder / beside).write_text(dialplan.stanza(dialplan.lasting))
        there = result(look(asterisk22.ami_url), "extensions")
    finally:
        (folder / beside).unlink(missing_ok=True)
        elsewhere.replace(file)
    assert hidden.status is Status.SKIPPED
    assert "Asterisk does not show where the panel's extensions should be (extensions.conf: " in words(hidden)
    assert "Check it yourself" in words(hidden)
    assert "There is no [pbxpanel] in extensions_custom.conf." in words(lacking)
    assert (there.status, there.finding.facts["file"]) == (Status.OK, beside)


# What may not be queried is not said to be well.


def test_what_may_not_be_queried_is_said_with_the_class_that_it_needs(asterisk: Asterisk) -> None:
    with manager_user(asterisk, write="reporting") as address:
        report = look(address)
    for id, needed in {
        "applications": "the write class command",
        "music": "the write class command",
        "parking": "the write class call",
        "extensions": "the write class system or config",
    }.items():
        assert result(report, id).status is Status.SKIPPED
        assert needed in words(result(report, id))
    assert report.extensions == dialplan.stanza(dialplan.lasting)


# Known faults of versions.


@pytest.mark.parametrize(
    ("version", "faults"),
    [
        ("22.3.0", ["record-crashes"]),
        ("20.13.0~dfsg+~cs6.13.40431414-1", ["record-crashes"]),
        ("21.8.0", ["record-crashes"]),
        ("22.2.0", []),
        ("22.4.0", []),
        ("20.14.1", []),
        ("21.9.0", []),
        ("22.10.1+dfsg+~cs6.17.60671434-1", []),
        ("16.28.0~dfsg-0+deb11u4", ["originate-escalates"]),
        ("18.24.1", ["originate-escalates"]),
        ("18.24.2", []),
        ("18.26.0", []),
        ("19.8.1", ["originate-escalates"]),
        ("20.9.1", ["originate-escalates"]),
        ("20.9.2", []),
        ("20.10.0", []),
        ("21.4.1", ["originate-escalates"]),
        ("21.4.2", []),
        ("22.0.0", []),
        ("23.1.0", []),
        ("certified/18.9-cert10", ["originate-escalates"]),
        ("certified/18.9-cert11", []),
        ("certified-20.7-cert1", ["originate-escalates"]),
        ("certified-20.7-cert2", []),
        ("certified-16.8-cert14", ["originate-escalates"]),
        ("certified-22.8-cert1", []),
    ],
)
def test_which_versions_have_which_fault(version: str, faults: list[str]) -> None:
    release = Release.parse(version)
    assert release is not None
    assert [fault.id for fault in FAULTS if fault.affects(release)] == faults


@pytest.mark.parametrize("version", ["GIT-master-1a2b3c4", "SVN-trunk-r1", "", "22"])
def test_what_is_no_release_has_no_number(version: str) -> None:
    assert Release.parse(version) is None


@pytest.mark.parametrize(
    ("version", "status", "told"),
    [
        ("22.3.0", Status.PROBLEM, "This version crashes when the recording of a conference is started"),
        ("20.9.1", Status.WARNING, "CVE-2024-42365"),
        ("20.9.2", Status.OK, "Asterisk 20.9.2"),
        ("GIT-22-1a2b3c4", Status.OK, "it is not known whether it has a known fault"),
    ],
)
async def test_a_version_with_a_known_fault_is_told(
    version: str, status: Status, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "ASTERISK_VERSION", version)
    demo = DemoPbx(seed=1, lively=False)
    try:
        found = result(await asyncio.to_thread(look, await demo.start()), "version")
    finally:
        await demo.stop()
    assert found.status is status
    assert told in words(found)


def test_the_versions_of_the_lab_are_judged(asterisk: Asterisk) -> None:
    found = facts(look(asterisk.ami_url), "version")
    assert found["faults"] == (["originate-escalates"] if asterisk.version == "16" else [])
    with manager_user(asterisk, write="reporting") as address:
        assert facts(look(address), "version")["faults"] == []
