"""The addresses of verbs, and the view behind them: a button's POST becomes a command, and its outcome an answer."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

import web.converters  # noqa: F401  registers `segment`
from engine.mirror.commands import run
from engine.mirror.verbs import BadParameters, NotReady, Target, addressed, targets

from . import toasts


def urlpatterns() -> list[URLPattern]:
    """An address for each kind of thing that verbs are about, with the verb at its end.

    In a template: `{% url 'participant-command' pbx uniqueid 'mute' %}`.
    The verbs are those that have no view of their own.
    """
    return [
        path(f"{target.route}<str:verb>/", ask, {"target": target}, name=f"{target.name}-command")
        for target in targets()
    ]


@require_POST
@login_required
def ask(request: HttpRequest, target: Target[Any], pbx: str, verb: str, key: str = "") -> HttpResponse:
    """POST the parameters of a verb: it is asked. 403 where the user may not, 404 where the thing is gone (or there is
    no such verb), 400 with a sentence for parameters that cannot be meant, 409 where something is missing first.
    """
    found = addressed(target, verb)
    if found is None:
        raise Http404
    user, row = request.user, target.find(pbx, key)
    if not isinstance(user, User) or (row is None and not found.rule.allows(user, None)):
        raise PermissionDenied
    if row is None:
        return toasts.toast(request, "info", str(target.gone), 404)
    try:
        command, refusal = found.asked(user, row, request.POST)
    except BadParameters as error:
        return toasts.toast(request, "warning", str(error), 400)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    outcome = run(command, refusal)
    if outcome.done and found.done is not None:
        return toasts.toast(request, "success", found.done(row, command.parameters))
    return toasts.answer(request, outcome, gone=str(target.gone))
