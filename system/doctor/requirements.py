"""Which feature of the panel needs which actions and events, and which class of the manager user each of them needs.

The doctor's checks and the stanza for manager.conf are derived from it. The classes that permit an action stand with
its builder (`engine.ami.actions`); those of events are what Asterisk 16 and 22 name in each event's `Privilege`.
"""

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_noop

from engine.ami.actions import PRIVILEGES
from engine.mirror.verbs import Feature, Verb, Weight, verbs

# Event → its class.
EVENTS: dict[str, str] = {
    "AttendedTransfer": "call",
    "BlindTransfer": "call",
    "BridgeCreate": "call",
    "BridgeDestroy": "call",
    "BridgeEnter": "call",
    "BridgeLeave": "call",
    "ChanSpyStart": "call",
    "ChanSpyStop": "call",
    "ConfbridgeEnd": "call",
    "ConfbridgeJoin": "call",
    "ConfbridgeLeave": "call",
    "ConfbridgeMute": "call",
    "ConfbridgeRecord": "call",
    "ConfbridgeStart": "call",
    "ConfbridgeStopRecord": "call",
    "ConfbridgeTalking": "call",
    "ConfbridgeUnmute": "call",
    "DTMFBegin": "dtmf",
    "DTMFEnd": "dtmf",
    "DeviceStateChange": "call",
    "DialBegin": "call",
    "DialEnd": "call",
    "ExtensionStatus": "call",
    "FullyBooted": "system",
    "Hangup": "call",
    "HangupRequest": "call",
    "Hold": "call",
    "MessageWaiting": "call",
    "MixMonitorMute": "call",
    "MixMonitorStart": "call",
    "MixMonitorStop": "call",
    "NewAccountCode": "call",
    "NewCallerid": "call",
    "NewConnectedLine": "call",
    "Newchannel": "call",
    "Newexten": "dialplan",
    "Newstate": "call",
    "OriginateResponse": "call",
    "ParkedCall": "call",
    "ParkedCallGiveUp": "call",
    "ParkedCallSwap": "call",
    "ParkedCallTimeOut": "call",
    "Pickup": "call",
    "PresenceStateChange": "call",
    "Reload": "system",
    "Rename": "call",
    "UnParkedCall": "call",
    "Unhold": "call",
    "UserEvent": "user",
}


# What the panel does by itself. What people ask of it stands with its verbs (`engine.mirror.verbs`).
FEATURES: tuple[Feature, ...] = (
    Feature(gettext_noop("the link"), Weight.ESSENTIAL, events=("FullyBooted",)),
    Feature(
        gettext_noop("live calls"),
        Weight.ESSENTIAL,
        ("CoreShowChannels", "BridgeList", "BridgeInfo"),
        (
            "BridgeCreate", "BridgeDestroy", "BridgeEnter", "BridgeLeave", "Hangup", "NewAccountCode", "NewCallerid",
            "NewConnectedLine", "Newchannel", "Newstate", "Rename",
        ),
    ),
    Feature(
        gettext_noop("live conferences"),
        Weight.ESSENTIAL,
        ("ConfbridgeListRooms", "ConfbridgeList"),
        (
            "ConfbridgeEnd", "ConfbridgeJoin", "ConfbridgeLeave", "ConfbridgeMute", "ConfbridgeRecord",
            "ConfbridgeStart", "ConfbridgeStopRecord", "ConfbridgeTalking", "ConfbridgeUnmute",
        ),
    ),
    Feature(gettext_noop("the caller ID of phones that have none"), Weight.USEFUL, ("PJSIPShowEndpoint",)),
    Feature(gettext_noop("the list of phones"), Weight.USEFUL, ("PJSIPShowEndpoints", "Command", "Getvar")),
    Feature(
        gettext_noop("what happened in a call"),
        Weight.USEFUL,
        events=(
            "AttendedTransfer", "BlindTransfer", "DialBegin", "DialEnd", "HangupRequest", "Newexten", "Pickup",
        ),
    ),
    Feature(gettext_noop("who is on hold"), Weight.USEFUL, ("Getvar",), ("Hold", "Unhold")),
    Feature(
        gettext_noop("parked calls"),
        Weight.USEFUL,
        ("ParkedCalls",),
        ("ParkedCall", "ParkedCallGiveUp", "ParkedCallSwap", "ParkedCallTimeOut", "UnParkedCall"),
    ),
    Feature(
        gettext_noop("states of extensions"),
        Weight.USEFUL,
        ("ExtensionStateList", "DeviceStateList", "PresenceStateList"),
        ("DeviceStateChange", "ExtensionStatus", "PresenceStateChange", "Reload"),
    ),
    Feature(
        gettext_noop("new voicemail"), Weight.USEFUL, ("VoicemailUsersList",), ("MessageWaiting",)
    ),
    Feature(
        gettext_noop("the outcome of calls that users place, and which tone somebody hears"),
        Weight.USEFUL,
        ("Getvar",),
        ("DialEnd", "Newexten"),
    ),
    Feature(gettext_noop("which conference is recorded, and into which file"), Weight.USEFUL, ("Command", "Getvar")),
    Feature(gettext_noop("who enters a conference, and by which profiles"), Weight.USEFUL, events=("Newexten",)),
    Feature(gettext_noop("raised hands"), Weight.USEFUL, events=("UserEvent",)),
    Feature(gettext_noop("whether somebody is self-muted"), Weight.USEFUL, events=("DTMFBegin", "DTMFEnd")),
    Feature(gettext_noop("fewer events on the connection"), Weight.USEFUL, ("Filter",)),
    Feature(gettext_noop("the version of Asterisk"), Weight.USEFUL, ("CoreSettings",)),
    Feature(
        gettext_noop("names of people whom the PBX knows"),
        Weight.ADMINISTRATIVE,
        ("DBGetTree", "Getvar", "PJSIPShowEndpoint", "PJSIPShowEndpoints", "VoicemailUsersList"),
    ),
    Feature(gettext_noop("the page of a PBX"), Weight.ADMINISTRATIVE, ("CoreStatus", "CoreSettings", "Getvar")),
)  # fmt: skip


