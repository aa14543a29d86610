"""How a call goes that was placed for somebody, as they see it: their own phone rings first, then that of the other."""

from django.utils.translation import gettext_lazy as _

from calls.records.models import CallStep
from engine.mirror.verbs import Label

from . import schemas

Kind = CallStep.Kind
OVER = frozenset(
    (
        "ended", "busy", "declined", "no-answer", "unreachable", "cancelled",
        "phone-silent", "phone-busy", "phone-unreachable",
    )
)  # fmt: skip
"""With these it is over."""
_WITH = frozenset((Kind.MET, Kind.TAKEN, Kind.REACHED, Kind.PICKED_UP, Kind.RETRIEVED))
_STATES: dict[str, schemas.Progress] = {
    "ringing": "rings",
    "talking": "talking",
    "held": "held",
    "waiting": "waiting",
    "conference": "conference",
}
# Causes (Q.850), those that say most first; any other says that somebody has hung up.
_OF_NUMBER: dict[int, schemas.Progress] = {
    21: "declined", 17: "busy", 18: "no-answer", 19: "no-answer", 1: "unreachable", 2: "unreachable",
    3: "unreachable", 20: "unreachable", 22: "unreachable", 27: "unreachable", 28: "unreachable", 34: "unreachable",
    38: "unreachable", 42: "unreachable",
}  # fmt: skip
_OF_PHONE: dict[schemas.Progress, schemas.Progress] = {
    "declined": "phone-busy",
    "busy": "phone-busy",
    "no-answer": "phone-silent",
    "unreachable": "phone-unreachable",
}
WORDS: dict[schemas.Progress, Label] = {
    "starting": _("Your phone is being called"),
    "phone-rings": _("Your phone rings: pick it up"),
    "phone-answered": _("Your phone has answered"),
    "rings": _("It rings there"),
    "talking": _("Talking"),
    "held": _("On hold"),
    "waiting": _("Waiting"),
    "conference": _("In conference"),
    "ended": _("The call has ended"),
    "busy": _("Busy"),
    "declined": _("Declined"),
    "no-answer": _("Nobody has answered"),
    "unreachable": _("The number could not be reached"),
    "cancelled": _("Hung up before anybody answered"),
    "phone-silent": _("Your phone was not picked up, so nobody was called"),
    "phone-busy": _("Your phone is busy or has declined, so nobody was called"),
    "phone-unreachable": _("Your phone could not be reached, so nobody was called"),
}
"""What people read for it."""


def progress_of(call: schemas.CallDetails) -> schemas.Progress:
    """How it goes, by what the API says of the call."""
    if call.state == "starting":
        return "starting"
    kinds = [step.kind for step in call.steps]
    if call.state == "ended":
        return _end_of(call, has_answered=Kind.ANSWERED in kinds)
    mine = next((channel for channel in call.channels if channel.id == call.id), None)
    if mine is not None and mine.state != "Up":
        return "phone-rings"
    if call.state in _STATES:
        return _STATES[call.state]
    return "talking" if _WITH.intersection(kinds) else "phone-answered"


def _end_of(call: schemas.CallDetails, *, has_answered: bool) -> schemas.Progress:
    """Why it is over; `has_answered`: the phone of whoever wanted it."""
    if call.outcome == "answered":
        return "ended"
    found = {
        int(cause)
        for step in call.steps
        if step.kind in (Kind.LEFT, Kind.FAILED) and (cause := step.detail.rpartition(" ")[2]).isdecimal()
    }
    why = next((why for cause, why in _OF_NUMBER.items() if cause in found), None)
    if has_answered:
        return why or "cancelled"
    if why is None:
        return "cancelled" if found else "phone-silent"
    return _OF_PHONE[why]
