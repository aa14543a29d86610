"""What crosses the channel layer between a view and the worker: one type each, with one writer and one reader.

A view's process and the worker may be of different versions for the time of an update, and the layer carries whatever
is sent on a channel: what is not of one of these types is refused by `read`, which says what is wrong with it.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, get_origin, get_type_hints

# Name and value of each field of an AMI message.
Fields = list[list[str]]


class MalformedEnvelope(ValueError):
    """A message that is not of the type that it claims to be, or of none."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`reply_to` is the channel on which the answer is awaited."""

    TYPE: ClassVar[str]

    reply_to: str


@dataclass(frozen=True, slots=True)
class RunCommand(Envelope):
    """Carry out a command: that of a `handler`, or else the AMI action with these `fields`.

    `deadline` is when its time is over (as `time.time()`); `verb` is for the metrics.
    """

    TYPE: ClassVar[str] = "ami.command"

    id: str
    verb: str
    user_id: int
    deadline: float
    handler: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    action: str = ""
    fields: Fields = field(default_factory=list)
    wants_reply: bool = False


@dataclass(frozen=True, slots=True)
class Look(Envelope):
    """Run a command handler that only looks: it is no command, and leaves no trace in the audit trail."""

    TYPE: ClassVar[str] = "ami.look"

    handler: str
    deadline: float
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckNow(Envelope):
    """Compare the mirror with a fresh snapshot."""

    TYPE: ClassVar[str] = "ami.check"


_TYPES: dict[str, type[Envelope]] = {envelope.TYPE: envelope for envelope in (RunCommand, Look, CheckNow)}


def written(envelope: Envelope) -> dict[str, Any]:
    """An envelope as a message for the layer."""
    values = {entry.name: getattr(envelope, entry.name) for entry in fields(envelope)}
    return {"type": envelope.TYPE, **values}


def read(message: dict[str, Any]) -> Envelope:
    """The envelope that a message is. Raises `MalformedEnvelope`."""
    kind = _TYPES.get(message.get("type", ""))
    if kind is None:
        raise MalformedEnvelope(f"there is no envelope of the type {message.get('type')!r}")
    given = {name: value for name, value in message.items() if name != "type"}
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is ClassVar or name not in given:
            continue
        wanted = get_origin(hint) or hint
        is_fitting = isinstance(given[name], (int, float) if wanted is float else wanted)
        if not is_fitting or (wanted is not bool and isinstance(given[name], bool)):
            raise MalformedEnvelope(f"{name!r} of {kind.TYPE} is {given[name]!r}")
    try:
        return kind(**given)
    except TypeError as error:  # a field too many, or one that is missing
        raise MalformedEnvelope(f"{kind.TYPE}: {error}") from None