def features() -> list[Feature]:
    """Those, and those of the verbs with the actions that these need: the essential ones first."""
    of_verbs: dict[Feature, set[str]] = {}
    for verb in verbs.values():
        if verb.feature is not None and verb.actions is not None:
            of_verbs.setdefault(verb.feature, set(verb.feature.actions)).update(verb.actions)
    declared = [replace(feature, actions=tuple(sorted(needed))) for feature, needed in of_verbs.items()]
    return sorted([*FEATURES, *declared], key=lambda feature: list(Weight).index(feature.weight))


def _from_the_profile(verb: Verb[Any, Any], name: str) -> bool:
    """Whether the panel fills in this parameter, from the profile of whoever asks; the page of the profile itself
    does not.
    """
    named = any(entry.name == name and not entry.metadata for entry in dataclasses.fields(verb.parameters))
    return named and verb.places_call and verb.view != "profile"


def by_phone() -> list[Verb[Any, Any]]:
    """The verbs for which whoever asks needs a phone of their own."""
    return [verb for verb in verbs.values() if _from_the_profile(verb, "endpoint")]


def by_context() -> list[Verb[Any, Any]]:
    """The verbs for which whoever asks needs a dial context."""
    return [verb for verb in verbs.values() if _from_the_profile(verb, "context")]


def labels_of(found: Iterable[Verb[Any, Any]]) -> list[str]:
    """What people read, in the active language, each once."""
    return list(dict.fromkeys(str(verb.label) for verb in found))


# In the order of Asterisk's own list.
_ORDER = (
    "system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting", "cdr", "dialplan",
    "originate", "agi", "cc", "aoc", "test", "security", "message",
)  # fmt: skip
ALL_CLASSES = frozenset(_ORDER)


def in_order(classes: Iterable[str]) -> list[str]:
    """Classes as Asterisk would list them."""
    return sorted(classes, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def classes_of(text: str) -> set[str]:
    """`read` or `write` as manager.conf or the CLI has it → the classes; `all` is each of them."""
    found = {word.strip() for word in text.split(",")} - {"", "<none>"}
    return set(ALL_CLASSES) if "all" in found else found


def _in_stanza() -> list[Feature]:
    return [feature for feature in features() if feature.weight is not Weight.ADMINISTRATIVE]


def read_classes() -> list[str]:
    """The smallest `read` that brings every event that the panel reads."""
    return in_order({EVENTS[event] for feature in _in_stanza() for event in feature.events})


def write_classes() -> list[str]:
    """The smallest `write` with which every action may be sent."""
    wanted = [set(PRIVILEGES[action]) for feature in _in_stanza() for action in feature.actions if PRIVILEGES[action]]
    found = {name for classes in wanted if len(classes) == 1 for name in classes}
    for classes in wanted:
        if not classes & found:
            found.add(in_order(classes)[0])
    return in_order(found)


def class_for(action: str) -> str:
    """Of the classes that permit an action, the one that the stanza uses."""
    return next(name for name in (*write_classes(), *PRIVILEGES[action]) if name in PRIVILEGES[action])


def stanza(username: str, source: str) -> str:
    """The lines for manager.conf; the secret is to be chosen. `source` is the panel's address as Asterisk sees it."""
    permit = f"{source}/128" if ":" in source else f"{source or '192.0.2.20'}/255.255.255.255"
    lines = [
        f"[{username}]",
        "secret = CHANGE-ME",
        # Without these two, “permit” alone denies nobody.
        "deny = 0.0.0.0/0.0.0.0",
        "deny = ::/0",
        f"permit = {permit}",
        f"read = {','.join(read_classes())}",
        f"write = {','.join(write_classes())}",
        "writetimeout = 5000",
    ]
    return "\n".join(lines) + "\n"


def missing_reads(read: Collection[str]) -> list[tuple[Feature, list[str]]]:
    """Features that lack events, each with the classes they lack."""
    found = []
    for feature in features():
        lacking = {EVENTS[event] for event in feature.events} - set(read)
        if lacking:
            found.append((feature, in_order(lacking)))
    return found
