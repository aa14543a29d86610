"""What manager.conf gives to the panel's user: what it may send, what it receives, how long Asterisk waits for it."""

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.client import Session
from engine.ami.errors import AnswerTimeout
from engine.ami.protocol import Message
from engine.mirror.verbs import Feature, Weight, verbs

from .examination import Examination
from .report import Finding, Text, ok, problem, skipped, warning
from .requirements import EVENTS, class_for, classes_of, features, in_order, labels_of, missing_reads

_PRIVILEGE = re.compile(r"\(Priv: ([^)]*)\)\s*$")
# The fields of the user's stanza that are checked; its secret is not.
_LOOKED_AT = ("read", "write", "writetimeout", "deny", "permit", "acl", "allowmultiplelogin")
# A client that cannot take a write for so long is dropped; Asterisk's default, and what is enough (ms).
_DEFAULT_TIMEOUT, _PATIENT_TIMEOUT = 100, 1000
# The name of the event, and of the variable, by which the doctor asks for an echo.
PROBE = "PBXPANEL_DOCTOR"


async def rights(examination: Examination) -> Finding:
    """Which actions may this user send, and which features go without?"""
    answer = await examination.ask(actions.list_commands())
    for action, text in answer.response.fields.items():
        if found := _PRIVILEGE.search(text):
            examination.permitted[action] = set(found[1].split(",")) - {"all", "<none>"}
    await _learn_classes(examination)
    lacking: list[tuple[Feature, list[str], list[str]]] = []
    absent: set[str] = set()
    for feature in features():
        refused = [action for action in feature.actions if examination.lacks(action)]
        absent |= {action for action in feature.actions if not examination.may(action)} - set(refused)
        if refused:
            lacking.append((feature, refused, in_order(map(class_for, refused))))
    asked_for = [classes for feature, _refused, classes in lacking if feature.weight is not Weight.ADMINISTRATIVE]
    facts: dict[str, Any] = {
        "write": in_order(examination.write) if examination.write is not None else None,
        "features": {feature.title: refused for feature, refused, _classes in lacking},
        "classes": in_order({name for classes in asked_for for name in classes}),
        "absent": sorted(absent),
    }
    notes = []
    if absent:
        names = ", ".join(sorted(absent))
        notes = [Text(gettext_noop("This Asterisk has no %(actions)s (module not loaded)."), actions=names)]
    if not lacking:
        return ok(Text(gettext_noop("Every action that the panel sends is permitted.")), *notes, **facts)
    notes += _missed(examination, facts)
    seen = [
        Text(
            gettext_noop("Does not work: %(feature)s (%(actions)s)."),
            feature=Text(feature.title),
            actions=", ".join(refused),
        )
        for feature, refused, _classes in lacking
    ]
    advice = [
        Text(gettext_noop("Add to “write” in manager.conf: %(classes)s."), classes=",".join(facts["classes"] or [])),
    ]
    weights = {feature.weight for feature, _refused, _classes in lacking}
    if not asked_for:
        return ok(Text(gettext_noop("What operators and moderators do is permitted.")), *seen, *notes, **facts)
    return (problem if Weight.ESSENTIAL in weights else warning)(*seen, *notes, advice=advice, **facts)


def _missed(examination: Examination, facts: dict[str, Any]) -> list[Text]:
    """What that means for the user under examination: which verbs, of those that they may ask."""
    wanted = examination.wanted
    refused = [verb for verb in verbs.values() if any(map(examination.lacks, verb.actions or ()))]
    facts["verbs"] = sorted(str(verb) for verb in refused)
    missed = [verb for verb in refused if wanted.may(verb)]
    if not wanted.user or not missed:
        return []
    sentence = gettext_noop("Does not work for %(user)s: %(verbs)s.")
    return [Text(sentence, user=wanted.user, verbs=", ".join(labels_of(missed)))]


