"""An Asterisk of version 11 or older (AMI 1.x) is told to be too old: by the page, by the doctor and by the library."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.template.loader import render_to_string

from engine.ami.client import Answer, Session, check_version
from engine.ami.errors import TooOld
from engine.ami.protocol import Message
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker
from system.doctor import protocol
from system.doctor.report import Status
from tests.engine.ami.server import Peer, Script, serving
from tests.system.doctor.faults import greeting_server, look, result, words

OLD = b"Asterisk Call Manager/1.3\r\n"


@pytest.mark.parametrize("ami", ["0.1", "1.0", "1.1", "1.3"])
def test_ami_1_is_too_old(ami: str) -> None:
    with pytest.raises(TooOld, match=f"AMI {ami}"):
        check_version(ami)


@pytest.mark.parametrize("ami", ["2.0.0", "5.0.4", "11.0.0", "10.1", ""])
def test_what_came_after_it_is_not_nor_is_what_nobody_tells(ami: str) -> None:
    check_version(ami)


async def greets_as_old(peer: Peer) -> None:
    peer.writer.write(OLD)
    await peer.gone()


async def tells_when_asked(peer: Peer) -> None:
    """As over HTTP, where nobody greets."""
    await peer.login()
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            action = await peer.action()
            told = ["AMIversion: 1.3", "AsteriskVersion: 11.25.3"] if action["Action"] == "CoreSettings" else []
            peer.answer(action, *told)


async def test_it_is_not_even_logged_in_to() -> None:
    async with serving(greets_as_old) as server:
        with pytest.raises(TooOld):
            await Session.open(server.address, lambda event: None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", [greets_as_old, tells_when_asked])
async def test_the_page_says_that_asterisk_is_too_old(script: Script) -> None:
    channel_layers.backends.clear()
    async with serving(script) as server:
        worker = AmiWorker(
            application=None, channels=[], channel_layer=get_channel_layer(), addresses={"main": server.address}
        )
        task = asyncio.create_task(worker.handle())
        try:
            async with asyncio.timeout(60):
                told = PBX.objects.filter(link=PBX.Link.DOWN, reason__contains="too old")
                while not await told.aexists():  # noqa: ASYNC110 (the row is in the database)
                    await asyncio.sleep(0.1)
            pbx = await PBX.objects.aget()
            html = await sync_to_async(render_to_string)("components/_link.html", {"pbx": pbx})
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert "This Asterisk is too old: it speaks AMI 1.3, as version 11 and older do." in html
    assert 'data-link="down"' in html
    assert len(server.came_at) <= 2  # which does not change by being tried again every few seconds


def test_the_doctor_says_so_by_its_greeting() -> None:
    with greeting_server(OLD) as port:
        report = look(f"ami://panel:secret@127.0.0.1:{port}")
    found = result(report, "greeting")
    assert found.finding.status is Status.PROBLEM
    assert "too old" in words(found)
    assert "Upgrade Asterisk." in words(found)


async def test_the_doctor_says_so_by_its_settings() -> None:
    settings = Message(b"Response: Success\r\nAMIversion: 1.3\r\nAsteriskVersion: 11.25.3")

    async def ask(action: object) -> Answer:
        return Answer(settings)

    examination: Any = SimpleNamespace(may=lambda action: True, ask=ask)
    finding = await protocol.version(examination)
    assert finding is not None
    assert finding.status is Status.PROBLEM
    assert finding.facts["version"] == "11.25.3"
