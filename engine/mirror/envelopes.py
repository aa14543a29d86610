"""What crosses the channel layer between a view and the worker: one type each, with one writer and one reader.

A view's process and the worker may be of different versions for the time of an update, and the layer carries whatever
is sent on a channel: what is not of one of these types is refused by `read`, which says what is wrong with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

D = TypeVar("D")

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
    """Carry out a command: the `verb` (see `engine.mirror.verbs`), of the thing with this `key`, with `parameters`.

    `deadline` is when its time is over (as `time.time()`).
    """

    TYPE: ClassVar[str] = "ami.command"

    id: str
    verb: str
    key: str
    user_id: int
    deadline: float
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookUp(Envelope):
    """Run a lookup: it changes nothing, so it leaves no trace in the audit trail."""

    TYPE: ClassVar[str] = "ami.lookup"

    name: str
    deadline: float
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckNow(Envelope):
    """Compare the mirror with a fresh snapshot."""

    TYPE: ClassVar[str] = "ami.check"


_TYPES: dict[str, type[Envelope]] = {envelope.TYPE: envelope for envelope in (RunCommand, LookUp, CheckNow)}


def written(envelope: Envelope) -> dict[str, Any]:
    """An envelope as a message for the layer."""
    values = {entry.name: getattr(envelope, entry.name) for entry in fields(envelope)}
    return {"type": envelope.TYPE, **values}


def read(message: dict[str, Any]) -> Envelope:
    """The envelope that a message is. Raises `MalformedEnvelope`."""
    kind = _TYPES.get(message.get("type", ""))
    if kind is None:
        raise MalformedEnvelope(f"there is no envelope of the type {message.get('type')!r}")
    return fitting(kind, {name: value for name, value in message.items() if name != "type"}, kind.TYPE)


def fitting(kind: type[D], given: Mapping[str, Any], name: str) -> D:
    """The dataclass of these values, each of the type of its field; `name` is what an error calls it.

    Raises `MalformedEnvelope`.
    """
    for key, hint in get_type_hints(kind).items():
        if get_origin(hint) is ClassVar or key not in given:
            continue
        value = given[key]
        wanted = [get_origin(choice) or choice for choice in (get_args(hint) if _is_union(hint) else (hint,))]
        numbers = (int, float) if float in wanted else ()
        is_fitting = isinstance(value, (*wanted, *numbers)) and (not isinstance(value, bool) or bool in wanted)
        if not is_fitting:
            raise MalformedEnvelope(f"{key!r} of {name} is {value!r}")
    try:
        return kind(**given)
    except TypeError as error:  # a field too many, or one that is missing
        raise MalformedEnvelope(f"{name}: {error}") from None


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)