async def reading(examination: Examination) -> Finding:
    """Which events does this user receive, and which features lack theirs?"""
    if examination.read is None:
        return skipped(
            Text(
                gettext_noop(
                    "The events that this user may read cannot be queried: this needs the write class command, system "
                    "or config. The next checks try some of them."
                )
            )
        )
    lacking = missing_reads(examination.read)
    facts = {
        "read": in_order(examination.read),
        "features": {feature.title: classes for feature, classes in lacking},
        "classes": in_order({name for _feature, classes in lacking for name in classes}),
    }
    if not lacking:
        return ok(Text(gettext_noop("Every event that the panel reads may be read.")), **facts)
    seen = [
        Text(
            gettext_noop("Not seen: %(feature)s (events of the class %(classes)s)."),
            feature=Text(feature.title),
            classes=", ".join(classes),
        )
        for feature, classes in lacking
    ]
    advice = [Text(gettext_noop("Add to “read” in manager.conf: %(classes)s."), classes=",".join(facts["classes"]))]
    essential = any(feature.weight is Weight.ESSENTIAL for feature, _classes in lacking)
    return (problem if essential else warning)(*seen, advice=advice, **facts)


async def _learn_classes(examination: Examination) -> None:
    """From the CLI, which shows what is in force; else from the file, which may have been changed since."""
    user = examination.address.username
    if examination.may("GetConfig"):
        examination.lines = await _stanza(examination)
    if examination.may("Command") and not re.search(r"[\s\"\\]", user):
        for line in await examination.cli(f"manager show user {user}") or []:
            key, _colon, value = line.partition(":")
            if key.strip() == "read perm":
                examination.read = classes_of(value.strip())
            elif key.strip() == "write perm":
                examination.write = classes_of(value.strip())
        await _find_source(examination)
    if examination.lines is not None:
        # A value that is there twice counts as the file has it last, as in Asterisk.
        values = dict(examination.lines)
        if examination.read is None:
            examination.read = classes_of(values.get("read", ""))
        if examination.write is None:
            examination.write = classes_of(values.get("write", ""))


async def _stanza(examination: Examination) -> list[tuple[str, str]] | None:
    """`GetConfig` of our own stanza: its lines, without the secret. None where there is none, as with realtime."""
    answer = await examination.ask(actions.get_config("manager.conf", examination.address.username))
    lines = [value for key, value in answer.response.fields.items() if key.startswith("Line-")]
    if not answer.ok or not lines:
        return None
    pairs = [(key.strip(), value.strip()) for key, _equals, value in (line.partition("=") for line in lines)]
    return [(key, value) for key, value in pairs if key in _LOOKED_AT or key.startswith("eventfilter")]


async def _find_source(examination: Examination) -> None:
    """Our address as Asterisk sees it, where all sessions of this user come from one."""
    found = set()
    for line in await examination.cli("manager show connected") or []:
        words = line.split()
        if len(words) > 2 and words[0] == examination.address.username[:15]:
            found.add(words[1])
    if len(found) == 1:
        examination.seen_source = found.pop()


# Events.


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One `eventfilter` of manager.conf, as far as it depends on the event's name alone."""

    text: str
    include: bool
    matches: Callable[[str], bool]

    @classmethod
    def parse(cls, key: str, value: str) -> "EventFilter":
        """`eventfilter = [!]regular expression`; since 21.5 also `eventfilter(name(…),action(…),…) = …`."""
        text = f"{key} = {value}"
        include = not value.startswith("!")
        options = dict(re.findall(r"(action|name|header|method)\(([^)]*)\)", key))
        if not options:
            return cls(text, include, _expression(value.removeprefix("!")))
        include = options.get("action", "include") == "include" if "action" in options else include
        wanted = options.get("name", "")
        # Its conditions on the rest of the event are not known before one comes.
        whole = "header" not in options and options.get("method", "none") == "none"

        def matches(name: str) -> bool:
            return (not wanted or wanted == name) and whole

        return cls(text, include, matches)


