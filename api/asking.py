"""Verbs as operations, from their declarations: `PUT /calls/{pbx}/{call}/channels/{channel}/hold`.

What a verb is about stands in the address, what it takes in the body; who may, what is refused and what it did is as
for a button of a page. A verb that is added has its operation without a line here; a new kind of thing, a `Place`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django import forms
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _
from ninja import Status
from pydantic import BaseModel, Field, create_model

from calls.models import Channel
from conferences.invitations.models import Invitation
from conferences.models import Participant
from engine import limits
from engine.mirror import verbs
from engine.mirror.commands import Command, Outcome, run
from engine.mirror.verbs import BadParameters, NotReady, Verb

from .operations import ASKED, need, operation
from .problems import BAD_INPUT, FORBIDDEN, NOT_FOUND, NOT_READY, Problem, of_outcome
from .schemas import Given
from .tokens import ApiRequest


@dataclass(frozen=True)
class Place:
    """Where the things of a target are: the address of one, what of it is `key`, and what else of the address must be
    true of it.
    """

    path: str
    tag: str
    key: str = ""
    of: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    # The verb that is asked by DELETE as well.
    delete: str = ""


def _call_of(row: Channel) -> str:
    return row.call


def _conference_of(row: Participant | Invitation) -> str:
    return row.conference


PLACES = {
    "pbx": Place("/pbxs/{pbx}", "pbxs"),
    "call": Place("/calls/{pbx}/{segment:call}", "calls", "call", delete="hangup"),
    "channel": Place("/calls/{pbx}/{segment:call}/channels/{segment:channel}", "calls", "channel", {"call": _call_of}),
    "transfer": Place("/transfers/{pbx}/{segment:transfer}", "transfers", "transfer", delete="cancel"),
    "camp-on": Place("/camp-ons/{pbx}/{segment:camp_on}", "calls", "camp_on", delete="take-back"),
    "conference": Place("/conferences/{pbx}/{segment:conference}", "conferences", "conference"),
    "participant": Place(
        "/conferences/{pbx}/{segment:conference}/participants/{segment:participant}",
        "conferences",
        "participant",
        {"conference": _conference_of},
        delete="kick",
    ),
    "invitation": Place(
        "/conferences/{pbx}/{segment:conference}/invitations/{segment:invitation}",
        "conferences",
        "invitation",
        {"conference": _conference_of},
        delete="cancel",
    ),
    "presence": Place("/presences/{pbx}/{segment:number}", "presences", "number"),
    "switch": Place("/switches/{pbx}/{segment:switch}", "switches", "switch"),
}
"""By the name of the target."""


def outcome_of(
    request: ApiRequest,
    verb: Verb[Any, Any],
    row: Any,
    parameters: Any = None,
    *,
    names: Mapping[str, str] | None = None,
    gone: str = "",
) -> Outcome:
    """Ask a verb in the name of the token's owner, as far as its scopes go; what was done. `names`: what the fields of
    the body are called where that is not as the parameters are. Raises `Problem`.
    """
    may(request, verb)
    return carry_out(
        lambda: verb.asked(request.user, row, parameters, via=f"{request.token}"), gone or str(verb.target.gone), names
    )


def carry_out(
    ask: Callable[[], tuple[Command, Callable[[], str] | None]], gone: str, names: Mapping[str, str] | None = None
) -> Outcome:
    """The same for a command that another function than the declaration makes, as `run` takes it. Raises `Problem`."""
    try:
        command, refusal = ask()
    except PermissionDenied:
        raise Problem(FORBIDDEN) from None
    except BadParameters as error:
        field_name = (names or {}).get(error.field, error.field)
        raise Problem(BAD_INPUT, str(error), [(field_name, str(error))]) from None
    except NotReady as error:
        raise Problem(NOT_READY, str(error)) from None
    outcome = run(command, refusal)
    if not outcome.done:
        raise of_outcome(outcome, gone)
    return outcome


def scopes_of(verb: Verb[Any, Any]) -> list[str]:
    """The scopes of which a token needs one for a verb. (It needs all of `Rule.also` too.)"""
    return [name for name in (verb.rule.permission, verb.rule.own) if name]


def may(request: ApiRequest, verb: Verb[Any, Any]) -> None:
    """Refuse a token without the scopes for a verb; whether its owner may is asked by the rule. Raises `Problem`."""
    need(request, *scopes_of(verb))
    for name in verb.rule.also:
        need(request, name)


def found(request: ApiRequest, verb: Verb[Any, Any], pbx: str, key: str, parents: Mapping[str, str]) -> Any:
    """The thing at an address. Raises `Problem`: 404 where it is gone, 403 where the owner might not have asked."""
    place = PLACES[verb.target.name]
    may(request, verb)
    row = verb.target.find(pbx, key)
    if row is not None and any(place.of[name](row) != value for name, value in parents.items()):
        row = None
    if row is None and not verb.rule.allows(request.user, None):
        raise Problem(FORBIDDEN)
    if row is None:
        raise Problem(NOT_FOUND, verb.target.gone)
    return row


def meant(form: type[forms.Form], body: BaseModel) -> dict[str, Any]:
    """What a body means, by the form that reads the same on a page. Raises `Problem`, with each field that is wrong."""
    read = form(body.model_dump())
    if not read.is_valid():
        errors = [(name, str(sentences[0])) for name, sentences in read.errors.items()]
        raise Problem(BAD_INPUT, errors[0][1], errors)
    return read.cleaned_data


def _type_of(given: forms.Field) -> Any:
    if isinstance(given, forms.ChoiceField):
        choices: Any = given.choices
        return Literal[tuple(str(value) for value, _label in choices)]
    return str


def body_of(verb: Verb[Any, Any]) -> type[BaseModel] | None:
    """What is sent with a verb, by the form fields of its parameters; None for one without any."""
    form = verbs.form_of(verb.parameters)
    fields: dict[str, Any] = {}
    for name, given in form.base_fields.items():
        most = getattr(given, "max_length", None) or limits.FIELD
        options: dict[str, Any] = {} if isinstance(given, forms.ChoiceField) else {"max_length": most}
        if not given.required:
            options["default"] = given.initial or ""
        fields[name] = (_type_of(given), Field(**options))
    if not fields:
        return None
    return create_model(f"{operation_name(verb).title().replace('_', '')}Parameters", __base__=Given, **fields)


def operation_name(verb: Verb[Any, Any]) -> str:
    return str(verb).replace(".", "_").replace("-", "_")


def _view_of(verb: Verb[Any, Any], place: Place) -> Callable[..., Any]:
    names = [name for name in ("pbx", *place.of, place.key) if name]
    body = body_of(verb)

    def view(request: ApiRequest, **values: Any) -> Status:
        sent: BaseModel | None = values.pop("body", None)
        key, pbx = values.pop(place.key, ""), values.pop("pbx")
        row = found(request, verb, pbx, key, values)
        outcome_of(request, verb, row, sent.model_dump() if sent is not None else {})
        return Status(204, None)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", kind)]
    parameters += [inspect.Parameter(name, kind, annotation=str) for name in names]
    if body is not None:
        parameters.append(inspect.Parameter("body", kind, annotation=body))
    view.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return view


_ABOUT = {
    "pbx": _("Asked of a PBX."),
    "call": _("Asked about a call, with all its ends."),
    "channel": _("Asked about one end of a call."),
    "transfer": _("Asked about somebody on hold, or on the way to a number."),
    "camp-on": _("Asked about a call that waits until both are free."),
    "conference": _("Asked about a conference that runs."),
    "participant": _("Asked about somebody in a conference."),
    "invitation": _("Asked about somebody who is called into a conference."),
    "presence": _("Asked about somebody of the directory, by their extension."),
    "switch": _("Asked of a switch of a PBX."),
}


def declare(verb: Verb[Any, Any]) -> None:
    """Make the operations of a verb."""
    place, name = PLACES[verb.target.name], operation_name(verb)
    ways = [("PUT", f"{place.path}/{verb.path}", name)]
    if place.delete == verb.path:
        ways.append(("DELETE", place.path, f"delete_{verb.target.name.replace('-', '_')}"))
    for method, path, called in ways:
        operation(
            method,
            path,
            verb.label,
            _ABOUT[verb.target.name],
            response={204: None},
            name=called,
            tag=place.tag,
            scope=scopes_of(verb),
            also=verb.rule.also,
            problems=ASKED,
            body=dict(verb.example) or None,
        )(_view_of(verb, place))


for _target in verbs.targets():
    for _verb in verbs.verbs.values():
        if _verb.target is _target and not _verb.view:
            declare(_verb)
