"""The groups by which the board of calls is filtered, and how many calls each has.

A call is in one group at most that says what becomes of it. Besides, it is in one for each of its phones, of which that
of the viewer is *mine*, and in `LISTED` unless its conference stands for it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Case, Count, Max, Min, Q, When
from django.utils.translation import gettext_lazy as _

from engine.live.fragments import Subject, Viewer
from engine.mirror.models import dom_id

from .call import UNANSWERED_STATES, Call, CallState, calls_with
from .models import Bridge, Channel, ParkedCall, Transfer

SEE_CONFERENCES = "conferences.see_conferences"
ALL, MINE = "all", "mine"
LISTED = "listed"
# What can be asked for, in the order of the board's chips.
STATES = {
    ALL: _("All"),
    MINE: _("Mine"),
    "ringing": _("Ringing"),
    "waiting": _("Waiting and parked"),
    "talking": _("Talking"),
    "held": _("On hold"),
    "conference": _("In conference"),
}
# What a board without a call of this group says.
NONE_IN = {
    "ringing": _("No call is ringing."),
    "waiting": _("Nobody is waiting in a queue or on a parking space."),
    "talking": _("Nobody is talking on the telephone."),
    "held": _("Nobody is on hold."),
    "conference": _("No call is in a conference."),
}
_GROUPS = {
    CallState.RINGING: "ringing",
    CallState.PARKED: "waiting",
    CallState.TALKING: "talking",
    CallState.ON_HOLD: "held",
    CallState.CONFERENCE: "conference",
}


def group_of(call: Call) -> str:
    """The group that says what becomes of it; empty for one that is in none."""
    if call.held_label:
        return "held"
    if call.state is CallState.ALONE and call.waits:
        return "waiting"
    return _GROUPS.get(call.state, "")


def groups_of(call: Call) -> list[str]:
    """All groups that it is in."""
    return groups(group_of(call), call.phones)


def groups(group: str, phones: Iterable[str] = ()) -> list[str]:
    """The same by that one and its phones."""
    listed = [] if group == "conference" else [LISTED]
    return [*([group] if group else []), *listed, *phones]


def group_asked_for(state: str, viewer: Viewer, searches: bool) -> str:
    """What a page asks for, as any text → the group that is shown; empty: all calls.

    Who is in a conference is found by name, or by *In conference*; else its conference is there in their place, for
    whoever may see it.
    """
    if state == MINE and viewer.phone:
        return viewer.phone
    if state in (ALL, MINE) or state not in STATES:
        return "" if searches or SEE_CONFERENCES not in viewer.permissions else LISTED
    return state


def counted_for(viewer: Viewer) -> dict[str, str]:
    """The chips of a viewer: the state → the group of which each says how many calls it has."""
    of_groups = {state: state for state in STATES if state not in (ALL, MINE)}
    mine = {MINE: viewer.phone} if viewer.phone else {}
    return {ALL: "", **mine, **of_groups}


def group_of_each() -> dict[Subject, str]:
    """Every call, the oldest first, with what becomes of it. Reads the database.

    One query tells of the many of which some end is on hold, of which none is up yet, or in which two just talk: all of
    their channels are up, in one bridge, and no halves of Local channels, which have no endpoint. Every other call is
    asked itself.
    """
    calls = (
        Channel.objects.order_by()
        .values("pbx_id", "call")
        .annotate(
            began=Min("created_at"),
            channels=Count("pk"),
            up=Count(Case(When(state="Up", then=1))),
            unanswered=Count(Case(When(state__in=UNANSWERED_STATES, then=1))),
            held=Count(Case(When(Q(on_hold=True, state="Up") & ~Q(endpoint=""), then=1))),
            first_bridge=Min("bridge"),
            last_bridge=Max("bridge"),
            phone=Min("endpoint"),
        )
        .order_by("began", "pbx_id", "call")
        .values_list("pbx_id", "call", "channels", "up", "unanswered", "held", "first_bridge", "last_bridge", "phone")
    )
    others = Bridge.objects.filter(Q(technology="holding_bridge") | Q(creator="ConfBridge")).order_by()
    no_talks = {"", *others.values_list("uniqueid", flat=True)}
    aside = ParkedCall.objects.order_by().values("uniqueid"), Transfer.objects.order_by().values("held")
    put_aside = Channel.objects.filter(Q(uniqueid__in=aside[0]) | Q(uniqueid__in=aside[1])).order_by()
    must_be_asked = set(put_aside.values_list("pbx_id", "call"))
    found, unsure = {}, []
    for pbx, linkedid, channels, up, unanswered, held, bridge, last_bridge, phone in calls:
        subject = pbx, linkedid
        found[subject] = ""
        if held:
            found[subject] = "held"
        elif subject in must_be_asked:
            unsure.append(subject)
        elif up == channels > 1 and bridge == last_bridge and bridge not in no_talks and phone:
            found[subject] = "talking"
        elif not up and unanswered:
            found[subject] = "ringing"
        else:
            unsure.append(subject)
    return found | {(call.pbx, call.linkedid): group_of(call) for call in calls_with(unsure)}


def is_phone(group: str) -> bool:
    """Whether this is the group of a phone; empty is none."""
    return "/" in group


def calls_of_phone(phone: str) -> set[Subject]:
    """The calls that a phone takes part in. Reads the database."""
    pbx, _separator, endpoint = phone.partition("/")
    return set(Channel.objects.filter(pbx=pbx, endpoint=endpoint).order_by().values_list("pbx_id", "call"))


def groups_of_all() -> dict[str, list[str]]:
    """The row of every call → its groups. Reads the database."""
    phones: dict[Subject, set[str]] = defaultdict(set)
    rows = Channel.objects.exclude(endpoint="").order_by().values_list("pbx_id", "call", "endpoint")
    for pbx, call, endpoint in rows:
        phones[pbx, call].add(f"{pbx}/{endpoint}")
    each = group_of_each()
    return {dom_id("call", *subject): groups(group, phones[subject]) for subject, group in each.items()}


def counts_for(viewer: Viewer, each: Mapping[Subject, str]) -> dict[str, int]:
    """State → how many calls its chip says, of all of these. Reads the database."""
    counts = Counter(each.values())
    counts[""] = len(each)
    if viewer.phone:
        counts[viewer.phone] = len(calls_of_phone(viewer.phone) & each.keys())
    return {state: counts[group] for state, group in counted_for(viewer).items()}
