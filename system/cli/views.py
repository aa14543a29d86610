"""The page of the CLI."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from engine.mirror.models import PBX

from ..pages import demand, on_pbx, page
from . import commands
from . import rules as cli_rules


@require_safe
@on_pbx("use_cli", confirmed=True)
def show(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: a terminal, with what the user ran before and what they may run."""
    user = demand(request, "use_cli")
    context = {
        "history": commands.history_of(user),
        "everybody": cli_rules.EVERYBODY,
        "groups": [rules for rules in commands.rules_of(user) if rules.allowed or rules.refused],
    }
    return page(request, pbx, "cli", context)


@require_POST
@on_pbx("use_cli", confirmed=True)
def give(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: give `command`; one that changes something only with `sure`, else it comes back as a question."""
    user = demand(request, "use_cli")
    typed = request.POST.get("command", "").strip()
    try:
        words = cli_rules.words_of(typed)
    except cli_rules.Malformed as error:
        return _entry(request, pbx, commands.Entry(typed, failure=str(error.args[0])), 400)
    asked_first = cli_rules.changes(words) and not request.POST.get("sure")
    if asked_first and cli_rules.allows(commands.rules_of(user), words):
        response = _entry(request, pbx, commands.Entry(cli_rules.line_of(words), question=True))
    else:
        response = _entry(request, pbx, commands.give(pbx, user, words))
    # It is in the history now, so it can go from the line.
    response.headers["HX-Trigger"] = "given"
    return response


def _entry(request: HttpRequest, pbx: PBX, entry: commands.Entry, status: int = 200) -> HttpResponse:
    return render(request, "system/cli/_entry.html", {"pbx": pbx, "entry": entry}, status=status)


@require_safe
@on_pbx("use_cli")
def complete(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the completion of `line`, as JSON: `line`, `options`, `left_off`, `failure`."""
    completion = commands.complete(pbx.name, demand(request, "use_cli"), request.GET.get("line", ""))
    return JsonResponse(
        {
            "line": completion.line,
            "options": completion.options,
            "left_off": completion.left_off,
            "failure": completion.failure,
        }
    )
