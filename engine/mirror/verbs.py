"""Verbs: what can be asked of a PBX. Each is declared once, next to the coroutine that carries it out in the worker.

    @verb(
        "mute", _("Mute"), PARTICIPANT, MODERATORS,
        actions=[actions.confbridge_mute], feature=MODERATION,
    )
    async def mute(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome: ...

From the declaration come its address and view (`web.commands`), the check of who may, the reading and refusal of
parameters, the label in the audit trail, the dispatch in the worker, what the doctor says the manager user needs for
it, and the lines of the test of who may not. What is declared is the only thing a handler may send: an action that is
not among `actions` raises `TypeError`.
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.utils.functional import Promise

from engine.ami.actions import action_of
from engine.ami.protocol import Action

from .commands import Command, Outcome, Status, run
from .envelopes import MalformedEnvelope, fitting
from .models import PBX, Mirrored

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from .context import CommandContext
    from .state import State

Label = str | Promise


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is asked with a verb: a dataclass of plain values, of which this one, for verbs without any, is the base.

    A field made by `parameter` is given by whoever asks. Every other field is filled in by the panel, such as the phone
    of whoever asks, and never read from what a browser sends.
    """


R = TypeVar("R")
P = TypeVar("P", bound=Parameters)
M = TypeVar("M", bound=Mirrored)


def parameter(form_field: forms.Field, **options: Any) -> Any:
    """A parameter that whoever asks gives, with the form field that reads it, or refuses it in a sentence."""
    return field(metadata={"field": form_field}, **options)


