"""Calls whose names, numbers, account codes and conferences are hostile texts; and an eye on what a page does then."""

import itertools
import time
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

from tests.hostile.texts import Hostile
from tests.lab.ami import Ami
from tests.panel import Panel

# No id comes twice: what has hung up stays dead for a while.
_numbers = itertools.count(1)
# As much as one line of an AMI action takes, and as much as a variable of the dialplan holds.
_LINE, _VARIABLE = 500, 4000
# What an application's argument reads as more than a character.
_SPECIAL = b'\\,"()[]'


def call(ami: Ami, hostile: Hostile, room: bytes = b"") -> str:
    """A call of somebody with this name, who enters a conference, or waits. Returns its linkedid.

    On a machine that is very busy Asterisk now and then refuses one of a hundred at once, and does not say why: it is
    placed once more, and told in a warning.
    """
    raw = hostile.raw
    if len(raw) > _VARIABLE:
        raw = raw[:_VARIABLE].decode("utf-8", "ignore").encode()
    parts = [raw[start : start + _LINE] for start in range(0, len(raw), _LINE)]
    variables = [f"TEXT{part}={b64encode(text).decode()}" for part, text in enumerate(parts, 1)]
    if room:
        escaped = b"".join(b"\\" + bytes([byte]) if byte in _SPECIAL else bytes([byte]) for byte in room)
        variables.append(f"ROOM={b64encode(escaped).decode()}")
    answers = []
    for _ in range(2):
        linkedid = f"hostile-{next(_numbers)}"
        # It is answered when the call is.
        answer = ami.action(
            "Originate", *variables, Channel=f"Local/{extension(hostile)}@hostile/n", Context="hostile", Exten="say",
            Priority="1", ChannelId=linkedid, OtherChannelId=f"{linkedid}-2", Timeout="120000",
        )  # fmt: skip
        if answer["Response"] == "Success":
            return linkedid
        answers.append(answer)
        warnings.warn(f"Asterisk refuses the call of “{hostile.label}”: {answer}", stacklevel=2)
    raise AssertionError((hostile.label, answers))


def extension(hostile: Hostile) -> str:
    """The text as far as it can be dialled by way of a Local channel: without what ends it there."""
    dialled = "".join(character for character in hostile.text if character not in "\0\r\n/@\ufffd")[:30].strip()
    return f"x{dialled}"


class Watch:
    """What a page did that no page of the panel does, from now on. `check` fails for it."""

    def __init__(self, page: Page, panel: Panel, allowed: Iterable[str]) -> None:
        self.page, self._panel = page, panel
        self._allowed = ("/static/", "/people/names.json", *allowed)
        self._seen: list[str] = []
        page.add_init_script(
            """window.violations = [];
               addEventListener("securitypolicyviolation",
                                (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));"""
        )
        page.on("dialog", self._note_dialog)
        page.on("request", self._note_request)
        page.on("websocket", lambda socket: self._note_address(socket.url))
        page.on("popup", lambda popup: self._seen.append(f"popup {popup.url}"))
        page.reload()
        page.wait_for_selector("html[data-live]")

    def check(self) -> None:
        assert not self._seen, self._seen
        found = self.page.evaluate("[window.pwned === undefined, window.violations]")
        assert found == [True, []], found

    def _note_dialog(self, dialog: Dialog) -> None:
        self._seen.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        self._note_address(request.url)

    def _note_address(self, address: str) -> None:
        parts = urlsplit(address)
        is_ours = parts.netloc == urlsplit(self._panel.url).netloc
        if not is_ours or not (parts.path in ("/", "/ws/") or parts.path.startswith(self._allowed)):
            self._seen.append(address)


def shape(selector: str) -> str:
    """JavaScript: of each element that is selected its id, and the names of all tags and attributes in it."""
    return f"""() => {{
        const names = (element) => element.getAttributeNames().filter((name) => name !== "data-unmatched").sort();
        return Object.fromEntries([...document.querySelectorAll({selector!r})].map((root) => [root.id,
            [root, ...root.querySelectorAll("*")].map((e) => [e.tagName, ...names(e)].join(" ")).join("\\n")]));
    }}"""


def until(read: Callable[[], dict[str, Any]], wanted: dict[str, Any], seconds: float = 180) -> None:
    """Read until it is what is wanted; else the assertion names what differs."""
    deadline = time.monotonic() + seconds
    while (found := read()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    pairs = {key: (found.get(key), wanted.get(key)) for key in found.keys() | wanted.keys()}
    differing = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    assert not differing, differing
