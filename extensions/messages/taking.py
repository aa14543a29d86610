"""Taking a message: for whom it can be, which ways it goes, and how often somebody may."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from engine import limits
from engine.live.fragments import Notice
from engine.live.hub import look_at_people, notify
from engine.mirror.sanitize import clean

from ..people.models import Person, seen_by
from .models import READ, TEXT, Message

# How many one user takes in a minute.
MOST_A_MINUTE = 20
# The code of the notice of a new message to whom it is for, and how many characters of the text that has.
NOTICE, _BEGINNING = "message", 80
# What is offered for the text, unless an administrator has set sentences of the house.
SENTENCES = (
    gettext_lazy("Will call again."),
    gettext_lazy("Wants to make an appointment."),
    gettext_lazy("Returns your call."),
    gettext_lazy("Asks for an answer by e-mail."),
)


class TooMany(Exception):
    """Somebody has taken many within a minute; the first argument is a sentence."""


def sentences() -> list[str]:
    """What is offered for the text, in the active language."""
    return settings.MESSAGE_SENTENCES or [str(sentence) for sentence in SENTENCES]


def possible_for(user: User) -> Any:
    """The people for whom a user may take messages: those of the house whom they see."""
    return seen_by(user).filter(owner=None)


def reader_of(person: Person) -> User | None:
    """The user who reads in the panel what is taken for this person; None where nobody does."""
    user = person.user
    return user if user is not None and user.is_active and user.has_perm(READ) else None


def mail_address_of(person: Person) -> str:
    """Where e-mail for this person goes; empty where none is sent."""
    return person.email if settings.EMAIL_HOST else ""


def unreachable(person: Person) -> str:
    """Why no message would reach this person, in a sentence; empty where one would."""
    if reader_of(person) is not None or mail_address_of(person):
        return ""
    if person.email:
        return _(
            "%(name)s is no user of the panel who reads messages, and the panel sends no e-mail: an administrator of "
            "the server can set EMAIL_URL."
        ) % {"name": person.name}
    return _(
        "%(name)s is no user of the panel who reads messages, and has no e-mail address: whoever manages people can "
        "enter one."
    ) % {"name": person.name}


def cleaned_text(typed: str) -> str:
    """A text of several lines without what cannot be seen. Raises `ValidationError`."""
    lines = [clean(line, len(line) or 1) for line in typed.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    text = "\n".join(lines).strip()
    if complaint := limits.complaint(text, TEXT):
        raise ValidationError(complaint)
    return text


def take(user: User, person: Person, values: Mapping[str, Any]) -> Message:
    """Keep a message for a person who can be reached, and have it sent; `values` are the cleaned fields of a message.

    Raises `TooMany`.
    """
    just_now = Message.objects.filter(by=user, at__gt=timezone.now() - timedelta(minutes=1)).count()
    if just_now >= MOST_A_MINUTE:
        raise TooMany(
            _("At most %(most)s messages a minute are taken from one user. Try again in a moment.")
            % {"most": MOST_A_MINUTE}
        )
    email = mail_address_of(person)
    message = Message.objects.create(
        by=user,
        person=person,
        name=person.name,
        addressee=reader_of(person),
        email=email,
        language=get_language() or settings.LANGUAGE_CODE,
        mail=Message.Mail.WAITING if email else Message.Mail.NONE,
        next_at=timezone.now() if email else None,
        **values,
    )
    _tell(message)
    if message.addressee_id is not None:
        notify([Notice(message.addressee_id, NOTICE, told_of(message))])
    return message


def told_of(message: Message) -> dict[str, Any]:
    """What the notice of a message says."""
    beginning = Truncator(" ".join(message.text.split())).chars(_BEGINNING)
    return {"pk": message.pk, "who": message.caller, "text": beginning, "urgent": message.urgent}


def _tell(message: Message) -> None:
    if message.addressee_id is not None:
        look_at_people([message.addressee_id])


# What can be said of a message by whoever it is for, and what it changes.
STEPS = ("read", "done", "undone")


def go(message: Message, step: str) -> None:
    """Have a message be read, done or not done; what is so already stays."""
    now = timezone.now()
    if message.read_at is None:
        message.read_at = now
    if step == "done" and message.done_at is None:
        message.done_at = now
    elif step == "undone":
        message.done_at = None
    message.save(update_fields=["read_at", "done_at"])
    _tell(message)


def send_again(message: Message) -> bool:
    """Try to send a failed e-mail anew; False where it has not failed."""
    failed = Message.objects.filter(pk=message.pk, mail=Message.Mail.FAILED)
    again = {"mail": Message.Mail.WAITING, "tries": 0, "next_at": timezone.now(), "error": "", "detail": ""}
    return bool(failed.update(**again))


def unread(ids: Collection[int]) -> dict[int, int]:
    """Ids of users → how many messages each of them has not read, of those who have any. Queries the database once."""
    new = Message.objects.filter(addressee__in=ids, read_at=None).order_by()
    return dict(new.values_list("addressee").annotate(Count("pk")))
