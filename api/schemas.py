"""The resources of the API, in the words of the glossary."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine import limits

CallState = Literal["starting", "ringing", "talking", "held", "waiting", "conference", "connected", "ended"]
"""What becomes of a call, as the board's chips say it; `starting` until its first channel is known."""
LiveState = Literal["ringing", "talking", "held", "waiting", "conference", "connected"]
CallOutcome = Literal["answered", "unanswered", "unknown"]
PhoneState = Literal["idle", "in use", "busy", "unavailable", "ringing", "on hold", "unknown"]


class Given(BaseModel):
    """What is sent in a body: nothing else may be in it."""

    model_config = ConfigDict(extra="forbid")


class NewCall(Given):
    """A call from the phone of the token's owner."""

    number: str = Field(max_length=limits.NUMBER, description="As people write it: +49 30 123456.")
    reference: str = Field(
        "", max_length=limits.REFERENCE, description="What you call it by; comes back with the call."
    )


class NewTransfer(Given):
    """One end of a call, and where it goes."""

    channel: str = Field(
        max_length=150, pattern=r"^[^\x00-\x1f]+$", description="The id of the end that is transferred."
    )
    to: str = Field(max_length=limits.NUMBER, description="The number.")
    flow: Literal["attended", "blind", "recall"] = Field(
        "attended",
        description="`attended`: the other end talks to the number first. `recall`: comes back where nobody answers.",
    )


class NewInvitation(Given):
    """Somebody who is to be called into a conference."""

    number: str = Field(max_length=limits.NUMBER, description="As people write it: +49 30 123456.")
    name: str = Field("", max_length=limits.NAME, description="What they are shown as until they have joined.")


class Channel(BaseModel):
    """One end of a call."""

    id: str
    channel: str
    endpoint: str
    state: str
    name: str
    number: str
    on_hold: bool
    waits: bool
    muted: str
    recorded: str
    answered_at: datetime | None


class Parking(BaseModel):
    """Where a call is parked."""

    lot: str
    space: str


class Transfer(BaseModel):
    """Somebody on hold, and what the phone that put them there does meanwhile."""

    pbx: str
    id: str
    call: str
    channel: str
    number: str
    state: str
    started_at: datetime


class Step(BaseModel):
    """One thing that happened in a call; what the fields mean depends on the kind (docs/api.md)."""

    at: datetime
    kind: str
    who: str
    other: str
    detail: str
    by: str


class Call(BaseModel):
    """A call: who is in it, and what becomes of it."""

    pbx: str
    id: str
    state: CallState
    since: datetime
    started_at: datetime
    ended_at: datetime | None = None
    reference: str = ""
    conference: str = ""
    parked: Parking | None = None
    transfer: Transfer | None = None
    channels: list[Channel] = []


class CallDetails(Call):
    """The same with what has happened in it; `outcome` and `cause` (Q.850) once it has ended."""

    outcome: CallOutcome | None = None
    cause: int | None = None
    goes_on_in: str = ""
    steps: list[Step] = []


Progress = Literal[
    "starting", "phone-rings", "phone-answered", "rings", "talking", "held", "waiting", "conference", "ended", "busy",
    "declined", "no-answer", "unreachable", "cancelled", "phone-silent", "phone-busy", "phone-unreachable",
]  # fmt: skip
"""How a call goes that was placed for somebody, as they see it; from `ended` on it is over."""


class OwnCall(CallDetails):
    """A call that was placed for the token's owner, with the `number` that was dialled and how it goes: `progress`."""

    number: str
    progress: Progress


class Conference(BaseModel):
    """A conference that runs."""

    pbx: str
    name: str
    locked: bool
    muted: bool
    recording: bool
    lecture: bool
    started_at: datetime
    participants: int


class Participant(BaseModel):
    """Somebody in a conference."""

    id: str
    channel: str
    name: str
    number: str
    admin: bool
    leader: bool
    waiting: bool
    muted: bool
    talking: bool
    speaker: bool
    hand_at: datetime | None
    joined_at: datetime


class Invitation(BaseModel):
    """Somebody who is called into a conference."""

    id: str
    name: str
    number: str
    state: str
    invited_at: datetime


class ConferenceDetails(Conference):
    """The same with who is in it, and who is called in."""

    people: list[Participant]
    invitations: list[Invitation]


class Presence(BaseModel):
    """What somebody has set."""

    state: str
    subtype: str
    message: str


class Extension(BaseModel):
    """An extension with a hint, and the state of its devices."""

    pbx: str
    id: str
    extension: str
    context: str
    hint: str
    states: list[PhoneState]
    presence: Presence | None


class PBX(BaseModel):
    """A PBX, and the link to it."""

    name: str
    is_up: bool
    link: Literal["connecting", "up", "down", "refused"]
    since: datetime
    why: str


class Phone(BaseModel):
    """The phone of a user."""

    pbx: str
    endpoint: str
    extension: str
    dial_context: str


class CampOn(BaseModel):
    """A call that is placed as soon as both are free."""

    pbx: str
    id: str
    number: str
    started_at: datetime


class TokenDetails(BaseModel):
    """The token that asks; `scopes` are those that count, which the owner has too."""

    id: str
    name: str
    scopes: list[str]
    expires_at: datetime | None


class Me(BaseModel):
    """In whose name the token asks."""

    user: str
    phone: Phone | None
    token: TokenDetails
    camp_ons: list[CampOn]


class Calls(BaseModel):
    """A part of the list."""

    items: list[Call]
    next: str | None


class Conferences(BaseModel):
    """A part of the list."""

    items: list[Conference]
    next: str | None


class Extensions(BaseModel):
    """A part of the list."""

    items: list[Extension]
    next: str | None


class PBXs(BaseModel):
    """All of them."""

    items: list[PBX]


class Forwarding(BaseModel):
    """The numbers to which the PBX forwards calls: all, those that find the extension busy, those nobody answers."""

    always: str
    busy: str
    unanswered: str


class PersonPresence(BaseModel):
    """What somebody of the directory says of being there, and what the PBX does with their calls."""

    pbx: str
    number: str
    name: str
    state: str
    until: datetime | None
    note: str
    do_not_disturb: bool
    forwarding: Forwarding


class PersonPresences(BaseModel):
    """A part of the list."""

    items: list[PersonPresence]
    next: str | None


class Switch(BaseModel):
    """A switch of a PBX, such as the night service; `on` is null where it is not known."""

    pbx: str
    id: str
    name: str
    on: bool | None
    words: str


class Switches(BaseModel):
    """All of them."""

    items: list[Switch]
