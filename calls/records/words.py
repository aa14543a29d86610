"""What a step of a call says, in the active language: a sentence, an icon, and the phase that begins with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engine.mirror import verbs
from engine.mirror.sanitize import shown

from ..call import ALONE_IN
from ..placed import Purpose
from .models import CallStep

Kind = CallStep.Kind

# Icon, and the phase of the call that begins with it (empty: none does).
LOOKS: Mapping[str, tuple[str, str]] = {
    Kind.BEGAN: ("phone-plus", "ringing"),
    Kind.DIALLED: ("phone-outgoing", "ringing"),
    Kind.RANG: ("bell-ringing", "ringing"),
    Kind.ANSWERED: ("phone-check", "talking"),
    Kind.TAKEN: ("phone-check", "alone"),
    Kind.FAILED: ("phone-x", ""),
    Kind.PICKED_UP: ("phone-check", "talking"),
    Kind.REACHED: ("arrow-right", "alone"),
    Kind.MET: ("users", "talking"),
    Kind.HELD: ("player-pause", "hold"),
    Kind.RESUMED: ("player-play", "talking"),
    Kind.CONSULTED: ("users", "hold"),
    Kind.TRANSFERRED: ("arrows-exchange", "ringing"),
    Kind.PARKED: ("parking-circle", "hold"),
    Kind.RETRIEVED: ("phone-incoming", "talking"),
    Kind.TIMED_OUT: ("clock", "ringing"),
    Kind.RECORDED: ("player-record", ""),
    Kind.PAUSED: ("player-pause", ""),
    Kind.UNRECORDED: ("player-stop", ""),
    Kind.ASKED: ("user", ""),
    Kind.LEFT: ("phone-off", ""),
    Kind.JOINED: ("plus", ""),
    Kind.GAP: ("eye-off", ""),
    Kind.LOST: ("eye-off", ""),
}
# Steps that are much the same as the ones beside them, and are drawn smaller.
_MINOR = frozenset((Kind.DIALLED, Kind.TAKEN, Kind.JOINED))

# Why a channel ended (Q.850), where that is more than that somebody hung up.
CAUSES = {
    "1": gettext_lazy("the number does not exist"),
    "2": gettext_lazy("no route"),
    "3": gettext_lazy("no route"),
    "17": gettext_lazy("busy"),
    "18": gettext_lazy("no answer"),
    "19": gettext_lazy("no answer"),
    "20": gettext_lazy("not registered"),
    "21": gettext_lazy("declined"),
    "22": gettext_lazy("the number has changed"),
    "26": gettext_lazy("answered elsewhere"),
    "27": gettext_lazy("the line is out of order"),
    "28": gettext_lazy("the number is not valid"),
    "34": gettext_lazy("no line is free"),
    "38": gettext_lazy("the network is out of order"),
    "41": gettext_lazy("a temporary failure"),
    "42": gettext_lazy("congestion"),
    "44": gettext_lazy("no line is free"),
    "47": gettext_lazy("congestion"),
    "57": gettext_lazy("not allowed by the line"),
    "58": gettext_lazy("no audio format in common"),
    "88": gettext_lazy("no audio format in common"),
    "102": gettext_lazy("the connection was lost"),
    "127": gettext_lazy("a failure"),
}
# Steps of which `other` is somebody, by name and number.
_WITH_SOMEBODY = frozenset(
    (Kind.BEGAN, Kind.PICKED_UP, Kind.MET, Kind.CONSULTED, Kind.TRANSFERRED, Kind.RETRIEVED, Kind.ASKED)
)
_UNREACHABLE = frozenset(("1", "2", "3", "20", "22", "27", "28", "34", "38", "41", "42", "44", "47", "57", "58"))


def _in_bold(text: str) -> SafeString:
    return format_html("<bdi>{}</bdi>", text)


def _say(sentence: str, **values: str) -> SafeString:
    """A translated sentence with its values in bold."""
    return mark_safe(escape(sentence) % {name: _in_bold(value) for name, value in values.items()})  # noqa: S308 (all of it is escaped)


def people_in(step: CallStep) -> list[str]:
    """Whom it names, each by name and number as they were then."""
    return list(filter(None, [step.who, step.other if step.kind in _WITH_SOMEBODY else ""]))


@dataclass(frozen=True, slots=True)
class Names:
    """How those are called whom steps name: users of the panel, by id; and people, as
    `extensions.people.names.named` has them.
    """

    users: Mapping[int, str]
    people: Mapping[str, str]


def sentence(step: CallStep, names: Names) -> SafeString:
    """What it says."""
    who, user = shown_or_nobody(names.people.get(step.who, step.who)), names.users.get(step.user_id, "")
    other = names.people.get(step.other, step.other) if step.kind in _WITH_SOMEBODY else step.other
    match step.kind:
        case Kind.BEGAN if step.detail and step.detail != Purpose.CALL.name:
            return _say(_("%(user)s has the phone %(who)s called, to get to a call"), user=user, who=who)
        case Kind.BEGAN if step.detail:
            return _say(_("%(user)s calls %(other)s from the panel: first %(who)s"), user=user, other=other, who=who)
        case Kind.BEGAN if other:
            return _say(_("%(who)s dials %(other)s"), who=who, other=other)
        case Kind.BEGAN:
            return _say(_("The call of %(who)s begins"), who=who)
        case Kind.DIALLED:
            return _say(_("%(who)s is being called"), who=who)
        case Kind.RANG:
            return _say(_("%(who)s rings"), who=who)
        case Kind.ANSWERED:
            return _say(_("%(who)s answers"), who=who)
        case Kind.TAKEN:
            return _say(_("The PBX takes the call of %(who)s"), who=who)
        case Kind.FAILED:
            return _failed(step, who, user)
        case Kind.PICKED_UP:
            return _say(_("%(who)s picks up what rings at %(other)s"), who=who, other=other)
        case Kind.REACHED:
            return _reached(step, who)
        case Kind.MET:
            return _say(_("%(who)s and %(other)s are connected"), who=who, other=other)
        case Kind.HELD if step.detail:
            return _say(_("%(who)s puts the call on hold"), who=who)
        case Kind.HELD:
            return _by(_say(_("%(who)s is put on hold"), who=who), user)
        case Kind.RESUMED if step.detail:
            return _say(_("%(who)s takes the call off hold"), who=who)
        case Kind.RESUMED:
            return _by(_say(_("%(who)s is off hold again"), who=who), user)
        case Kind.CONSULTED:
            return _say(_("%(who)s consults %(other)s; the caller hears music"), who=who, other=other)
        case Kind.TRANSFERRED:
            by = user or step.detail
            return _by(_say(_("%(who)s is transferred to %(other)s"), who=who, other=other), by)
        case Kind.PARKED:
            return _by(_say(_("%(who)s is parked on %(other)s"), who=who, other=other), user)
        case Kind.RETRIEVED:
            return _say(_("%(other)s retrieves %(who)s"), who=who, other=shown_or_nobody(other))
        case Kind.TIMED_OUT:
            return _say(_("%(who)s was parked too long: the call goes back"), who=who)
        case Kind.RECORDED:
            return _by(_say(_("The call of %(who)s is being recorded"), who=who), user)
        case Kind.PAUSED:
            return _by(_say(_("The recording pauses: what is said now is silence in it"), who=who), user)
        case Kind.UNRECORDED:
            return _by(_say(_("The recording ends"), who=who), user)
        case Kind.ASKED:
            what = verbs.label_of(step.detail)
            return _by(_say("%(what)s · %(who)s", what=what, who=f"{who} → {other}" if other else who), user)
        case Kind.LEFT:
            return _left(step, who, user)
        case Kind.JOINED:
            return _say(_("Another call joins this one: %(who)s"), who=who)
        case Kind.GAP if step.detail:
            return _gap(step)
        case Kind.GAP:
            return _say(_("Nobody listened for a while: what happened then is not known"))
        case Kind.LOST:
            return _say(_("The call was found to be over: how and when it ended is not known"))
        case _:
            return _say(step.kind)


def shown_or_nobody(text: str) -> str:
    return text or _("somebody")


def _by(said: SafeString, user: str) -> SafeString:
    if not user:
        return said
    return format_html('{} <span class="muted">{}</span>', said, _say(_("by %(user)s"), user=user))


def _because(said: SafeString, cause: str) -> SafeString:
    words = CAUSES.get(cause)
    return format_html('{} <span class="muted">({})</span>', said, words) if words else said


def _failed(step: CallStep, who: str, user: str) -> SafeString:
    status, _space, cause = step.detail.rpartition(" ")
    if user:
        return _by(_say(_("%(who)s is turned down"), who=who), user)
    if cause == "17" or status == "BUSY":
        return _say(_("%(who)s is busy"), who=who)
    if cause == "21":
        return _say(_("%(who)s declines"), who=who)
    if cause == "26":
        return _say(_("%(who)s stops ringing: somebody else answered"), who=who)
    if cause in ("18", "19") or status == "NOANSWER":
        return _say(_("%(who)s does not answer"), who=who)
    if status in ("CONGESTION", "CHANUNAVAIL") or (cause in _UNREACHABLE and status != "CANCEL"):
        return _because(_say(_("%(who)s cannot be reached"), who=who), cause)
    return _say(_("%(who)s stops ringing"), who=who)


def _left(step: CallStep, who: str, user: str) -> SafeString:
    by, _space, cause = step.detail.partition(" ")
    if user:
        return _by(_say(_("%(who)s is hung up"), who=who), user)
    if by == "self":
        return _because(_say(_("%(who)s hangs up"), who=who), cause)
    return _because(_say(_("%(who)s is let go"), who=who), cause)


def _reached(step: CallStep, who: str) -> SafeString:
    if step.detail == "ConfBridge":
        # Who may see conferences has a link; the page's class shows the one or the other, as on a card.
        name, said = shown(step.other), _say(_("%(who)s comes into the conference"), who=who)
        return format_html(
            '{} <a class="call-conference" href="{}"><bdi>{}</bdi></a>'
            '<span class="call-conference-name"><bdi>{}</bdi></span>',
            said, reverse("conference", args=[step.pbx, step.other]) if step.other else "", name, name,
        )  # fmt: skip
    where = str(ALONE_IN.get(step.detail, step.detail)) % {"queue": step.other}
    return format_html("{}: {}", _in_bold(who), where)


def _gap(step: CallStep) -> SafeString:
    since = datetime.fromtimestamp(int(step.detail) / 1000, step.at.tzinfo)
    time = format_html('<time data-at="{}">{} UTC</time>', step.detail, since.strftime("%H:%M:%S"))
    words = escape(_("Nobody listened since %(time)s: what happened meanwhile is not known"))
    return mark_safe(words % {"time": time})  # noqa: S308 (all of it is escaped)


def is_minor(step: CallStep) -> bool:
    return step.kind in _MINOR or (step.kind == Kind.LEFT and step.detail.startswith("pbx") and not step.user_id)