def _expression(pattern: str) -> Callable[[str], bool]:
    try:
        expression = re.compile(pattern, re.DOTALL)
    except re.error:
        return lambda name: False
    return lambda name: bool(expression.search(f"Event: {name}\r\nPrivilege: {EVENTS.get(name, 'call')},all\r\n"))


def hidden(filters: Iterable[EventFilter], names: Iterable[str]) -> dict[str, str]:
    """Event → the filter that hides it, of those that are hidden whatever else they say."""
    filters = list(filters)
    includes = [one for one in filters if one.include]
    found = {}
    for name in names:
        excluding = next((one for one in filters if not one.include and one.matches(name)), None)
        if excluding is not None:
            found[name] = excluding.text
        elif includes and not any(one.matches(name) for one in includes):
            found[name] = includes[0].text
    return found


async def filters(examination: Examination) -> Finding:
    """Does an eventfilter of manager.conf hide what the panel reads?"""
    if examination.lines is None:
        return skipped(
            Text(
                gettext_noop(
                    "Whether manager.conf has an eventfilter for this user cannot be queried: this needs the write "
                    "class system or config."
                )
            )
        )
    found = [EventFilter.parse(key, value) for key, value in examination.lines if key.startswith("eventfilter")]
    if not found:
        return ok(Text(gettext_noop("No eventfilter in manager.conf.")), filters=[])
    facts = {"filters": [one.text for one in found]}
    lost = hidden(found, EVENTS)
    if not lost:
        return ok(Text(gettext_noop("The eventfilter in manager.conf lets through what the panel reads.")), **facts)
    essential = {event for feature in features() if feature.weight is Weight.ESSENTIAL for event in feature.events}
    seen = [
        Text(
            gettext_noop("“%(filter)s” hides %(events)s."),
            filter=text,
            events=", ".join(sorted(name for name in lost if lost[name] == text)),
        )
        for text in dict.fromkeys(lost.values())
    ]
    advice = [
        Text(
            gettext_noop(
                "Remove the eventfilter from the panel's user: the panel itself asks Asterisk not to send what it "
                "does not read. Give other programs users of their own."
            )
        ),
    ]
    return (problem if essential & set(lost) else warning)(*seen, advice=advice, hidden=sorted(lost), **facts)


async def events(examination: Examination) -> Finding:
    """Do events come? Asterisk says that it has booted, and sends back what we have it send."""
    booted = await _says_that_it_has_booted(examination)
    probed, way = await _echo(examination)
    facts = {"booted": booted, "probe": way, "echo": probed}
    if not booted:
        return problem(
            Text(gettext_noop("Asterisk did not report that it has fully booted.")),
            advice=[
                Text(
                    gettext_noop(
                        "The user needs the read class system; without it the panel's link does not come up. If it "
                        "has it, Asterisk is still starting: “core waitfullybooted” on its console returns when it is "
                        "ready."
                    )
                ),
            ],
            **facts,
        )
    if probed is None:
        return ok(
            Text(
                gettext_noop(
                    "Asterisk reports that it has booted. Other events could not be tried: a probe needs the write "
                    "class user or call."
                )
            ),
            **facts,
        )
    if probed:
        return ok(Text(gettext_noop("Events arrive: a %(event)s that we had sent came back."), event=way), **facts)
    needed = EVENTS["UserEvent"] if way == "UserEvent" else EVENTS["Newexten"]
    return warning(
        Text(
            gettext_noop("A %(event)s that we had sent did not come back within %(seconds)s s."),
            event=way,
            seconds=f"{examination.echo:g}",
        ),
        advice=[
            Text(
                gettext_noop("The user lacks the read class %(classes)s, or its eventfilter in manager.conf hides it."),
                classes=needed,
            ),
        ],
        **facts,
    )


