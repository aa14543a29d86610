"""People as a PBX knows them: what hints, phones, mailboxes and the AstDB say of whom each extension is.

Sources: pbx.c (`HINT`), res_pjsip (`PJSIPShowEndpoint`), app_voicemail.c (`VoicemailUsersList`, which has no PINs), and
the AstDB: the family `cidname` of Asterisk, and FreePBX's `AMPUSER/<extension>/cidname`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.context import AT_ONCE, CommandContext
from engine.mirror.registry import lookup
from engine.mirror.sanitize import clean

from ...models import Extension
from ..csv_file import LINES, Line
from ..models import PHONES
from .numbers import is_extension, sorted_out

# How long it may take, in seconds.
TIMEOUT = 30.0
SOURCES: Mapping[str, Promise] = {
    "hints": _("names of hints"),
    "endpoints": _("caller IDs of phones"),
    "mailboxes": _("mailboxes"),
    "ampuser": _("users of FreePBX (AstDB, AMPUSER)"),
    "cidname": _("names of callers (AstDB, cidname)"),
}
# What can be asked of `HINT` without being taken for something else by it.
_ADDRESS = re.compile(r"[\w*#+.-]+@[\w.-]+", re.ASCII)
_CALLER_ID = re.compile(r'\s*"?(?P<name>[^"<]*)"?\s*(?:<(?P<number>[^<>]*)>)?\s*')
_TELEPHONE = re.compile(r"(?:PJSIP|SIP|IAX2|DAHDI|SCCP|Skinny|MGCP|UniStim)/[^/@]+", re.ASCII)
_NOBODY = frozenset(("", "unknown", "(null)", "anonymous"))


@lookup("people.in_pbx")
async def read(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """What is said of people, by `SOURCES`: of each rows of texts, see `lines_of`.

    `denied`: the sources that the manager user may not read. What this Asterisk does not have says nothing.
    """
    async with ctx.aside() as session:
        reading = _Reading(ctx, session)
        hints = [row for row in ctx.state.table(Extension).rows.values() if _ADDRESS.fullmatch(row.address)]
        data: dict[str, Any] = {
            "devices": [[row.extension, row.hint.partition(",")[0]] for row in hints],
            "hints": await reading.hints(hints),
            "endpoints": await reading.endpoints(),
            "mailboxes": await reading.mailboxes(),
            "ampuser": await reading.astdb("ampuser", "AMPUSER", re.compile(r"/AMPUSER/([^/]+)/cidname")),
            "cidname": await reading.astdb("cidname", "cidname", re.compile(r"/cidname/([^/]+)")),
        }
    return Outcome(Status.DONE, data={**data, "denied": sorted(reading.denied)})


@dataclass(slots=True)
class _Reading:
    """Reads the lists, in a session of its own."""

    ctx: CommandContext
    session: Session
    denied: set[str] = field(default_factory=set)

    async def _ask(self, source: str, action: Action, is_list: bool = True) -> Answer:
        answer = await self.session.ask(action, timeout=self.ctx.left, is_list=is_list)
        if answer.is_denied:
            self.denied.add(source)
        return answer

    async def _ask_all(self, source: str, wanted: Iterable[Action], is_list: bool) -> list[Answer]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def ask(action: Action) -> Answer:
            async with turn:
                return await self._ask(source, action, is_list)

        return list(await asyncio.gather(*map(ask, wanted)))

    async def hints(self, rows: Sequence[Extension]) -> list[list[str]]:
        """Extension and name."""
        wanted = [actions.getvar_global(f"HINT({row.address},n)") for row in rows]
        answers = await self._ask_all("hints", wanted, is_list=False)
        return [
            [row.extension, answer.response.get("Value")] for row, answer in zip(rows, answers, strict=True)
        ]  # fmt: skip

    async def endpoints(self) -> list[list[str]]:
        """Endpoint and caller ID."""
        listed = await self._ask("endpoints", actions.pjsip_show_endpoints())
        names = [event.get("ObjectName") for event in listed.events if event.name == "EndpointList"]
        answers = await self._ask_all("endpoints", map(actions.pjsip_show_endpoint, names), is_list=True)
        return [
            [f"PJSIP/{event.get('ObjectName')}", event.get("Callerid")]
            for answer in answers
            for event in answer.events
            if event.name == "EndpointDetail"
        ]

    async def mailboxes(self) -> list[list[str]]:
        """Number, name and e-mail."""
        answer = await self._ask("mailboxes", actions.voicemail_users_list())
        return [
            [event.get("VoiceMailbox"), event.get("Fullname"), event.get("Email")]
            for event in answer.events
            if event.name == "VoicemailUserEntry"
        ]

    async def astdb(self, source: str, family: str, pattern: re.Pattern[str]) -> list[list[str]]:
        """What the pattern finds in the name of an entry, and its value."""
        found: list[list[str]] = []

        def fold(item: Message) -> None:
            if name := pattern.fullmatch(item.get("Key")):
                found.append([name[1], item.get("Val")])

        answer = await self.session.ask(
            actions.db_get_tree(family), timeout=self.ctx.left, is_list=True, on_item=fold
        )  # fmt: skip
        if answer.is_denied:
            self.denied.add(source)
        return found


def look(pbx: str) -> Outcome:
    """Ask the worker that leads this PBX; see `read`."""
    return look_up(pbx, "people.in_pbx", timeout=TIMEOUT)


# What is made of it.


@dataclass(slots=True)
class _Entry:
    """What is known of an extension."""

    name: str = ""
    email: str = ""
    phones: dict[str, None] = field(default_factory=dict)


def lines_of(data: Mapping[str, Any], pbx: str) -> list[Line]:
    """A line for each extension of which a name is known, and for each outside number of the family `cidname`.

    Of several names the first counts, in the order of `SOURCES`. `pbx`: that which they name; empty for none.
    """
    entries: dict[str, _Entry] = {}
    of_phone: dict[str, str] = {}
    for extension, devices in data["devices"]:
        if is_extension(extension):
            for device in filter(_TELEPHONE.fullmatch, devices.split("&")):
                entries.setdefault(extension, _Entry()).phones[device] = None
                of_phone.setdefault(device, extension)
    for extension, name in data["hints"]:
        _call(entries, extension, name)
    for endpoint, caller_id in data["endpoints"]:
        found = _CALLER_ID.fullmatch(caller_id)
        number = (found["number"] or "").strip() if found else ""
        own = [of_phone.get(endpoint, ""), number, endpoint.partition("/")[2]]
        extension = next(filter(is_extension, own), "")
        if found and _call(entries, extension, found["name"]):
            entries[extension].phones[endpoint] = None
    for number, name, email in data["mailboxes"]:
        if _call(entries, number, name):
            entries[number].email = _email(email)
    for source in ("ampuser", "cidname"):
        for number, name in data[source]:
            _call(entries, number, name)
    named = {extension: entry for extension, entry in entries.items() if entry.name}
    emails = Counter(entry.email for entry in named.values())
    outside = {number: name for number, name in data["cidname"] if number not in named and _is_name(name, number)}
    told = [_cells(extension, entry, emails, pbx) for extension, entry in sorted(named.items())]
    told += [{"name": clean(name, 200), **sorted_out([(number, False)])} for number, name in sorted(outside.items())]
    labels = [*sorted(named), *sorted(outside)]
    return [
        Line(number, cells, {}, label=label, adds=True)
        for number, (label, cells) in enumerate(zip(labels, told, strict=True), 1)
    ][:LINES]


def _call(entries: dict[str, _Entry], extension: str, name: str) -> bool:
    """Note a name of an extension, unless it has one; whether it says something."""
    if not is_extension(extension) or not _is_name(name, extension):
        return False
    entry = entries.setdefault(extension, _Entry())
    entry.name = entry.name or clean(name, 200)
    return True


def _is_name(name: str, number: str) -> bool:
    name = clean(name, 200)
    return name.strip("<>").lower() not in _NOBODY and name != number


def _email(written: str) -> str:
    """Empty where it is none."""
    try:
        validate_email(written)
    except ValidationError:
        return ""
    return written


def _cells(extension: str, entry: _Entry, emails: Mapping[str, int], pbx: str) -> dict[str, str]:
    cells = {"name": entry.name, "extension": extension, "phones": ", ".join([*entry.phones][:PHONES])}
    # An address at which several are reached says nothing of one of them.
    if entry.email and emails[entry.email] == 1:
        cells["email"] = entry.email
    return {**cells, "pbx": pbx} if pbx else cells
