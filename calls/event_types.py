"""What others are told of calls. When it happens, `records.events` says, which writes the steps of the same calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from json.encoder import encode_basestring as quoted

from django.utils.translation import gettext_noop

from engine.mirror.state import State
from eventlog.declarations import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    EventType,
    Field,
    declare,
    list_of,
    nullable,
    object_of,
    one_of,
)
from eventlog.telling import is_told, tell, time_of, to_json
from extensions.telephones import telephones

from .call import name_and_number
from .models import Channel
from .records.models import CallRecord

# How many of those in a call its events name: the first.
PARTIES = 10

_PARTY = (
    Field("channel", STRING, "The unique id of the channel.", "1732449600.43"),
    Field("name", STRING, "Their name; empty where none is known.", "Ben Beta"),
    Field("number", STRING, "Their number.", "102"),
    Field("endpoint", STRING, "The telephone or line; empty for a Local channel.", "PJSIP/102"),
    Field("answered", BOOLEAN, "Whether they have answered, or were answered.", True),
    Field("left", BOOLEAN, "Whether they are no longer in the call.", False),
)
PARTY = object_of(_PARTY)
_BEN = {part.name: part.example for part in _PARTY}
_ANNA = _BEN | {"channel": "1732449600.42", "name": "Anna Alpha", "number": "101", "endpoint": "PJSIP/101"}

_CALL = (
    Field("id", STRING, "The id of the call: Asterisk's `Linkedid`.", "1732449600.42"),
    Field("pbx", STRING, "The PBX.", "main"),
    Field(
        "direction",
        one_of("inbound", "outbound", "internal", "unknown"),
        "Whether it came from a line, went to one, or neither; whatever no hint names is a line. Unknown where the PBX "
        "has no hints, or nobody is in it.",
        "internal",
    ),
    Field("parties", list_of(PARTY), f"Who is or was in it, the first {PARTIES}. The first began it.", [_ANNA, _BEN]),
    Field("started_at", TIME, "When it began.", "2026-11-24T12:00:00.000Z"),
    Field(
        "answered_at",
        nullable(TIME),
        "When somebody was reached: another telephone, or an application of the dialplan.",
        "2026-11-24T12:00:05.000Z",
    ),
    Field("reference", STRING, "What whoever placed it has named it by; empty where it was not.", ""),
)


def _of_call(name: str, meaning: str, *more: Field) -> EventType:
    return declare(EventType(name, meaning, (*_CALL, *more), "calls.see_calls"))


def _party(meaning: str, *, may_be_nobody: bool = False) -> Field:
    return Field("party", nullable(PARTY) if may_be_nobody else PARTY, meaning, _BEN)


CALL_RINGING = _of_call(
    "call.ringing", gettext_noop("A telephone of the call begins to ring."), _party("Whose telephone.")
)
CALL_ANSWERED = _of_call(
    "call.answered",
    gettext_noop(
        "A telephone has answered; of a call that was placed for somebody, their own at first. Or the dialplan has "
        "taken the call."
    ),
    _party("Who has answered; null where it was the dialplan.", may_be_nobody=True),
)
CALL_HELD = _of_call(
    "call.held",
    gettext_noop("Somebody has put the call on hold."),
    _party("Who has; null where they are not known.", may_be_nobody=True),
)
CALL_RESUMED = _of_call(
    "call.resumed",
    gettext_noop("The call is no longer on hold."),
    _party("Who had put it on hold; null where they are not known.", may_be_nobody=True),
)
CALL_TRANSFERRED = _of_call(
    "call.transferred",
    gettext_noop("One end of the call was transferred."),
    _party("Who was transferred; null where they are not known.", may_be_nobody=True),
    Field(
        "to",
        object_of(
            (
                Field("name", STRING, "A name; empty where none is known.", ""),
                Field("number", STRING, "A number; empty where none is known.", "103"),
            )
        ),
        "To whom.",
        {"name": "", "number": "103"},
    ),
    Field("by", nullable(PARTY), "Who did it at a telephone; null where it was done at the panel.", _ANNA),
    Field("method", one_of("blind", "attended"), "Whether they have talked to the target before.", "blind"),
)
CALL_ENDED = _of_call(
    "call.ended",
    gettext_noop("The call is over."),
    Field(
        "ended_at",
        TIME,
        "When it ended; where nobody listened then, when the panel last heard of the PBX.",
        "2026-11-24T12:10:00.000Z",
    ),
    Field(
        "outcome",
        one_of("answered", "no-answer", "busy", "failed", "unknown"),
        "What became of it; unknown where it ended while nobody listened.",
        "answered",
    ),
    Field(
        "cause",
        nullable(INTEGER),
        "Why it ended, as Q.850 numbers it (16: somebody has hung up); null where Asterisk did not say.",
        16,
    ),
    Field("goes_on_in", STRING, "The id of the call that it went on in, as by a transfer; else empty.", ""),
)

# Hangup causes (Q.850) and `DIALSTATUS` of a telephone that was called in vain; whatever else it is, it failed.
_OUTCOMES = {"16": "no-answer", "18": "no-answer", "19": "no-answer", "26": "no-answer", "17": "busy", "21": "busy"}
_STATUSES = {"NOANSWER": "no-answer", "CANCEL": "no-answer", "BUSY": "busy"}
# What a caller hears for whom nobody is to be had.
_TONES = {Channel.Tone.BUSY: "busy", Channel.Tone.CONGESTION: "failed"}
# Of several, the one that says most of a call in which nobody was reached.
_RANK = {"": 0, "answered": 1, "failed": 2, "busy": 3, "no-answer": 4}


@dataclass(slots=True)
class Progress:
    """What is remembered of a call, beside its record, until it is over."""

    # Those who have left it, by unique id.
    left: dict[str, Channel] = field(default_factory=dict)
    # Of a telephone that was called in vain, or of whoever began the call: the outcome, and the cause.
    outcome: str = ""
    cause: int | None = None
    # Why the first of those who were up has hung up.
    hangup_cause: int | None = None


class Calls(dict[str, Progress]):
    """The calls of one PBX of which something is remembered, by id."""

    def __missing__(self, call: str) -> Progress:
        self[call] = progress = Progress()
        return progress


# What follows is done so often that JSON is written here, of parts that are there already.


def _party_json(channel: Channel, left: bool) -> str:
    """A party, as others are told of it."""
    made_of = (
        channel.caller_name, channel.caller_number, channel.connected_name, channel.connected_number, channel.name
    )  # fmt: skip
    if channel._told is None or channel._told[0] != made_of:
        name, number = name_and_number(channel)
        head = (
            f'{{"channel":{quoted(channel.uniqueid)},"name":{quoted(name)},"number":{quoted(number)},'
            f'"endpoint":{quoted(channel.endpoint)},"answered":'
        )
        channel._told = (made_of, head)
    answered = "true" if channel.answered_at is not None else "false"
    return f'{channel._told[1]}{answered},"left":{"true" if left else "false"}}}'


def _times_json(record: CallRecord) -> str:
    answered_at = record.answered_at
    if record._started is None:
        record._started = _time_json(record.started_at)
    if record._answered[0] is not answered_at:
        record._answered = (answered_at, _time_json(answered_at))
    return f'"started_at":{record._started},"answered_at":{record._answered[1]}'


def _parties(state: State, call: str, left: Mapping[str, Channel]) -> list[Channel]:
    found = [channel for channel in state.table(Channel).where("call", call) if not channel.is_local]
    found += left.values()
    if any(one.created_at >= other.created_at for one, other in pairwise(found)):  # nearly always they came in order
        found.sort(key=_age)
    return found[:PARTIES]


def _age(channel: Channel) -> tuple[int, int, str]:
    return channel.age


def _direction(state: State, parties: list[Channel]) -> str:
    known = telephones(state)
    if not known or not parties:
        return "unknown"
    if parties[0].endpoint not in known:
        return "inbound"
    return "internal" if all(party.endpoint in known for party in parties) else "outbound"


def _tell(state: State, event_type: EventType, record: CallRecord, fields: str) -> None:
    """`fields` are those that only this type has, as JSON."""
    progress = state.memory(Calls).get(record.key)
    left = progress.left if progress is not None else {}
    parties = _parties(state, record.key, left)
    data = (
        f'{{"id":{quoted(record.key)},"pbx":{quoted(state.pbx)},"direction":"{_direction(state, parties)}",'
        f'"parties":[{",".join([_party_json(party, party.uniqueid in left) for party in parties])}],'
        f'{_times_json(record)},"reference":{quoted(record.reference)},{fields}}}'
    )
    tell(state, event_type, record.key, data, record.reference)


def _time_json(moment: datetime | None) -> str:
    return f'"{time_of(moment)}"' if moment is not None else "null"


def _somebody_json(channel: Channel | None) -> str:
    return _party_json(channel, left=False) if channel is not None else "null"


def _tell_of(state: State, event_type: EventType, record: CallRecord, party: Channel | None, more: str = "") -> None:
    if is_told(event_type):
        _tell(state, event_type, record, f'"party":{_somebody_json(party)}{more}')


def rings(state: State, record: CallRecord, channel: Channel) -> None:
    _tell_of(state, CALL_RINGING, record, channel)


def answers(state: State, record: CallRecord, channel: Channel, *, somebody: bool) -> None:
    """A telephone has answered; `somebody` says whether for another channel than the panel's own or a program's."""
    if somebody:
        connects(state, record, told=False)
    _tell_of(state, CALL_ANSWERED, record, channel)


def connects(state: State, record: CallRecord, *, told: bool = True) -> None:
    """Somebody was reached; unless another event says it, that is told where it was not so before."""
    if record.answered_at is not None:
        return
    record.answered_at = state.now()
    if told:
        _tell_of(state, CALL_ANSWERED, record, None)


def holds(state: State, record: CallRecord, by: Channel | None) -> None:
    _tell_of(state, CALL_HELD, record, by)


def resumes(state: State, record: CallRecord, by: Channel | None) -> None:
    _tell_of(state, CALL_RESUMED, record, by)


def transfers(
    state: State,
    record: CallRecord,
    party: Channel | None,
    *,
    name: str = "",
    number: str,
    by: Channel | None = None,
    attended: bool,
) -> None:
    to, method = to_json({"name": name, "number": number}), "attended" if attended else "blind"
    more = f',"to":{to},"by":{_somebody_json(by)},"method":"{method}"'
    _tell_of(state, CALL_TRANSFERRED, record, party, more)


def leaves(state: State, channel: Channel) -> None:
    """A channel has gone, whoever was at it."""
    if channel.is_local or not is_told(CALL_ENDED):
        return
    left = state.memory(Calls)[channel.call].left
    left[channel.uniqueid] = channel
    if len(left) > PARTIES:
        del left[max(left.values(), key=_age).uniqueid]


def fails(state: State, channel: Channel, status: str, cause: str) -> None:
    """A telephone that was called is not answered: `DIALSTATUS` and the cause."""
    if not is_told(CALL_ENDED):
        return
    outcome = _OUTCOMES.get(cause) or _STATUSES.get(status) or "failed"
    if cause == "16" and status in _STATUSES:  # it was hung up, which does not say why
        outcome = _STATUSES[status]
    progress = state.memory(Calls)[channel.call]
    if _RANK[outcome] > _RANK[progress.outcome]:
        progress.outcome, progress.cause = outcome, _number(cause)


def hangs_up(state: State, channel: Channel, cause: str) -> None:
    """Somebody else than a telephone that was called in vain: whoever began the call, or has answered."""
    if not is_told(CALL_ENDED):
        return
    progress, number = state.memory(Calls)[channel.call], _number(cause)
    if progress.hangup_cause is None:
        progress.hangup_cause = number
    if not progress.outcome:
        outcome = _OUTCOMES.get(cause, "failed" if number else "no-answer")
        if channel.answered_at is not None and outcome == "no-answer":
            outcome = _TONES.get(Channel.Tone(channel.hears), "answered") if channel.hears else "answered"
        progress.outcome, progress.cause = outcome, number


def _number(cause: str) -> int | None:
    return int(cause) if cause.isdecimal() and int(cause) else None


def ends(state: State, record: CallRecord, at: datetime, *, known: bool, goes_on_in: str = "") -> None:
    """The call is over; `known` says whether somebody listened."""
    if not is_told(CALL_ENDED):
        return
    progress = state.memory(Calls).get(record.key, Progress())
    if not known:
        outcome, cause = "unknown", None
    elif record.answered_at is not None:
        outcome, cause = "answered", progress.hangup_cause
    else:
        outcome, cause = progress.outcome or "failed", progress.cause
    why = "null" if cause is None else cause
    fields = f'"ended_at":{_time_json(at)},"outcome":"{outcome}","cause":{why},"goes_on_in":{quoted(goes_on_in)}'
    _tell(state, CALL_ENDED, record, fields)
    state.memory(Calls).pop(record.key, None)