async def _says_that_it_has_booted(examination: Examination) -> bool:
    """A second login that asks for the class system alone: `FullyBooted` follows it at once."""
    try:
        session = await Session.open(
            examination.address,
            lambda event: None,
            events="system",
            timeout=examination.patience,
            boot_timeout=examination.echo,
        )
    except AnswerTimeout:
        return False
    session.close()
    return True


async def _echo(examination: Examination) -> tuple[bool | None, str]:
    """Have Asterisk send an event that means nothing to anybody else: did it come, and which; None: not possible."""
    nonce = secrets.token_hex(8)
    if examination.may("UserEvent"):
        way, action = "UserEvent", actions.user_event(PROBE, [("Nonce", nonce)])
    elif examination.may("Setvar"):
        way, action = "VarSet", actions.setvar("", PROBE, nonce)
    else:
        return None, ""
    came = asyncio.Event()

    def listen(event: Message) -> None:
        if event.name == way and nonce in (event.get("Nonce"), event.get("Value")):
            came.set()

    examination.listeners.append(listen)
    try:
        await examination.hear()
        await examination.ask(action)
        async with asyncio.timeout(examination.echo):
            await came.wait()
    except TimeoutError:
        return False, way
    finally:
        examination.listeners.remove(listen)
        if way == "VarSet":
            await examination.ask(actions.setvar("", PROBE, ""))
    return True, way


async def patience(examination: Examination) -> Finding:
    """How long may the panel be busy before Asterisk drops it?"""
    if examination.lines is None:
        return skipped(
            Text(gettext_noop("writetimeout cannot be queried: this needs the write class system or config."))
        )
    text = dict(examination.lines).get("writetimeout", "")
    timeout = int(text) if text.isdecimal() and int(text) > 0 else _DEFAULT_TIMEOUT
    if timeout >= _PATIENT_TIMEOUT:
        return ok(
            Text(gettext_noop("Asterisk waits %(timeout)s ms for the panel to read."), timeout=timeout), ms=timeout
        )
    return warning(
        Text(gettext_noop("Asterisk drops the panel when it does not read for %(timeout)s ms."), timeout=timeout),
        advice=[Text(gettext_noop("Set writetimeout = 5000 for the panel's user."))],
        ms=timeout,
    )


# Time.

# From how many seconds on two clocks count as different, and as wrong.
DIFFERENT, WRONG = 1.0, 60.0


async def clock(examination: Examination) -> Finding:
    """Do the clocks agree? `Ping` answers with the time of the PBX; half the round trip is the uncertainty."""
    best = None
    for _ in range(3):
        sent = examination.now()
        answer = await examination.ask(actions.ping())
        received = examination.now()
        try:
            theirs = float(answer.response.get("Timestamp"))
        except ValueError:
            return skipped(Text(gettext_noop("This Asterisk does not report its time.")))
        doubt = (received - sent) / 2
        if best is None or doubt < best[1]:
            best = (theirs - (sent + received) / 2, doubt)
    assert best is not None  # noqa: S101
    difference, doubt = best
    size = max(0.0, abs(difference) - doubt)
    facts = {"seconds": round(difference, 3), "doubt": round(doubt, 3)}
    shown = f"{abs(difference):.1f}" if abs(difference) < 120 else f"{abs(difference):.0f}"
    if size < DIFFERENT:
        return ok(Text(gettext_noop("The clocks agree (%(ms)s ms apart)."), ms=round(abs(difference) * 1000)), **facts)
    ahead = gettext_noop("The clock of the PBX is %(seconds)s s ahead of the panel's.")
    behind = gettext_noop("The clock of the PBX is %(seconds)s s behind the panel's.")
    advice = [
        Text(
            gettext_noop(
                "Set both clocks by NTP (“timedatectl set-ntp true”). Until then, the records of the panel and the "
                "logs of Asterisk do not match."
            )
        )
    ]
    judge = problem if size >= WRONG else warning
    return judge(Text(ahead if difference > 0 else behind, seconds=shown), advice=advice, **facts)
