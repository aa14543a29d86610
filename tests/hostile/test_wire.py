"""What reaches Asterisk when hostile texts are typed, clicked and called: the bytes on the wire are looked at."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from playwright.sync_api import APIResponse, Page, expect

from engine import limits
from engine.live.fragments import PART
from tests.hostile.tap import Tap
from tests.hostile.texts import TEXTS, Hostile
from tests.hostile.voices import call
from tests.lab.asterisk import Asterisk
from tests.matrix import share
from tests.panel import Panel, Visit

pytestmark = [pytest.mark.timeout(900)]

# So much of a text goes into an address: Twisted hangs up on a line of more than 16 kB.
_ADDRESS = 2000
# The fields of each action that people give, beside Action and ActionID.
COMMANDS = {
    "Originate": ["Channel", "Context", "Exten", "Priority", "Async", "Timeout", "ChannelId", "Variable"],
    "Hangup": ["Channel", "Cause"],
    "ConfbridgeMute": ["Conference", "Channel"],
    "ConfbridgeUnmute": ["Conference", "Channel"],
    "ConfbridgeKick": ["Conference", "Channel"],
}
# What the panel asks by itself, to know what is.
READS = {
    "Challenge", "Login", "Filter", "Ping", "CoreSettings", "CoreShowChannels", "BridgeList", "BridgeInfo",
    "ConfbridgeList", "ConfbridgeListRooms", "ParkedCalls", "ExtensionStateList", "DeviceStateList", "Getvar",
    "PJSIPShowEndpoint", "PresenceStateList", "Command", "Status", "VoicemailUsersList", "DBGetTree",
}  # fmt: skip


CLICK = """async ([action, count]) => {
    const question = document.getElementById("question");
    for (const button of [...document.querySelectorAll(`[data-action=${action}]`)].slice(0, count)) {
        const isAsked = action === "hangup";
        const closes = (resolve) => question.addEventListener("close", resolve, { once: true });
        const answered = isAsked && new Promise(closes);
        button.click();
        while (isAsked && !question.open) await new Promise(requestAnimationFrame);
        if (isAsked) question.querySelector("[value=yes]").click();
        await answered;
    }
}"""


@pytest.fixture
def tap(asterisk22: Asterisk) -> Iterator[Tap]:
    with Tap(asterisk22) as tap:
        yield tap


@pytest.fixture
def panel(tap: Tap, tmp_path: Path) -> Iterator[Panel]:
    """A panel of this test alone, whose words to Asterisk are heard."""
    panel = Panel(tmp_path, {"AMI_URL": tap.url})
    panel.prepare()
    panel.start()
    try:
        yield panel
    finally:
        panel.stop()


def post(page: Page, panel: Panel, path: str, form: dict[str, str | float | bool]) -> APIResponse:
    """What the browser of this page would send, with its cookies and its token."""
    token = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']")
    headers = {"X-CSRFToken": token, "HX-Request": "true"}
    return page.request.post(f"{panel.url}{path}", form=form, headers=headers, max_redirects=0)


def commands(tap: Tap) -> list[tuple[str, dict[str, str]]]:
    """The commands that were sent: name and fields, each with the fields that it has, each once."""
    found = []
    for fields in tap.actions():
        names = [name for name, _value in fields]
        (first, action), *_ = fields
        assert (first, names.count("Action"), names.count("ActionID")) == ("Action", 1, 1), fields
        assert action in READS | COMMANDS.keys(), fields
        if action in COMMANDS:
            assert sorted(names) == sorted(["Action", "ActionID", *COMMANDS[action]]), fields
            found.append((action, dict(fields)))
    return found


def test_nothing_that_is_typed_or_asked_adds_a_word_on_the_wire(tap: Tap, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "anna")
    dialled = []
    for number, text in enumerate(TEXTS):
        response = post(page, panel, "/calls/dial/", {"number": text.text, "command_id": f"{number:032x}"})
        # 409: Asterisk has no such extension.
        is_too_long = len(text.text) > limits.FIELD
        assert response.status in ((400,) if is_too_long else (200, 409, 422)), (text.label, response.text())
        if response.status in (200, 409):
            dialled.append(text.text)
        response = post(page, panel, "/calls/dial/", {"number": "602", "command_id": text.text})
        assert response.status == (400 if is_too_long else 422), text.label
        part = quote_from_bytes(text.raw[:_ADDRESS], safe="")
        for path in (f"/calls/main/{part}/hangup/", f"/conferences/main/participants/{part}/kick/"):
            response = post(page, panel, path, {})
            assert response.status in (400, 404, 405), (path, response.status)
    sent = commands(tap)
    assert sorted(dialled) == ["/.*/", "0"]
    assert [(action, fields["Exten"], fields["Variable"]) for action, fields in sent] == [
        ("Originate", number, f"CONNECTEDLINE(num)={number}") for number in ["*", "0"]
    ]
    assert {fields["Channel"] for _action, fields in sent} == {"PJSIP/101"}
    assert all("Internal Server Error" not in line for line in panel.log.splitlines())


@pytest.mark.matrix
def test_hanging_up_and_moderating_the_hostile_is_one_action_each(
    asterisk22: Asterisk, tap: Tap, panel: Panel, visit: Visit
) -> None:
    page = visit(panel, "anna", "/conferences/main/8001/")
    people = share([text for text in TEXTS if b"\0" not in text.raw], 1, of=6)
    with asterisk22.ami() as ami:
        for text in people:
            call(ami, text, b"8001")
        call(ami, Hostile("", b"Anna", "", ""))
    rows = page.locator("#participants > *")
    expect(rows).to_have_count(len(people), timeout=180_000)
    page.evaluate(CLICK, ["mute", len(people)])
    expect(page.locator("#participants > .is-muted")).to_have_count(len(people), timeout=180_000)
    half = len(people) // 2
    for left in reversed(range(len(people) - half, len(people))):
        page.evaluate("document.querySelector('#participants > * [data-action=kick]').click()")  # which asks
        page.wait_for_selector("#kick-dialog[open]")
        page.evaluate("document.querySelector('#kick-dialog .btn-danger').click()")
        expect(rows).to_have_count(left, timeout=60_000)
    page.goto(f"{panel.url}/calls/?state=conference")
    page.wait_for_selector("html[data-live]")
    left, cards = len(people) - half, page.locator("#calls > *")
    while left:  # the page shows so many at a time
        expect(cards).to_have_count(min(left, PART), timeout=180_000)
        ids = cards.evaluate_all("cards => cards.map((card) => card.id)")
        page.evaluate(CLICK, ["hangup", PART])
        page.wait_for_function("(ids) => !ids.some((id) => document.getElementById(id))", arg=ids, timeout=180_000)
        left -= len(ids)
    expect(cards).to_have_count(0, timeout=180_000)
    page.wait_for_function("() => !document.querySelector('.htmx-request')")  # each was answered
    sent = commands(tap)
    names = [action for action, _fields in sent]
    assert names.count("ConfbridgeMute") == len(people)
    assert names.count("ConfbridgeKick") == half
    assert {fields["Conference"] for action, fields in sent if action != "Hangup"} == {"8001"}
    channels = [fields["Channel"] for action, fields in sent if action == "Hangup"]
    assert len(channels) == len(set(channels)) >= len(people) - half
    assert all(channel.startswith("Local/") for channel in channels)