class BadParameters(ValueError):
    """What was given cannot be meant; the first argument is a sentence that says what to do, about this `field`."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class NotReady(Exception):
    """It cannot be asked yet by this user; the first argument is a sentence that says what is missing."""


def form_of(parameters: type[Parameters]) -> type[forms.Form]:
    """The form of the parameters that are given."""
    given = {entry.name: entry.metadata["field"] for entry in dataclasses.fields(parameters) if entry.metadata}
    return type(f"{parameters.__name__}Form", (forms.Form,), given)


def parameters_in(kind: type[P], data: Mapping[str, Any]) -> P:
    """The parameters that were given; `data` is what a form sends. Raises `BadParameters` with the first wrong one."""
    form = form_of(kind)(data)
    if not form.is_valid():
        field, sentences = next(iter(form.errors.items()))
        raise BadParameters(str(sentences[0]), field)
    return kind(**form.cleaned_data)


# Who may.


@dataclass(frozen=True, slots=True)
class Permission:
    """One that verbs ask for. `model` is the one that it stands with (`calls.channel`); `groups` have it at first."""

    model: str
    codename: str
    name: Label
    groups: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model.partition('.')[0]}.{self.codename}"


permissions: dict[str, Permission] = {}
"""Every declared permission, by its name as Django writes it: `calls.hangup_any`."""


def permission(model: str, codename: str, name: Label, groups: Collection[str]) -> str:
    """Declare a permission; returns its name as Django writes it. `migrate` makes it, and gives it to these groups
    when it is new: what an administrator changes afterwards stays.
    """
    declared = Permission(model, codename, name, tuple(groups))
    permissions[str(declared)] = declared
    return str(declared)


@dataclass(frozen=True)
class Rule(Generic[R]):
    """Who may: whoever has `permission`; and, where `is_own` says that the thing is the user's own, whoever has
    `own` (empty: everybody). In either case whoever has all of `also`.
    """

    permission: str
    is_own: Callable[["User", R], bool] | None = None
    own: str = ""
    also: tuple[str, ...] = ()

    def allows(self, user: "User", row: R | None) -> bool:
        """Whether this user may; of a thing that is gone (None), whether they might have."""
        if not all(user.has_perm(name) for name in self.also):
            return False
        if user.has_perm(self.permission):
            return True
        if self.is_own is None or (self.own and not user.has_perm(self.own)):
            return False
        return bool(self.own) if row is None else self.is_own(user, row)


# What it is about.


@dataclass(frozen=True)
class Target(Generic[R]):
    """A kind of thing that verbs are about, such as a call or a participant.

    `name` is that of its address, too, for `{% url %}`; `route` is the address up to the verb, with `<str:pbx>` and
    `<segment:key>`. `find` is the thing in the database, by PBX and key; `current` what it is now, in the worker's
    state; either is None where it is gone, which `gone` says in a sentence and `gone_answer` as Asterisk does.
    `describe` and `topic` are what the audit trail calls it, and can be asked for.
    """

    name: str
    route: str
    find: Callable[[str, str], R | None]
    current: Callable[["State", str], R | None]
    key_of: Callable[[R], str]
    pbx_of: Callable[[R], str]
    gone: Label
    gone_answer: str = "No such channel"
    describe: Callable[[R], str] = str
    topic: Callable[[R], str] = lambda row: ""


def target_of(model: type[M], name: str, route: str, gone: Label, **options: Any) -> Target[M]:
    """The target that is a row of a mirrored model, by its `key_field`; `options` are further fields of `Target`."""
    return Target(
        name,
        route,
        find=lambda pbx, key: model._default_manager.filter(pbx=pbx, **{model.key_field: key}).first(),
        current=lambda state, key: state.table(model).get(key),
        key_of=lambda row: row.key,
        pbx_of=lambda row: row.pbx_id,
        gone=gone,
        **options,
    )


def _find_pbx(pbx: str, key: str) -> PBX | None:
    return PBX.objects.filter(pk=pbx).first()


def _current_pbx(state: "State", key: str) -> PBX:
    return PBX(name=state.pbx)


# A PBX itself.
ON_PBX: Target[PBX] = Target(
    "pbx",
    "pbx/<str:pbx>/",
    find=_find_pbx,
    current=_current_pbx,
    key_of=lambda row: "",
    pbx_of=lambda row: row.name,
    gone="",
)


# What the manager user needs for it.


class Weight(StrEnum):
    """What it means when a feature does not work."""

    ESSENTIAL = "essential"
    """The panel is of little use."""
    USEFUL = "useful"
    """All else works."""
    ADMINISTRATIVE = "administrative"
    """Only administrators miss it, so the stanza for manager.conf does not ask for it."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of the panel, in words, with the actions that it sends and the events that it reads.

    `actions` are those beside the ones that its verbs declare.
    """

    title: str
    weight: Weight
    actions: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


# The verbs.

Handler = Callable[["CommandContext", R, P], Awaitable[Outcome]]
Builder = Callable[..., Action]


@dataclass(frozen=True, eq=False)
class Verb(Generic[R, P]):
    """One thing that can be asked. For what each means see `verb`."""

    name: str
    label: Label
    target: Target[R]
    rule: Rule[R]
    handler: Handler[R, P] | None
    parameters: type[P]
    actions: frozenset[str] | None
    may_send: frozenset[str] | None
    feature: Feature | None
    timeout: float
    path: str
    view: str
    places_call: bool
    describe: Callable[[R, P], str]
    topic: Callable[[R, P], str]
    prepare: Callable[["User", R, P], P] | None
    refusal: Callable[["User", R, P], str] | None
    done: Callable[[R, P], str] | None
    example: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.target.name}.{self.path}"

    def command(self, user_id: int, row: R, parameters: P | None = None, **options: Any) -> Command:
        """The command by which a user asks this; `options` are further fields of it, such as `id` or `subject`."""
        given = self.parameters() if parameters is None else parameters
        options.setdefault("subject", self.describe(row, given))
        options.setdefault("topic", self.topic(row, given))
        options.setdefault("timeout", self.timeout)
        return Command(self.target.pbx_of(row), self, self.target.key_of(row), given, user_id, **options)

    def ask(
        self,
        user: "User",
        row: R,
        parameters: P | None = None,
        refusal: Callable[[], str] | None = None,
        **options: Any,
    ) -> Outcome:
        """Ask this in a user's name, and wait for its outcome; for views. `refusal` stands for the declared one.

        Raises `PermissionDenied` where the user may not, and `NotReady`.
        """
        return run(*self.asked(user, row, parameters, refusal, **options))

    def asked(
        self,
        user: "User",
        row: R,
        parameters: P | Mapping[str, Any] | None = None,
        refusal: Callable[[], str] | None = None,
        **options: Any,
    ) -> tuple[Command, Callable[[], str] | None]:
        """The command, and why this user is refused it, as `run` and `CommandContext.give` take them. A mapping of
        parameters is what a form sends, which is read once the user may. Raises `PermissionDenied` where they may not,
        `BadParameters` and `NotReady`.
        """
        if not self.rule.allows(user, row):
            raise PermissionDenied
        if isinstance(parameters, Mapping):
            given = parameters_in(self.parameters, parameters)
        else:
            given = self.parameters() if parameters is None else parameters
        if self.prepare is not None:
            given = self.prepare(user, row, given)
        command = self.command(user.pk, row, given, **options)
        if refusal is None and self.refusal is not None:
            refusal = functools.partial(self.refusal, user, row, given)
        if refusal is None and self.places_call:
            raise TypeError(f"{self} places calls, so it needs a refusal by the dial policy.")
        return command, refusal

    def given(self, values: Mapping[str, Any]) -> P:
        """The parameters in an envelope. Raises `MalformedEnvelope`."""
        return fitting(self.parameters, values, str(self))

    async def carry_out(self, ctx: "CommandContext", key: str, parameters: P) -> Outcome:
        """In the worker: what the handler does with the thing as it is now. Raises `AmiError`."""
        if self.handler is None:
            raise TypeError(f"{self} is not carried out by the worker.")
        row = self.target.current(ctx.state, key)
        if row is None:
            return Outcome(Status.REFUSED, self.target.gone_answer)
        told = [witness(ctx, self, row, parameters) for witness in witnesses]
        outcome = await self.handler(ctx.only(self.may_send), row, parameters)
        for tell in told:
            tell(outcome)
        return outcome


# Called in the worker before a verb is carried out; what each returns is called with the outcome.
Witness = Callable[["CommandContext", Verb[Any, Any], Any, Any], Callable[[Outcome], None]]
witnesses: list[Witness] = []
verbs: dict[str, Verb[Any, Any]] = {}
"""Every verb, by what it is about and its address: `participant.mute`."""
_labels: dict[str, Label] = {}


def verb(
    name: str,
    label: Label,
    target: Target[R],
    rule: Rule[R],
    *,
    actions: Collection[Builder] | None = (),
    optional: Collection[Builder] = (),
    feature: Feature | None = None,
    timeout: float = 5.0,
    path: str = "",
    view: str = "",
    places_call: bool = False,
    describe: Callable[[R, P], str] | None = None,
    topic: Callable[[R, P], str] | None = None,
    prepare: Callable[["User", R, P], P] | None = None,
    refusal: Callable[["User", R, P], str] | None = None,
    done: Callable[[R, P], str] | None = None,
    example: Mapping[str, Any] | None = None,
    parameters: type[P] = Parameters,  # type: ignore[assignment]
) -> Callable[[Handler[R, P] | None], Verb[R, P]]:
    """Declare a verb, and what carries it out: command context, the thing that it is about, and parameters in;
    outcome out. It may raise `AmiError`: then no answer came.

    `name` is its word in the audit trail and the metrics, `label` what people read; `path` is the last part of its
    address, where that is not `name`. It is about `target`; `rule` says who may. `actions` are the builders of what it
    sends (None: anything), for the `feature` under which the doctor names them; `optional` those of what it may send,
    but can do without. It may take `timeout` seconds.

    `view`: the name of the address of a view of its own; without, the address of the target and the view of
    `web.commands` are its. `places_call`: it counts as a call of the user's dial policy. `describe`: what the audit
    trail calls whom or what it is about; `topic`: what it can be asked for there. `prepare`: fills in the parameters
    that the panel gives, and raises `NotReady` where it cannot. `refusal`: a rule of ours that forbids it, in a
    sentence, asked once the command is on record. `done`: a sentence that says it was done, where nothing else on the
    page shows that. `example`: parameters with which it can be asked.
    """

    def declare(handler: Handler[R, P] | None) -> Verb[R, P]:
        declared = Verb(
            name=name,
            label=label,
            target=target,
            rule=rule,
            handler=handler,
            parameters=parameters,
            actions=None if actions is None else frozenset(map(action_of, actions)),
            may_send=None if actions is None else frozenset(map(action_of, (*actions, *optional))),
            feature=feature,
            timeout=timeout,
            path=path or name,
            view=view,
            places_call=places_call,
            describe=describe or (lambda row, parameters: target.describe(row)),
            topic=topic or (lambda row, parameters: target.topic(row)),
            prepare=prepare,
            refusal=refusal,
            done=done,
            example=example or {},
        )
        if verbs.setdefault(str(declared), declared) is not declared:
            raise TypeError(f"{declared} is declared twice.")
        for_audit(name, label)
        return declared

    return declare


def for_audit(name: str, label: Label) -> str:
    """Declare the label of what the audit trail knows and nobody asks as a command; returns the name."""
    if str(_labels.setdefault(name, label)) != str(label):
        raise TypeError(f"{name!r} has two labels in the audit trail.")
    return name


def label_of(name: str) -> str:
    """What people read for a word of the audit trail: the word itself, where it is from an older version."""
    return str(_labels.get(name, name))


def placing_calls() -> list[str]:
    """The words, in the audit trail, of the verbs that count as a call."""
    return sorted({declared.name for declared in verbs.values() if declared.places_call})


def targets() -> list[Target[Any]]:
    """The targets of the verbs that have no view of their own."""
    return list({declared.target.name: declared.target for declared in verbs.values() if not declared.view}.values())


def addressed(target: Target[Any], path: str) -> Verb[Any, Any] | None:
    """The verb at an address of a target; None where there is none."""
    found = verbs.get(f"{target.name}.{path}")
    return found if found is not None and not found.view else None


def read(name: str, values: Mapping[str, Any]) -> tuple[Verb[Any, Any], Any]:
    """The verb and the parameters that an envelope names. Raises `MalformedEnvelope`."""
    found = verbs.get(name)
    if found is None:
        raise MalformedEnvelope(f"there is no verb {name!r}")
    return found, found.given(values)
