"""The checks in the order in which things go wrong, and what runs them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, gettext_noop, override

from engine.ami.errors import AmiError
from engine.ami.transports import Address

from . import call_control, confbridge, connection, dialling, everybody, login, manager_user, protocol, tls
from .examination import Examination, Wanted
from .report import Finding, Report, Result, Status, Text, problem, skipped
from .requirements import stanza

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `run` gives its finding, or None where there is nothing to find; it may raise `AmiError`.

    It is left out where `arises` says no.

    It is not run where one of the checks that it `needs` has failed, or was not run either; the finding's fact
    `after` names the one that failed.
    """

    id: str
    title: str
    run: Callable[[Examination], Awaitable[Finding | None]]
    needs: tuple[str, ...] = ()
    arises: Callable[[Examination], bool] = lambda examination: True


def _by_tls(examination: Examination) -> bool:
    return examination.address.is_tls


def _greets(examination: Examination) -> bool:
    """AMI over HTTP does not."""
    return not examination.address.is_http


def _about_somebody(examination: Examination) -> bool:
    return not examination.wanted.is_empty


CHECKS = (
    Check("name", gettext_noop("Name"), connection.name),
    Check("port", gettext_noop("Connection"), connection.port, ("name",)),
    Check("tls", gettext_noop("TLS"), tls.tls, ("port",), _by_tls),
    Check("greeting", gettext_noop("Asterisk's greeting"), protocol.greeting, ("port", "tls"), _greets),
    Check("login", gettext_noop("Login"), login.login, ("port", "tls", "greeting")),
    Check("write", gettext_noop("What the panel may do"), manager_user.rights, ("login",)),
    Check("version", gettext_noop("Version"), protocol.version, ("login",)),
    Check("read", gettext_noop("What the panel receives"), manager_user.reading, ("login",)),
    Check("filter", gettext_noop("Event filters"), manager_user.filters, ("login",)),
    Check("events", gettext_noop("Events"), manager_user.events, ("login",)),
    Check("patience", gettext_noop("Write timeout"), manager_user.patience, ("login",)),
    Check("clock", gettext_noop("Clocks"), manager_user.clock, ("login",)),
    Check("applications", gettext_noop("Applications"), call_control.applications, ("login",)),
    Check("music", gettext_noop("Music on hold"), call_control.music, ("login",)),
    Check("parking", gettext_noop("Parking"), call_control.parking, ("login",)),
    Check("extensions", gettext_noop("The panel's extensions"), call_control.extensions, ("login",)),
    Check("context", gettext_noop("Dial context"), dialling.context, ("login",), _about_somebody),
    Check(
        "policy", gettext_noop("Dial policy"), dialling.policy, (), lambda examination: bool(examination.wanted.user)
    ),
    Check(
        "number",
        gettext_noop("Number"),
        dialling.number,
        ("login", "context"),
        lambda examination: bool(examination.wanted.number),
    ),
    Check("phone", gettext_noop("Phone"), dialling.phone, ("login",), _about_somebody),
    Check(
        "ring",
        gettext_noop("Call to the phone"),
        dialling.ring,
        ("login", "phone"),
        lambda examination: examination.wanted.call,
    ),
    Check(
        "people",
        gettext_noop("Phones and contexts of all users"),
        everybody.phones_and_contexts,
        ("login",),
        lambda examination: bool(examination.wanted.people) and examination.wanted.is_empty,
    ),
    Check("talking", gettext_noop("Talk detection in conferences"), confbridge.talking, ("login",)),
    Check("hands", gettext_noop("Raised hands"), confbridge.hands, ("login",)),
)


async def run(examination: Examination, pbx: str = "") -> Report:
    """Run every check; the session is closed at the end."""
    results: dict[str, Result] = {}
    try:
        for check in CHECKS:
            if not check.arises(examination):
                continue
            finding = await _put(check, examination, results)
            if finding is not None:
                results[check.id] = Result(check.id, Text(check.title), finding)
    finally:
        if examination.session is not None:
            examination.session.close()
    lines = stanza(examination.address.username, examination.seen_source or examination.source)
    extensions = results["extensions"].finding.facts.get("lines", "") if "extensions" in results else ""
    return Report(pbx, str(examination.address), list(results.values()), lines, extensions)


async def _put(check: Check, examination: Examination, results: dict[str, Result]) -> Finding | None:
    for needed in check.needs:
        failed = results.get(needed)
        if failed is None:
            continue
        reason = failed.finding.facts.get("after")
        if failed.status is Status.PROBLEM or reason:
            first = results[reason] if reason else failed
            return skipped(
                Text(gettext_noop("Not checked, because “%(check)s” failed."), check=first.title), after=first.id
            )
    try:
        return await check.run(examination)
    except AmiError as error:
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "The connection failed during this check: examine once more, and see the log of Asterisk."
                    )
                )
            ],
        )


def examine(address: Address, pbx: str = "", wanted: Wanted | None = None, **options: Any) -> Report:
    """Examine the PBX at this address, from any thread; it takes some seconds, and as long as the phone may ring.

    `options` are fields of `Examination`: `patience`, `echo`, `ringing`, `now`. No call is made unless `wanted.call`.
    """
    examination = Examination(address, wanted or Wanted(), **options)
    language = get_language()

    def work() -> Report:
        with override(language):
            return asyncio.run(run(examination, pbx))

    # A thread of its own, since an event loop may be running in this one.
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()
