"""The groups by which the board of calls is filtered, and how many calls each has.

A call is in one group at most that says what becomes of it. Besides, it is in one for each of its phones, of which that
of the viewer is *mine*, and in `LISTED` unless its conference stands for it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Count, Max, Min, Q
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

    In most of them two just talk: all of their channels are up, in one bridge, and none is on hold or half of a Local
    channel, which has no endpoint. Of the others those are known of which an end is on hold or none is up yet; the rest
    are asked themselves.
    """
    calls = (
        Channel.objects.order_by()
        .values("pbx_id", "call")
        .annotate(began=Min("created_at"), channels=Count("pk"), first_bridge=Min("bridge"), last_bridge=Max("bridge"))
        .order_by("began", "pbx_id", "call")
        .values_list("pbx_id", "call", "channels", "first_bridge", "last_bridge")
    )
    others = Bridge.objects.filter(Q(technology="holding_bridge") | Q(creator="ConfBridge")).order_by()
    no_talks = {"", *others.values_list("uniqueid", flat=True)}
    aside = ParkedCall.objects.order_by().values("uniqueid"), Transfer.objects.order_by().values("held")
    put_aside = Channel.objects.filter(Q(uniqueid__in=aside[0]) | Q(uniqueid__in=aside[1])).order_by()
    must_be_asked = set(put_aside.values_list("pbx_id", "call"))
    special, held, not_up, unanswered = set(must_be_asked), set(), Counter[Subject](), set()
    rows = Channel.objects.exclude(state="Up", on_hold=False, endpoint__gt="").order_by()
    for pbx, linkedid, state, on_hold, phone in rows.values_list("pbx_id", "call", "state", "on_hold", "endpoint"):
        subject = pbx, linkedid
        special.add(subject)
        if state == "Up" and on_hold and phone:
            held.add(subject)
        not_up[subject] += state != "Up"
        if state in UNANSWERED_STATES:
            unanswered.add(subject)
    found, unsure = {}, []
    for pbx, linkedid, channels, bridge, last_bridge in calls:
        subject = pbx, linkedid
        found[subject] = "talking"
        if subject in held:
            found[subject] = "held"
        elif subject in unanswered and not_up[subject] == channels and subject not in must_be_asked:
            found[subject] = "ringing"
        elif subject in special or channels == 1 or bridge != last_bridge or bridge in no_talks:
            unsure.append(subject)
    return found | {(call.pbx, call.linkedid): group_of(call) for call in calls_with(unsure)}


def in_group(each: Mapping[Subject, str], group: str) -> set[Subject]:
    """The calls of these that are in this group, which is none of a phone."""
    if group == LISTED:
        return {subject for subject, found in each.items() if found != "conference"}
    return {subject for subject, found in each.items() if found == group}


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
