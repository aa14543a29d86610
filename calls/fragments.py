"""How calls are drawn, on which pages they are live, and what a user is told of a call he placed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Case, Max, Min, Q, Value, When
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from pbxpanel.live import fragments
from pbxpanel.live.fragments import PART, PARTS_LIMIT, Found, Long, Look, Row, Subject, View
from pbxpanel.mirror.models import dom_id

from .call import Call, calls_of
from .models import Bridge, Channel, ParkedCall

SEE = "calls.see_calls"
# The fields of a channel that a search looks through.
SEARCHED = (
    "name",
    "caller_number",
    "caller_name",
    "connected_number",
    "connected_name",
    "extension",
    "account_code",
)


def cards(calls: Iterable[Call]) -> str:
    """The cards of these calls, in the active language."""
    language = get_language() or settings.LANGUAGE_CODE
    return "".join(_card(call, language) for call in calls)


@lru_cache(maxsize=1000)
def _card(call: Call, language: str) -> str:
    """Most who look at the board look at the same calls, and boards that follow each other show much the same."""
    return render_to_string("calls/_call.html", {"call": call}).strip()


def some_calls(pbx: str, linkedids: Iterable[str]) -> list[Call]:
    """Those of these calls that there still are."""
    channels = list(Channel.objects.filter(pbx=pbx, call__in=linkedids))
    bridges = Bridge.objects.filter(pbx=pbx, uniqueid__in={channel.bridge for channel in channels if channel.bridge})
    parked = ParkedCall.objects.filter(pbx=pbx, uniqueid__in=[channel.uniqueid for channel in channels])
    return calls_of(channels, bridges, parked)


def calls_with(subjects: Iterable[Subject]) -> list[Call]:
    """Those of these calls that there still are, on any number of PBXs, the oldest first."""
    linkedids: dict[str, set[str]] = {}
    for pbx, linkedid in subjects:
        linkedids.setdefault(pbx, set()).add(linkedid)
    calls = [call for pbx, on_pbx in linkedids.items() for call in some_calls(pbx, on_pbx)]
    return sorted(calls, key=lambda call: call.order)


def calls_that(channels: Q) -> list[Call]:
    """The calls that have such a channel, the oldest first."""
    return calls_with(set(Channel.objects.filter(channels).order_by().values_list("pbx_id", "call")))


def text_of(call: Call) -> str:
    """What a search looks through."""
    return "\n".join(getattr(channel, name) for channel in call.channels for name in SEARCHED).lower()


def find(look: Look) -> Found:
    """The part of the board that is looked at; a word may be found in any channel of a call."""
    calls = Channel.objects.order_by().values("pbx_id", "call").annotate(began=Min("created_at"))
    # Of ASCII, and of scripts that have no case, any database knows how to compare without regard to it.
    plain = [word for word in look.words if word.isascii() or word.upper() == word]
    for number, word in enumerate(plain):
        fields = reduce(or_, (Q((f"{name}__icontains", word)) for name in SEARCHED))
        held = Max(Case(When(fields, then=Value(1)), default=Value(0)))
        calls = calls.annotate(**{f"holds{number}": held}).filter(**{f"holds{number}": 1})
    found: list[Subject] = list(calls.order_by("began", "pbx_id", "call").values_list("pbx_id", "call"))
    if others := set(look.words).difference(plain):
        texts: dict[Subject, str] = defaultdict(str)
        for pbx, call, *fields in Channel.objects.order_by().values_list("pbx_id", "call", *SEARCHED):
            texts[pbx, call] += "\n".join(["", *fields]).lower()
        found = [subject for subject in found if all(word in texts[subject] for word in others)]
    return Found({dom_id("call", *subject): subject for subject in found[: look.limit]}, len(found))


def foot(look: Look, more: int) -> Row:
    """What stands at the end of the board: how many more there are, or why there are none."""
    context = {"more": more, "next": min(look.limit + PART, PARTS_LIMIT), "look": look}
    return Row("calls-more", "foot", fragments.draw("calls/_foot.html", context), permission=SEE)


def part(look: Look) -> Mapping[str, str]:
    """The inside of each container of the board, as it begins when this is looked at, in the active language."""
    found = find(look)
    language = get_language() or settings.LANGUAGE_CODE
    last = foot(look, found.total - len(found.shown))
    return fragments.inside_of(fragments.views["calls"], LONG, language, found.shown.values(), last)


def count() -> int:
    """How many calls there are now, on all PBXs."""
    return Channel.objects.order_by().values("pbx", "call").distinct().count()


def count_row() -> Row:
    """The number beside “Calls” in the navigation."""
    context = {"id": "count-calls", "count": count()}
    return Row("count-calls", "count", fragments.draw("components/_count.html", context), permission=SEE)


fragments.common_rows.append(lambda: [count_row()])


def row_of(call: Call) -> Row:
    facets = {
        "phones": call.phones,
        "state": call.state.value,
        "subject": [call.pbx, call.linkedid],
        "text": text_of(call),
    }
    return Row(call.id, "call", fragments.draw("calls/_call.html", {"call": call}), facets, SEE)


@fragments.renders("call")
def call_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    found = {call.linkedid: call for call in some_calls(pbx, keys)}
    for linkedid in keys:
        call = found.get(linkedid)
        if call is None:
            yield Row(dom_id("call", pbx, linkedid), "call", None, permission=SEE)
        else:
            yield row_of(call)
    yield count_row()


@fragments.renders("parked")
def parked_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """A parked call shows on its call's card."""
    calls = set(Channel.objects.filter(pbx=pbx, uniqueid__in=keys).order_by().values_list("call", flat=True))
    return call_rows(pbx, calls) if calls else []


LONG = Long(
    "call",
    SEE,
    find,
    lambda subjects: [row_of(call) for call in calls_with(subjects)],
    lambda subjects: cards(calls_with(subjects)),
    foot,
)
fragments.views["calls"] = View(
    "calls", frozenset([SEE]), {"call": "calls", "foot": "calls-foot"}, lambda viewer, key: part(Look()), long=LONG
)


def _reason(code: str) -> str:
    """The `Reason` of an OriginateResponse (AST_CONTROL_…, as main/manager.c puts it) in words."""
    if code in ("1", "3"):
        return _("Your phone did not answer.")
    if code == "5":
        return _("Your phone is busy or declined the call.")
    if code == "8":
        return _("Your phone could not be reached just now (congestion).")
    return _("Your phone could not be reached: it is not registered, or does not exist.")


def originated(parameters: Mapping[str, Any]) -> tuple[str, str]:
    """OriginateResponse in words: whether the user's own phone took the call. Level and text of a toast."""
    number = str(parameters["number"])
    if parameters["answered"]:
        return "success", _("Your phone answered; calling %(number)s.") % {"number": number}
    return "danger", _reason(str(parameters["reason"])) + " " + _("%(number)s was not called.") % {"number": number}


fragments.notices["originate"] = originated
