"""Actions about voicemail: whose mailboxes there are."""

from typing import TYPE_CHECKING

from ..dialplan.voicemail import CONTEXT
from ..model import Fields
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

# What is the same of all of them, in the order in which Asterisk says it.
_BEFORE: Fields = [
    ("Email", "(null)"), ("Pager", ""), ("ServerEmail", "asterisk"), ("FromString", ""),
    ("MailCommand", "/usr/sbin/sendmail -t"), ("Language", ""), ("TimeZone", ""), ("Callback", ""), ("Dialout", ""),
    ("UniqueID", ""), ("ExitContext", ""), ("SayDurationMinimum", "2"), ("SayEnvelope", "Yes"), ("SayCID", "No"),
    ("AttachMessage", "Yes"), ("AttachmentFormat", ""), ("DeleteMessage", "No"), ("VolumeGain", "0.00"),
    ("CanReview", "No"), ("CanMarkUrgent", "Yes"), ("CallOperator", "No"), ("MaxMessageCount", "100"),
    ("MaxMessageLength", "0"),
]  # fmt: skip


@answers("VoicemailUsersList", "List All Voicemail User Information.", "call,reporting,all")
def voicemail_users_list(session: "ManagerSession", action: ActionFields) -> None:
    mailboxes = session.dialplan.mailboxes
    if not mailboxes:
        raise Refused("There are no voicemail users currently defined.")
    items = [
        [
            ("VMContext", CONTEXT),
            ("VoiceMailbox", number),
            ("Fullname", mailbox.name),
            *_BEFORE,
            ("NewMessageCount", str(mailbox.new)),
            ("OldMessageCount", "0"),
        ]
        for number, mailbox in mailboxes.items()
    ]
    session.send_list("Voicemail user list will follow", "VoicemailUserEntry", items, "VoicemailUserEntryComplete")
