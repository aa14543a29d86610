"""What can be set of whoever has an extension: their presence, do not disturb, and where their calls go.

Source: funcs/func_presencestate.c, funcs/func_devstate.c; FreePBX's entries of the AstDB, and its custom device states.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import dialling
from accounts.policy import Call
from engine import limits
from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.sanitize import clean
from engine.mirror.verbs import BadParameters, Feature, Parameters, Rule, Weight, parameter, permission, verb

from .holders import HOLDER, Holder, is_own, presentity_of
from .keys import DIVERTED, keys
from .said import AVAILABLE, CHOICES, DEVICES, NOTE, Said, moment_in, until_in, until_written

SET_OWN = permission(
    "extensions.person",
    "set_own_presence",
    gettext_lazy("Can set their own presence and call forwarding"),
    ("Operator", "Moderator", "Integrator", "Administrator"),
)
SET_ANY = permission(
    "extensions.person", "set_presences", gettext_lazy("Can set the presence of others"), ("Administrator",)
)
FORWARD_ANY = permission(
    "extensions.person",
    "set_forwarding",
    gettext_lazy("Can set do not disturb and call forwarding of others"),
    ("Administrator",),
)
PRESENCE = Feature(gettext_noop("setting a presence"), Weight.USEFUL, events=("PresenceStateChange",))
FORWARDING = Feature(gettext_noop("do not disturb and call forwarding"), Weight.USEFUL, ("DBGetTree",))

NO_KEY = gettext_noop("The panel is told of no entry of the AstDB for this: an administrator can set ASTDB_KEYS.")
NO_FUNCTION = gettext_noop("Asterisk did not set it: its module func_presencestate or func_devstate is not loaded.")
# How Asterisk says that there is no such entry of the AstDB: asked to delete it, and to read it.
NOT_THERE, NOT_FOUND = "Database entry could not be deleted", "Database entry not found"
_SEPARATORS = re.compile(r"[\s()/.\u00a0\u2010-\u2015-]+")
_DIALLABLE = re.compile(r"\+?[0-9*#]{1,40}")


class UntilField(forms.CharField):
    """A time from now on, as ISO 8601 with its offset; as it stands in the subtype of a presence."""

    def clean(self, value: Any) -> str:
        typed = super().clean(value)
        if not typed:
            return ""
        try:
            return until_written(moment_in(typed, timezone.now()))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class NoteField(forms.CharField):
    """A line of text."""

    def clean(self, value: Any) -> str:
        return clean(" ".join(super().clean(value).split()), NOTE)


class NumberField(forms.CharField):
    """A number as somebody types it; what is dialled for it."""

    def clean(self, value: Any) -> str:
        typed = super().clean(value)
        number = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
        if number and not _DIALLABLE.fullmatch(number):
            raise ValidationError(
                _("“%(typed)s” is not a number: use digits, * and #, with a + only in front.") % {"typed": typed}
            )
        return number


@dataclass(frozen=True, slots=True)
class Wanted(Parameters):
    """A presence: `until` when it counts (empty: until it is set again), and a note."""

    state: str = parameter(forms.ChoiceField(choices=[(state, word) for state, _icon, word in CHOICES]))
    until: str = parameter(UntilField(required=False, max_length=40), default="")
    note: str = parameter(NoteField(required=False, max_length=NOTE), default="")


def _whole(user: User, holder: Holder, wanted: Wanted) -> Wanted:
    """Whoever is available is not back at a time."""
    if wanted.state == AVAILABLE and wanted.until:
        raise BadParameters(_("Whoever is available is not away until a time: leave the time empty."), "until")
    return wanted


_verb = partial(verb, target=HOLDER)


def _described(holder: Holder, wanted: Wanted) -> str:
    return f"{holder.extension}: {wanted.state}"


@_verb(
    "set-presence",
    gettext_lazy("Set the presence"),
    rule=Rule(SET_ANY, is_own, SET_OWN),
    parameters=Wanted,
    actions=[actions.setvar_global],
    feature=PRESENCE,
    prepare=_whole,
    describe=_described,
    done=lambda holder, wanted: _("The presence was set."),
    example={"state": "away", "until": "", "note": "At lunch"},
)
async def set_presence(ctx: CommandContext, holder: Holder, wanted: Wanted) -> Outcome:
    """`Setvar` of `PRESENCE_STATE`, and of `DEVICE_STATE(Custom:Presence…)`, to which any phone can subscribe."""
    said = Said(wanted.state, wanted.note, until_in(wanted.until))
    name = presentity_of(ctx.state, holder.extension)
    return await in_turn(
        ctx,
        actions.setvar_global(f"PRESENCE_STATE({name})", said.value),
        actions.setvar_global(f"DEVICE_STATE({device_of(holder.extension)})", DEVICES[wanted.state]),
    )


def device_of(extension: str) -> str:
    """The device whose state is that of a presence."""
    return f"Custom:Presence{extension}"


async def in_turn(ctx: CommandContext, *wanted: Action) -> Outcome:
    """Send these, each once the one before was done; the outcome of the last, or of the first that was not. To delete
    what is not there is no failure.
    """
    outcome = Outcome(Status.DONE)
    for action in wanted:
        outcome = await ctx.run(action)
        if outcome.status is Status.REFUSED and outcome.text == NOT_THERE:
            outcome = Outcome(Status.DONE, outcome.text)
        if outcome.status is Status.REFUSED and action.name == "Setvar":
            return Outcome(Status.NOT_POSSIBLE, NO_FUNCTION)
        if not outcome.done:
            break
    return outcome


# What the PBX does with calls.


def on_or_off() -> forms.ChoiceField:
    """What is thrown one way or the other."""
    return forms.ChoiceField(choices=[("on", gettext_lazy("on")), ("off", gettext_lazy("off"))])


@dataclass(frozen=True, slots=True)
class OnOff(Parameters):
    """Whether it is to be so."""

    on: str = parameter(on_or_off())


_forwards = partial(
    _verb,
    rule=Rule(FORWARD_ANY, is_own, SET_OWN),
    actions=[actions.db_put, actions.db_del, actions.setvar_global],
    feature=FORWARDING,
)


@_forwards(
    "do-not-disturb",
    gettext_lazy("Do not disturb at the PBX"),
    parameters=OnOff,
    describe=lambda holder, wanted: f"{holder.extension}: {wanted.on}",
    done=lambda holder, wanted: _("Do not disturb is on.") if wanted.on == "on" else _("Do not disturb is off."),
    example={"on": "on"},
)
async def do_not_disturb(ctx: CommandContext, holder: Holder, wanted: OnOff) -> Outcome:
    """`DBPut` or `DBDel` of its entry, and FreePBX's device state of it."""
    is_on = wanted.on == "on"
    return await _change(ctx, holder, "dnd", "YES" if is_on else "", f"Custom:DND{holder.extension}")


