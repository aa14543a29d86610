"""Sending messages by e-mail: a companion of the mirror, so that whichever worker leads a PBX sends what waits.

What is to be sent stands in the database. Whoever sends one claims it before: where nothing is heard of it for a
while, it is sent again, with the same id.
"""

import asyncio
import logging
import random
import smtplib
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from engine.database import in_thread
from engine.mirror.companions import Leading
from engine.mirror.registry import companion
from engine.mirror.sanitize import clean

from .models import Message

logger = logging.getLogger(__name__)

Mail, Error = Message.Mail, Message.Error

# How often it is looked for what is due, and for what is old, in seconds.
LOOK_EVERY, TIDY_EVERY = 1.0, 60.0
# When it is tried again, in seconds after each failure; some time less, so that not all is tried at once.
RETRIES = (30.0, 2 * 60.0, 10 * 60.0, 30 * 60.0, *(hours * 3600.0 for hours in (1, 2, 4, 8, 16, 16)))
SPREAD = 0.2
# How long nobody else tries what somebody has claimed: longer than a mail server may take, EMAIL_TIMEOUT at each step.
CLAIMED = timedelta(minutes=5)
# How many old ones are deleted at once.
THINNED_AT_ONCE = 2000

# Beside the threads that ask the database, which must not wait for a mail server.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try; `for_good`: it need not be tried again."""

    error: str = ""
    detail: str = ""
    for_good: bool = False


@companion
async def post(leading: Leading) -> None:
    """Send what is due, for as long as this worker leads."""
    tidied_at = float("-inf")
    while True:
        if leading.is_held():
            if time.monotonic() - tidied_at >= TIDY_EVERY:
                await in_thread(tidy)()
                tidied_at = time.monotonic()
            while leading.is_held() and (message := await in_thread(claim)()) is not None:
                result = await asyncio.get_running_loop().run_in_executor(_threads, send, message)
                await in_thread(settle)(message, result)
        await asyncio.sleep(LOOK_EVERY)


def claim() -> Message | None:
    """One that is due, which nobody else tries meanwhile; None where there is none, or no mail server."""
    if not settings.EMAIL_HOST:
        return None
    due = Message.objects.filter(mail=Mail.WAITING, next_at__lte=timezone.now()).select_related("by")
    for message in due.order_by("next_at")[:10]:
        mine = Message.objects.filter(pk=message.pk, mail=Mail.WAITING, next_at=message.next_at)
        if mine.update(next_at=timezone.now() + CLAIMED, tries=F("tries") + 1):
            message.tries += 1
            return message
    return None


def settle(message: Message, result: Result) -> None:
    """Write what came of a try."""
    values: dict[str, object] = {"error": result.error, "detail": result.detail}
    if not result.error:
        values |= {"mail": Mail.SENT, "next_at": None}
    elif result.for_good or message.tries > len(RETRIES):
        values |= {"mail": Mail.FAILED, "next_at": None}
    else:
        seconds = RETRIES[message.tries - 1] * (1 - SPREAD * random.random())  # noqa: S311 (nothing secret)
        values["next_at"] = timezone.now() + timedelta(seconds=seconds)
    if result.error:
        logger.warning("A message could not be sent by e-mail (%s %s).", result.error, result.detail)
    Message.objects.filter(pk=message.pk, mail=Mail.WAITING).update(**values)


def tidy() -> None:
    """Give up what cannot be sent any more, and delete what is old (the setting MESSAGE_DAYS)."""
    if not settings.EMAIL_HOST:
        given_up = {"mail": Mail.FAILED, "error": Error.NOT_SET_UP, "next_at": None}
        Message.objects.filter(mail=Mail.WAITING).update(**given_up)
    if settings.MESSAGE_DAYS:
        limit = timezone.now() - timedelta(days=settings.MESSAGE_DAYS)
        old = Message.objects.filter(at__lt=limit).order_by("at")[:THINNED_AT_ONCE]
        Message.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()


def send(message: Message) -> Result:
    """Hand it to the mail server, once."""
    try:
        mail_of(message).send()
    except smtplib.SMTPAuthenticationError as error:
        return Result(Error.LOGIN, _said(error.smtp_code, error.smtp_error))
    except smtplib.SMTPRecipientsRefused as error:
        (code, words) = next(iter(error.recipients.values()))
        return Result(Error.REFUSED, _said(code, words), for_good=code >= 500)
    except smtplib.SMTPConnectError as error:
        return Result(Error.CONNECT, _said(error.smtp_code, error.smtp_error))
    except smtplib.SMTPResponseException as error:
        return Result(Error.REFUSED, _said(error.smtp_code, error.smtp_error), for_good=error.smtp_code >= 500)
    except smtplib.SMTPException:
        return Result(Error.PROTOCOL)
    except ssl.SSLError as error:
        return Result(Error.TLS, clean(str(error.reason or error), 200))
    except OSError as error:
        return Result(Error.CONNECT, clean(error.strerror or str(error), 200))
    except Exception:  # whatever is wrong with one: it is tried again in a while, and the others go on
        logger.exception("A message could not be sent by e-mail.")
        return Result(Error.PROTOCOL)
    return Result()


def _said(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return clean(f"{code} {' '.join(text.split())}", 200)


def mail_of(message: Message) -> EmailMessage:
    """The e-mail, in the language of whoever took the message: plain text, and nothing of it in a header but names."""
    with translation.override(message.language):
        headers = {"Message-ID": f"<{message.mail_id}@{_domain()}>", "Auto-Submitted": "auto-generated"}
        if message.urgent:
            headers["Importance"] = "high"
        return EmailMessage(
            subject=_subject(message),
            body=_body(message),
            to=[str(Address(_in_header(message.name), addr_spec=message.email))],
            headers=headers,
            reply_to=[message.by.email] if message.by is not None and message.by.email else None,
        )


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]


def _in_header(text: str) -> str:
    """In one line, whatever is in it."""
    return " ".join(clean(text).split())


def _subject(message: Message) -> str:
    caller = _in_header(message.caller)
    subject = _("%(caller)s called") % {"caller": caller} if caller else _("A message for you")
    return _("Urgent: %(subject)s") % {"subject": subject} if message.urgent else subject


def _body(message: Message) -> str:
    called = " ".join(filter(None, (message.caller_name, message.caller_number)))
    facts = [
        (_("For"), message.name),
        (_("Who called"), called),
        (_("When"), f"{message.at:%Y-%m-%d %H:%M} UTC"),
        (_("Taken by"), (message.by.get_full_name() or message.by.get_username()) if message.by else ""),
    ]
    lines = [pgettext("in an e-mail", "%(what)s: %(value)s") % {"what": what, "value": value}
             for what, value in facts if value]  # fmt: skip
    wishes = [_("Please call back.")] if message.call_back else []
    return "\n".join([*lines, "", *wishes, *([message.text] if message.text else [])]) + "\n"
