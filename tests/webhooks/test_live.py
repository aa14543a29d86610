"""Calls on a real Asterisk, sent to a receiver by the panel as `make run` starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel
from tests.waiting import until
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.timeout(180)

MAKE = """
from django.contrib.auth.models import User
from webhooks.models import Webhook
calls = ["call.ringing", "call.answered", "call.ended"]
webhook = Webhook.objects.create(name="CRM", url={url!r}, owner=User.objects.get(username="anna"), types=calls)
print(webhook.secret)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def made(panel: Panel, url: str) -> str:
    """A webhook for calls of an administrator's; its secret."""
    return panel.shell(MAKE.format(url=url))


def test_a_call_is_told_in_order(
    asterisk: Asterisk,
    receiver: Receiver,
    tmp_path: Path,
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:
    panel = Panel(tmp_path, {"AMI_URL": asterisk.ami_url, "WEBHOOK_NETWORKS": "127.0.0.0/8"})
    panel.prepare()
    secret = made(panel, receiver.url)
    try:
        panel.start()
        phone_factory(asterisk, "101", "answer")
        call = caller_factory(asterisk, "101", number="0401234567", name="李雷")
        call.wait_for_status(200)
        until(lambda: "call.answered" in [got.told["type"] for got in receiver.got])
        call.stop()
        until(lambda: "call.ended" in [got.told["type"] for got in receiver.got])
    finally:
        panel.stop()
    told = [got.told for got in receiver.got]
    assert [one["type"] for one in told] == ["call.ringing", "call.answered", "call.ended"]
    assert {one["data"]["id"] for one in told} == {told[0]["data"]["id"]}
    assert told[0]["data"]["parties"][0]["name"] == "李雷"
    assert [one["number"] for one in told] == sorted(one["number"] for one in told)
    assert all(got.is_signed_by(secret) for got in receiver.got)
