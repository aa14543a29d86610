"""How calls are drawn, on which pages they are live, and what a user is told of a call he placed."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from pbxpanel.live import fragments
from pbxpanel.live.fragments import Row, View, Viewer
from pbxpanel.mirror.models import dom_id

from .call import Call, calls_of
from .models import Bridge, Channel, ParkedCall

SEE = "calls.see_calls"


def cards(calls: Iterable[Call]) -> str:
    """The cards of these calls, in the active language."""
    return "".join(render_to_string("calls/_call.html", {"call": call}).strip() for call in calls)


def all_calls() -> list[Call]:
    return calls_of(Channel.objects.all(), Bridge.objects.all(), ParkedCall.objects.all())


def some_calls(pbx: str, linkedids: Iterable[str]) -> list[Call]:
    """Those of these calls that there still are."""
    channels = list(Channel.objects.filter(pbx=pbx, call__in=linkedids))
    bridges = Bridge.objects.filter(pbx=pbx, uniqueid__in={channel.bridge for channel in channels if channel.bridge})
    parked = ParkedCall.objects.filter(pbx=pbx, uniqueid__in=[channel.uniqueid for channel in channels])
    return calls_of(channels, bridges, parked)


def count() -> int:
    """How many calls there are now, on all PBXs."""
    return Channel.objects.order_by().values("pbx", "call").distinct().count()


def count_row() -> Row:
    """The number beside “Calls” in the navigation."""
    context = {"id": "count-calls", "count": count()}
    return Row("count-calls", "count", fragments.draw("components/_count.html", context), permission=SEE)


fragments.common_rows.append(lambda: [count_row()])


@fragments.renders("call")
def call_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    found = {call.linkedid: call for call in some_calls(pbx, keys)}
    for linkedid in keys:
        call = found.get(linkedid)
        if call is None:
            yield Row(dom_id("call", pbx, linkedid), "call", None, permission=SEE)
        else:
            facets = {"phones": call.phones, "state": call.state.value}
            yield Row(call.id, "call", fragments.draw("calls/_call.html", {"call": call}), facets, SEE)
    yield count_row()


@fragments.renders("parked")
def parked_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """A parked call shows on its call's card."""
    calls = set(Channel.objects.filter(pbx=pbx, uniqueid__in=keys).order_by().values_list("call", flat=True))
    return call_rows(pbx, calls) if calls else []


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"calls": cards(all_calls())}


fragments.views["calls"] = View("calls", frozenset([SEE]), {"call": "calls"}, _board)


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
