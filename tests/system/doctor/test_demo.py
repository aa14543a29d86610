"""The demo PBX under examination: it answers what is asked about calls as Asterisk 22 does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest

from engine.demo import DemoPbx
from engine.demo.dialplan import SYNOPSES
from engine.demo.fixtures import FILES
from engine.demo.model import Party, State
from engine.mirror import dialplan
from system.doctor.examination import Wanted
from system.doctor.report import Report, Status
from tests.lab.asterisk import Asterisk

from .faults import look, result, words
from .test_everybody import a_person


@contextlib.asynccontextmanager
async def running(files: Mapping[str, str] = FILES) -> AsyncIterator[DemoPbx]:
    demo = DemoPbx(seed=1, lively=False, files=files)
    try:
        yield demo
    finally:
        await demo.stop()


async def examined(demo: DemoPbx, wanted: Wanted | None = None) -> Report:
    return await asyncio.to_thread(look, await demo.start(), wanted, echo=0.1)


async def test_the_demo_has_what_calls_need() -> None:
    async with running() as demo:
        report = await examined(demo)
    statuses = {id: result(report, id).status for id in ("applications", "music", "parking", "extensions", "version")}
    assert statuses.pop("extensions") is Status.WARNING
    assert set(statuses.values()) == {Status.OK}
    assert "There is music on hold: default, reception." in words(result(report, "music"))
    assert "20 spaces of 701–720 are free." in words(result(report, "parking"))


async def test_the_demo_shows_the_same_faults() -> None:
    files = {
        **FILES,
        "extensions.conf": f"{FILES['extensions.conf']}\n{dialplan.stanza(dialplan.lasting)}",
        "musiconhold.conf": "[general]\n[reception]\nmode = files\ndirectory = moh\n[default]\n",
    }
    people = [a_person("anna", "PJSIP/101"), a_person("ben", "PJSIP/999"), a_person("eve", "PJSIP/101", "nowhere")]
    async with running(files) as demo:
        report = await examined(demo, Wanted(people=people))
    assert result(report, "extensions").status is Status.OK
    assert "names one of these hears music: reception." in words(result(report, "music"))
    found = result(report, "people").finding.facts
    assert (found["unknown_phone"], found["absent_phone"], found["unknown_context"]) == (["ben"], [], ["eve"])


async def test_the_lot_of_the_demo_can_be_full() -> None:
    async with running() as demo:
        for number in range(701, 721):
            channel = demo.switch.new_channel("PJSIP/101", Party("101"), state=State.UP, extension=str(number))
            demo.switch.park(channel)
        report = await examined(demo)
    assert "Every space of the parking lot is taken (701–720)." in words(result(report, "parking"))


def test_applications_and_music_are_listed_as_asterisk_lists_them(asterisk22: Asterisk) -> None:
    listed = asterisk22.cli("core show applications").splitlines()
    assert [f"  {name:>20}: {what} " for name, what in SYNOPSES.items() if f"  {name:>20}: {what} " not in listed] == []
    assert listed[0] == "    -= Registered Asterisk Applications =-"
    assert listed[-1] == f"    -= {len(listed) - 2} Applications Registered =-"
    name, mode, folder, *_others = asterisk22.cli("moh show classes").splitlines()
    assert (name, mode) == ("Class: default", "\tMode: files")
    assert folder.startswith("\tDirectory: /")


@pytest.mark.parametrize("application", [name for steps in dialplan.lasting.values() for name, _data in steps])
def test_the_demo_runs_what_it_lists(application: str) -> None:
    assert application in SYNOPSES
