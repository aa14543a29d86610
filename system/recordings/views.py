"""The page of recording: which channels are recorded, and starting, muting and ending that."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import user_of
from calls import recordings
from calls.models import Channel
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.models import PBX
from engine.mirror.verbs import Parameters
from web import toasts

from ..pages import on_pbx, page
from . import commands

# How many channels are shown; Asterisk is asked about each.
SHOWN = 60
_OPTIONS = (
    ("bridged", gettext_lazy("Only while connected to somebody")),
    ("append", gettext_lazy("Append to the file if it exists")),
    ("sides", gettext_lazy("Each side also in a file of its own")),
)
# The channel that records a conference; see its own page.
_RECORDER = "CBRec/"


@require_safe
@on_pbx("record_calls")
def recording_page(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: how to record, and the channels."""
    context = _channels(request, pbx)
    context["options"] = _OPTIONS
    context["formats"] = context["found"].get("formats", ["wav"])
    return page(request, pbx, "recording", context)


@require_safe
@on_pbx("record_calls")
def channels(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the channels that hold `q`, and what is recorded of each; the page asks for it every few seconds."""
    return render(request, "system/recordings/_channels.html", {"pbx": pbx, **_channels(request, pbx)})


def _channels(request: HttpRequest, pbx: PBX) -> dict[str, Any]:
    q = request.GET.get("q", "").replace("\0", "").strip()[:100]
    rows = [
        row
        for row in Channel.objects.filter(pbx=pbx).exclude(name__startswith=_RECORDER)
        if q.casefold() in f"{row.name} {row.caller_name} {row.caller_number} {row.connected_name}".casefold()
    ]
    shown = rows[:SHOWN]
    failure, found = _found(pbx, shown)
    return {"q": q, "rows": _with(shown, found), "left": len(rows) - len(shown), "failure": failure, "found": found}


def _found(pbx: PBX, rows: list[Channel]) -> tuple[str, dict[str, Any]]:
    """Why nothing is known, if so, and what is recorded of these channels."""
    outcome = look_up(pbx.name, "system.recordings.list", {"channels": {row.uniqueid: row.name for row in rows}})
    return ("", outcome.data) if outcome.done else (toasts.words(outcome, ""), {})


def _with(rows: list[Channel], found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"channel": row, "monitors": found.get("actions", []), **found.get("of", {}).get(row.uniqueid, {})}
        for row in rows
    ]


@require_POST
@on_pbx("record_calls")
def act(request: HttpRequest, pbx: PBX, verb: str) -> HttpResponse:
    """POST: one of the verbs, on the `channel` with this unique id; see the templates for its other fields."""
    if verb not in commands.VERBS:
        raise Http404
    gone = _("This channel has been hung up.")
    channel = Channel.objects.filter(pbx=pbx, uniqueid=request.POST.get("channel", "")).first()
    if channel is None:
        return toasts.toast(request, "info", gone, 404)
    name = file_name(request.POST.get("file", ""), channel)
    extension = request.POST.get("format", "wav")
    if verb in ("record", "monitor", "change-monitor"):
        if not recordings.is_safe(name):
            text = _(
                "Use only letters, digits and . _ - + = @ in the file name, and / for a folder; no more than 100 "
                "characters."
            )
            return toasts.toast(request, "warning", text, 400)
        if extension not in recordings.FORMATS:
            return toasts.toast(request, "warning", _("Choose one of the formats."), 400)
    outcome = _run(request, verb, channel, name, extension)
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome, verb, gone), toasts.code(outcome))
    response = toasts.toast(request, "success", _told(verb, outcome, name))
    failure, found = _found(pbx, [channel])
    if not failure:
        context = {"pbx": pbx, "row": _with([channel], found)[0]}
        response.write(render_to_string("system/recordings/_changed.html", context, request))
    return response


def file_name(typed: str, channel: Channel) -> str:
    """What somebody typed, without an ending that is one of the formats; else the time and whose channel it is."""
    name = typed.strip()
    stem, _dot, ending = name.rpartition(".")
    if ending in recordings.FORMATS:
        name = stem
    return name or recordings.name_for(channel)


def _run(request: HttpRequest, verb: str, channel: Channel, name: str, extension: str) -> Outcome:
    declared = commands.VERBS[verb]
    return declared.ask(user_of(request), channel, _given(request, verb, name, extension))


def _given(request: HttpRequest, verb: str, name: str, extension: str) -> Parameters:
    """The parameters of a verb."""
    if verb == "record":
        wanted = request.POST.getlist("options")
        options = recordings.options(wanted, name if "sides" in wanted else "", extension)
        return commands.Start(f"{name}.{extension}", options)
    if verb == "stop":
        which = request.POST.get("recording", "")
        if which and not commands.ID.fullmatch(which):
            raise Http404
        return commands.Stop(which)
    if verb in ("mute", "unmute"):
        direction = request.POST.get("direction", "both")
        if direction not in recordings.DIRECTIONS:
            raise Http404
        return commands.Direction(direction)
    return commands.File(name, extension) if verb in ("monitor", "change-monitor") else Parameters()


def _told(verb: str, outcome: Outcome, name: str) -> str:
    """What a success means, since not all of it shows."""
    if verb == "record":
        return _("Recording to %(path)s.") % {"path": outcome.data["path"] or name}
    return {
        "stop": _("The recording has stopped."),
        "mute": _("From now on, this is silent in all recordings of this channel."),
        "unmute": _("From now on, this can be heard again in all recordings of this channel."),
        "monitor": _("Monitor is recording to %(name)s, in the folder “monitor” of Asterisk's spool.") % {"name": name},
        "stop-monitor": _("Monitor has stopped; Asterisk is now mixing the two sides."),
        "change-monitor": _("The file will be %(name)s.") % {"name": name},
        "pause-monitor": _("Monitor is paused."),
        "unpause-monitor": _("Monitor has resumed."),
    }[verb]


def _words(outcome: Outcome, verb: str, gone: str) -> str:
    text = outcome.text.lower() if outcome.status is Status.REFUSED else ""
    if outcome.text == commands.RUNS:
        return _("Monitor is already recording this channel: only one Monitor can run on a channel.")
    if outcome.text == commands.RUNS_NOT:
        return _("Monitor is not recording this channel.")
    if "could not stop" in text or "cannot set mute" in text:
        return _("MixMonitor is not recording this channel, or this recording has already stopped.")
    if "could not start" in text:
        return _("Asterisk could not start: check whether it may write to the folder “monitor” of its spool.")
    if "invalid/unknown command" in text:
        return _("This version of Asterisk no longer has Monitor.")
    if outcome.status is Status.NOT_PERMITTED:
        return _(
            "The PBX does not permit the panel to record: in manager.conf its user needs the classes “system” and "
            "“call”."
        )
    return toasts.words(outcome, gone)
