"""The resources of the API, in the words of the glossary."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine import limits
from extensions.messages.models import TEXT
from extensions.people.models import NOTE

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


Flag = Annotated[bool, Field(strict=True)]
_Lines = Annotated[list[str], Field(description="In the order in which they are called.")]


class ChangedContact(Given):
    """What is to be another of a contact; what is not given stays."""

    name: str = Field("", max_length=limits.NAME)
    department: str = Field("", max_length=limits.NAME)
    title: str = Field("", max_length=limits.NAME)
    email: str = Field("", max_length=limits.NAME)
    note: str = Field("", max_length=NOTE)
    extension: _Lines = []
    mobile: _Lines = []
    outside: _Lines = []
    tags: list[str] = []


class NewContact(ChangedContact):
    """A contact of the token's owner, whom nobody else sees."""

    name: str = Field(max_length=limits.NAME)


class ChangedPerson(ChangedContact):
    """What is to be another of a person; what is not given stays."""

    phones: list[str] = Field([], description="Endpoints, such as `PJSIP/101`.")
    pbx: str = Field("", max_length=32, description="The PBX of the phones and extensions; empty: any.")
    hidden: Flag = Field(False, description="Neither on the wall nor found by whoever may not manage people.")


class NewPerson(ChangedPerson):
    """Somebody in the directory."""

    name: str = Field(max_length=limits.NAME)


class NewMessage(Given):
    """What somebody who called wants told to a person of the directory."""

    person: str = Field(max_length=20, description="The id of the person.")
    caller_name: str = Field("", max_length=limits.NAME)
    caller_number: str = Field("", max_length=limits.NUMBER)
    text: str = Field("", max_length=TEXT)
    urgent: Flag = False
    call_back: Flag = Field(False, description="Whether the person is asked to call back.")


class Channel(BaseModel):
    """One end of a call."""

    id: str
    channel: str
    endpoint: str
    state: str
    name: str
    number: str
    directory_name: str = Field(default="", description="The directory's name for the number.")
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
    directory_name: str = Field(default="", description="The directory's name for the number.")
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


class Contact(BaseModel):
    """A contact of the token's owner."""

    id: str
    name: str
    department: str
    title: str
    email: str
    note: str
    extension: list[str]
    mobile: list[str]
    outside: list[str]
    tags: list[str]
    states: list[PhoneState]


class Person(Contact):
    """Somebody in the directory; `states` are those of whichever phone reaches them."""

    phones: list[str]
    pbx: str
    hidden: bool


class Message(BaseModel):
    """What was taken for somebody; `mail` says what becomes of the e-mail, and `why` in words why the last try failed.

    `person` is the id of the person, who is called `name`; empty where they are deleted by now.
    """

    id: str
    person: str
    name: str
    caller_name: str
    caller_number: str
    text: str
    urgent: bool
    call_back: bool
    taken_at: datetime
    taken_by: str
    read_at: datetime | None
    done_at: datetime | None
    mail: Literal["none", "waiting", "sent", "failed"]
    why: str


class People(BaseModel):
    """A part of the list."""

    items: list[Person]
    next: str | None


class Contacts(BaseModel):
    """A part of the list."""

    items: list[Contact]
    next: str | None


class Messages(BaseModel):
    """A part of the list."""

    items: list[Message]
    next: str | None


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
    """The numbers to which the PBX forwards calls: all, those that find the extension busy, those nobody answers. One
    that the reader may not see is `private`.
    """

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
