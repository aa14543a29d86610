"""Whether the calls of a user work: their context, the number in it, their phone, and whether that rings."""

import asyncio
import functools
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.protocol import Message
from engine.mirror.verbs import Verb

from .examination import Examination
from .report import Finding, Status, Text, ok, problem, skipped, warning
from .requirements import by_context, by_phone, labels_of

# What can stand in a function's argument without ending it.
_NUMBER = re.compile(r"[\w*#+.@-]+", re.ASCII)
# What `DEVICE_STATE` says of a device that is unreachable, or that does not exist.
UNAVAILABLE, INVALID = "UNAVAILABLE", "INVALID"
# The contact's states in which a phone is known to be reachable, and to be unreachable.
_REACHABLE, _UNREACHABLE = ("Reachable",), ("Unreachable", "Unavail")
# How long after its end the events of a call may come, in seconds.
_AFTERMATH = 1.0
# `OriginateResponse`'s Reason.
_ANSWERED, _NO_ANSWER, _BUSY, _CONGESTION = "4", "3", "5", "8"


def can_be_asked_for(name: str) -> bool:
    """Whether a number, a context or a phone can stand in a function's argument without ending it."""
    return _NUMBER.fullmatch(name.replace("/", "")) is not None


async def context_exists(examination: Examination, context: str, number: str = "") -> bool | None:
    """`DIALPLAN_EXISTS`: Asterisk's own look-up, with patterns and includes. None where it cannot be queried."""
    if not examination.may("Getvar"):
        return None
    arguments = f"{context},{number},1" if number else context
    value = await examination.value(f"DIALPLAN_EXISTS({arguments})")
    return None if not value else value == "1"


Checking = Callable[[Examination], Awaitable[Finding]]


def losing(verbs: Callable[[], list[Verb[Any, Any]]]) -> Callable[[Checking], Checking]:
    """A check without which these verbs do not work: where it fails, those of them that the user may are named."""

    def add(check: Checking) -> Checking:
        @functools.wraps(check)
        async def checking(examination: Examination) -> Finding:
            finding, wanted = await check(examination), examination.wanted
            lost = [verb for verb in verbs() if wanted.may(verb)]
            if finding.status is not Status.PROBLEM or not lost:
                return finding
            for_user = gettext_noop("Does not work for %(user)s: %(verbs)s.")
            sentence = for_user if wanted.user else gettext_noop("Does not work: %(verbs)s.")
            told = Text(sentence, user=wanted.user, verbs=", ".join(labels_of(lost)))
            facts = {**finding.facts, "verbs": sorted(map(str, lost))}
            return replace(finding, seen=[*finding.seen, told], facts=facts)

        return checking

    return add


@losing(by_context)
async def context(examination: Examination) -> Finding:
    """Does the context exist in which this user's numbers are looked up?"""
    wanted = examination.wanted
    if not wanted.context:
        return problem(
            Text(gettext_noop("No dial context is set, so no number can be dialled.")),
            advice=[
                Text(
                    gettext_noop(
                        "Enter it under “My phone”: the context of the phone's endpoint in Asterisk, such as "
                        "from-internal."
                    )
                )
            ],
        )
    if not _NUMBER.fullmatch(wanted.context):
        return problem(
            Text(gettext_noop("“%(context)s” cannot be the name of a context."), context=wanted.context),
            advice=[Text(gettext_noop("Use letters, digits and . _ - only."))],
        )
    found = await context_exists(examination, wanted.context)
    if found is None:
        return _cannot_ask()
    if found:
        return ok(Text(gettext_noop("The context “%(context)s” is in the dialplan."), context=wanted.context))
    return problem(
        Text(gettext_noop("There is no context “%(context)s” in the dialplan."), context=wanted.context),
        advice=[
            Text(
                gettext_noop(
                    "Check for a typing error under “My phone”; “dialplan show” on Asterisk's console lists the "
                    "existing contexts, and “dialplan reload” reads a new one."
                )
            ),
        ],
        context=wanted.context,
    )


async def policy(examination: Examination) -> Finding:
    """Do the dial policies of the user allow it?"""
    wanted = examination.wanted
    if not wanted.refusal:
        return ok(Text(gettext_noop("The dial policies of %(user)s allow it."), user=wanted.user))
    return problem(
        Text("%(refusal)s", refusal=wanted.refusal),
        advice=[Text(gettext_noop("See the dial policies of the user's groups under Administration."))],
    )