@dataclass(frozen=True, slots=True)
class Divert(Parameters):
    """Which calls go to which number; nowhere else where that is empty."""

    when: str = parameter(forms.ChoiceField(choices=[*DIVERTED.items()]))
    to: str = parameter(NumberField(required=False, max_length=limits.NUMBER), default="")


def _elsewhere(user: User, holder: Holder, wanted: Divert) -> Divert:
    if wanted.to == holder.extension:
        raise BadParameters(
            _("%(number)s is the extension itself: enter another number.") % {"number": wanted.to}, "to"
        )
    return wanted


def _refusal(user: User, holder: Holder, wanted: Divert) -> str:
    """Calls go nowhere that whoever forwards them may not call."""
    call = Call(number=wanted.to)
    part = dialling.refused_part(user, call) if wanted.to else None
    return dialling.sentence(dialling.policies_of(user), part, call) if part else ""


@_forwards(
    "forward",
    gettext_lazy("Forward calls"),
    parameters=Divert,
    prepare=_elsewhere,
    refusal=_refusal,
    describe=lambda holder, wanted: f"{holder.extension}, {wanted.when} → {wanted.to or '–'}",
    done=lambda holder, wanted: (
        _("Calls are forwarded to %(number)s.") % {"number": wanted.to}
        if wanted.to
        else _("Calls are no longer forwarded.")
    ),
    example={"when": "busy", "to": "102"},
)
async def forward(ctx: CommandContext, holder: Holder, wanted: Divert) -> Outcome:
    """`DBPut` or `DBDel` of its entry, and of all calls FreePBX's device state of it."""
    device = f"Custom:CF{holder.extension}" if wanted.when == "always" else ""
    return await _change(ctx, holder, wanted.when, wanted.to, device)


async def _change(ctx: CommandContext, holder: Holder, kind: str, value: str, device: str) -> Outcome:
    key = keys().get(kind)
    if key is None:
        return Outcome(Status.NOT_POSSIBLE, NO_KEY)
    entry = key.family, key.key(holder.extension)
    wanted = [actions.db_put(*entry, value) if value else actions.db_del(*entry)]
    if device:
        wanted.append(actions.setvar_global(f"DEVICE_STATE({device})", "BUSY" if value else "NOT_INUSE"))
    outcome = await in_turn(ctx, *wanted)
    ctx.state.request("forwarding", "")
    return outcome