async def number(examination: Examination) -> Finding:
    """Does the dialplan know what to do with the number?"""
    wanted = examination.wanted
    if not _NUMBER.fullmatch(wanted.number):
        return problem(
            Text(gettext_noop("“%(number)s” cannot be dialled."), number=wanted.number),
            advice=[Text(gettext_noop("Use digits, * # + and letters, without spaces."))],
        )
    found = await context_exists(examination, wanted.context, wanted.number)
    if found is None:
        return _cannot_ask()
    names = {"number": wanted.number, "context": wanted.context}
    if found:
        return ok(Text(gettext_noop("%(number)s is in the dialplan, in “%(context)s”."), **names))
    return problem(
        Text(
            gettext_noop("No extension in “%(context)s”, or in the contexts it includes, matches %(number)s."), **names
        ),
        advice=[
            Text(
                gettext_noop(
                    "“dialplan show %(number)s@%(context)s” on Asterisk's console says the same. Dial the number "
                    "as a phone would, with the digit for an outside line; or add an extension and “dialplan "
                    "reload”."
                ),
                **names,
            )
        ],
        **names,
    )


def _cannot_ask() -> Finding:
    return skipped(
        Text(
            gettext_noop(
                "The dialplan cannot be queried: this needs the write class call or reporting, and the module "
                "func_dialplan."
            )
        )
    )


@losing(by_phone)
async def phone(examination: Examination) -> Finding:
    """Does the phone exist, and is it reachable?"""
    wanted = examination.wanted
    if not wanted.phone:
        return problem(
            Text(gettext_noop("No phone is set, so there is none to ring.")),
            advice=[Text(gettext_noop("Enter it under “My phone”: the channel that rings it, such as PJSIP/101."))],
        )
    technology, _slash, name = wanted.phone.partition("/")
    if technology == "PJSIP" and examination.may("PJSIPShowEndpoint"):
        return await _pjsip(examination, name)
    if not examination.may("Getvar"):
        return skipped(
            Text(gettext_noop("The phone cannot be queried: this needs the write class system, or call or reporting."))
        )
    state = await examination.value(f"DEVICE_STATE({wanted.phone})") if can_be_asked_for(name) else ""
    if state in (UNAVAILABLE, INVALID):
        return _unknown(wanted.phone) if state == INVALID else _not_registered(wanted.phone)
    if not state:
        return skipped(Text(gettext_noop("Asterisk does not report the state of %(phone)s."), phone=wanted.phone))
    return ok(Text(gettext_noop("%(phone)s is %(state)s."), phone=wanted.phone, state=state), state=state)


async def _pjsip(examination: Examination, name: str) -> Finding:
    """`PJSIPShowEndpoint`: whether there is such an endpoint, and where its phones are."""
    answer, shown = await examination.ask_list(actions.pjsip_show_endpoint(name)), examination.wanted.phone
    if not answer.ok:
        return _unknown(shown)
    contacts = {event.get("URI"): event.get("Status") for event in answer.events if event.name == "ContactStatusDetail"}
    state = next((event.get("DeviceState") for event in answer.events if event.name == "EndpointDetail"), "")
    facts = {"state": state, "contacts": contacts}
    if not contacts:
        return _not_registered(shown, **facts)
    if any(status in _REACHABLE for status in contacts.values()):
        return ok(
            Text(gettext_noop("%(phone)s is registered and answers (%(state)s)."), phone=shown, state=state), **facts
        )
    # A static contact that was queried in vain still says that it is not qualified; the device's state tells.
    if state == "Unavailable" or all(status in _UNREACHABLE for status in contacts.values()):
        return problem(
            Text(
                gettext_noop("%(phone)s is registered at %(contacts)s and does not answer there."),
                phone=shown,
                contacts=", ".join(contacts),
            ),
            advice=[
                Text(
                    gettext_noop(
                        "The phone is off or without network, or a NAT has forgotten it: restart it. For phones "
                        "behind a NAT: rewrite_contact, force_rport and rtp_symmetric = yes in pjsip.conf."
                    )
                )
            ],
            **facts,
        )
    return ok(
        Text(gettext_noop("%(phone)s is registered at %(contacts)s."), phone=shown, contacts=", ".join(contacts)),
        Text(
            gettext_noop(
                "Asterisk does not know whether it answers there (qualify_frequency = 0): let it ring to find out."
            )
        ),
        **facts,
    )


def _unknown(phone: str) -> Finding:
    return problem(
        Text(gettext_noop("Asterisk does not know %(phone)s."), phone=phone),
        advice=[
            Text(
                gettext_noop(
                    "Check for a typing error under “My phone”; “pjsip show endpoints” on Asterisk's console lists "
                    "the existing endpoints."
                )
            )
        ],
        kind="unknown",
    )


def _not_registered(phone: str, **facts: object) -> Finding:
    return problem(
        Text(gettext_noop("No phone is registered as %(phone)s."), phone=phone),
        advice=[
            Text(
                gettext_noop(
                    "Is the phone on, with the right server, user and password? “pjsip set logger on” on "
                    "Asterisk's console shows whether its REGISTER arrives, and the answer."
                )
            )
        ],
        kind="not-registered",
        **facts,
    )


async def ring(examination: Examination) -> Finding:
    """Does the phone ring, and does somebody answer?"""
    wanted = examination.wanted
    if not examination.may("Originate"):
        return skipped(Text(gettext_noop("The phone cannot be called: this needs the write class originate.")))
    call = _Call(f"pbxpanel-doctor-{secrets.token_hex(6)}")
    action = actions.originate_application(
        wanted.phone,
        "Wait",
        "1",
        timeout=examination.ringing,
        uniqueids=(call.uniqueid, ""),
        caller_id='"PBX Panel" <>',
    )
    examination.listeners.append(call.take)
    try:
        await examination.hear()
        assert examination.session is not None  # noqa: S101
        answer = await examination.session.ask(action, action_id=call.uniqueid)
        if not answer.ok:
            return problem(
                Text(gettext_noop("Asterisk refuses the call: %(answer)s."), answer=answer.text),
                advice=[Text(gettext_noop("See the log of Asterisk."))],
            )
        async with asyncio.timeout(examination.ringing + 5):
            await call.ended.wait()
        if call.reason not in (_ANSWERED, _NO_ANSWER):
            await asyncio.sleep(_AFTERMATH)  # the cause comes with the hang-up, after the response
    except TimeoutError:
        return warning(
            Text(gettext_noop("Asterisk did not report how the call ended.")),
            advice=[Text(gettext_noop("The user needs the read class call; see above."))],
        )
    finally:
        examination.listeners.remove(call.take)
        if call.channel and not call.gone:
            await examination.ask(actions.hangup(call.channel))
    return _verdict(examination, call)


class _Call:
    """The doctor's own call, as its events describe it."""

    def __init__(self, uniqueid: str) -> None:
        self.uniqueid = uniqueid
        self.channel, self.reason, self.cause = "", "", ""
        self.rang = self.gone = False
        self.ended = asyncio.Event()

    def take(self, event: Message) -> None:
        if event.name == "OriginateResponse" and event.get("ActionID") == self.uniqueid:
            self.reason = event.get("Reason")
            self.ended.set()
        elif event.get("Uniqueid") == self.uniqueid:
            self.channel = event.get("Channel") or self.channel
            self.rang |= event.name == "Newstate" and event.get("ChannelStateDesc") in ("Ringing", "Up")
            if event.name == "Hangup":
                self.gone, self.cause = True, event.get("Cause-txt")


def _verdict(examination: Examination, call: _Call) -> Finding:
    shown, seconds = examination.wanted.phone, f"{examination.ringing:g}"
    facts = {"reason": call.reason, "cause": call.cause, "rang": call.rang}
    if call.reason == _ANSWERED:
        return ok(Text(gettext_noop("%(phone)s rang and was answered."), phone=shown), **facts)
    if call.reason == _BUSY or call.cause == "User busy":
        return warning(
            Text(gettext_noop("%(phone)s is busy."), phone=shown),
            advice=[Text(gettext_noop("It is in use, or “do not disturb” is on."))],
            **facts,
        )
    if call.rang:
        return warning(
            Text(gettext_noop("%(phone)s rang for %(seconds)s s and nobody answered."), phone=shown, seconds=seconds),
            advice=[
                Text(
                    gettext_noop(
                        "If nobody heard it: check its volume, its headset, and other phones that are registered as "
                        "the same endpoint."
                    )
                )
            ],
            **facts,
        )
    if call.reason == _NO_ANSWER:
        return problem(
            Text(
                gettext_noop("%(phone)s did not even ring: it did not respond within %(seconds)s s."),
                phone=shown,
                seconds=seconds,
            ),
            advice=[
                Text(
                    gettext_noop(
                        "The phone is no longer at the address it registered from, or a firewall or NAT blocks the "
                        "INVITE. Restart it; with qualify_frequency = 60 in its aor, Asterisk notices this by itself."
                    )
                )
            ],
            **facts,
        )
    return problem(
        Text(gettext_noop("%(phone)s could not be called (%(cause)s)."), phone=shown, cause=call.cause or call.reason),
        advice=[Text(gettext_noop("See above whether the phone is registered, and the log of Asterisk."))],
        **facts,
    )
