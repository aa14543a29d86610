"""A verb is what it is declared to be: who may, which parameters, what it may send."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.protocol import Action, Message
from engine.mirror import verbs
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.envelopes import MalformedEnvelope
from engine.mirror.models import PBX
from engine.mirror.state import State
from engine.mirror.verbs import ON_PBX, BadParameters, NotReady, Parameters, Rule, Verb, parameter, parameters_in, verb


class Somebody:
    """A user with some permissions."""

    pk = 7

    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    def has_perm(self, name: str) -> bool:
        return name in self.permissions


def user(*permissions: str) -> User:
    return cast(User, Somebody(*permissions))


class Link:
    """A session that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def ask(self, action: Action, **options: Any) -> Answer:
        self.sent.append(action.name)
        return Answer(Message(b"Response: Success\r\nMessage: Done"), [])


def context(link: Link) -> CommandContext:
    return CommandContext(cast(Session, link), State("main"), 7, time.time() + 5)


@dataclass(frozen=True, slots=True)
class Pause(Parameters):
    member: str = parameter(forms.CharField(max_length=5, error_messages={"required": "Enter a member."}))
    times: int = parameter(forms.IntegerField(min_value=1), default=1)
    phone: str = ""


MAIN = PBX(name="main")
Declare = Callable[..., Verb[PBX, Any]]


@pytest.fixture
def declare() -> Iterator[Declare]:
    """Declares verbs that are gone after the test."""
    before, labels = dict(verbs.verbs), dict(verbs._labels)

    def declare(handler: Any = None, name: str = "pause", **options: Any) -> Verb[PBX, Any]:
        rule = options.pop("rule", Rule("calls.pause"))
        return verb(name, "Pause", ON_PBX, rule, **options)(handler)

    yield declare
    verbs.verbs.clear()
    verbs.verbs.update(before)
    verbs._labels.clear()
    verbs._labels.update(labels)


# What it may send.


async def test_an_action_that_is_not_declared_is_not_sent(declare: Declare) -> None:
    async def handler(ctx: CommandContext, pbx: PBX, wanted: Parameters) -> Outcome:
        await ctx.run(actions.ping())
        return await ctx.run(actions.reload())

    link = Link()
    pause = declare(handler, actions=[actions.ping])
    with pytest.raises(TypeError, match="Reload is not among the actions"):
        await pause.carry_out(context(link), "", Parameters())
    assert link.sent == ["Ping"]
    optional = declare(handler, "optional", actions=[actions.ping], optional=[actions.reload])
    assert (await optional.carry_out(context(link), "", Parameters())).done
    anything = declare(handler, "anything", actions=None)
    assert (await anything.carry_out(context(link), "", Parameters())).done
    assert link.sent == ["Ping", *["Ping", "Reload"] * 2]


async def test_what_is_gone_is_refused_as_asterisk_would_and_nothing_is_sent(declare: Declare) -> None:
    async def handler(ctx: CommandContext, pbx: PBX, wanted: Parameters) -> Outcome:
        return await ctx.run(actions.ping())

    link = Link()
    pause = replace(declare(handler, actions=[actions.ping]), target=replace(ON_PBX, current=lambda state, key: None))
    assert await pause.carry_out(context(link), "", Parameters()) == Outcome(Status.REFUSED, "No such channel")
    assert link.sent == []


async def test_a_verb_without_a_handler_is_not_for_the_worker(declare: Declare) -> None:
    with pytest.raises(TypeError, match="not carried out by the worker"):
        await declare().carry_out(context(Link()), "", Parameters())


# Parameters.


def test_parameters_are_read_from_a_form_and_what_the_panel_fills_in_is_not() -> None:
    assert parameters_in(Pause, {"member": "102", "times": "3", "phone": "PJSIP/666"}) == Pause("102", 3, "")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"times": "1"}, "Enter a member."),
        ({"member": "102", "times": "0"}, "greater than or equal to 1"),
        ({"member": "x" * 6, "times": "1"}, "at most 5 characters"),
        ({"member": "a\0b", "times": "1"}, "Null characters"),
    ],
)
def test_bad_parameters_are_refused_in_a_sentence(data: dict[str, str], says: str) -> None:
    with pytest.raises(BadParameters, match=says):
        parameters_in(Pause, data)


def test_what_an_envelope_holds_is_read_by_type(declare: Declare) -> None:
    pause = declare(parameters=Pause)
    assert verbs.read("pbx.pause", {"member": "102", "times": 2, "phone": ""}) == (pause, Pause("102", 2))


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("pbx.pauze", {}, "there is no verb 'pbx.pauze'"),
        ("pbx.pause", {}, "missing 1 required positional argument: 'member'"),
        ("pbx.pause", {"member": 102}, "'member' of pbx.pause is 102"),
        ("pbx.pause", {"member": "102", "times": True}, "'times' of pbx.pause is True"),
        ("pbx.pause", {"member": "102", "secret": "x"}, "unexpected keyword argument 'secret'"),
    ],
)
def test_what_is_not_of_its_type_is_refused_with_what_is_wrong(
    declare: Declare, name: str, values: dict[str, Any], says: str
) -> None:
    declare(parameters=Pause)
    with pytest.raises(MalformedEnvelope, match=says):
        verbs.read(name, values)


# Who may.


@pytest.mark.parametrize(
    ("has", "own", "gone"),
    [((), False, False), (("any",), True, True), (("mine",), True, True), (("mine", "any"), True, True)],
)
def test_who_may_with_what_is_their_own(has: tuple[str, ...], own: bool, gone: bool) -> None:
    rule = Rule[PBX]("any", lambda user, row: row.name == "main", "mine")
    assert rule.allows(user(*has), MAIN) is own
    assert rule.allows(user(*has), PBX(name="other")) is ("any" in has)
    assert rule.allows(user(*has), None) is gone


def test_what_is_their_own_may_need_no_permission_and_what_is_gone_is_nobodys() -> None:
    rule = Rule[PBX]("any", lambda user, row: row.name == "main")
    assert rule.allows(user(), MAIN)
    assert not rule.allows(user(), PBX(name="other"))
    assert not rule.allows(user(), None)


def test_all_of_the_further_permissions_are_needed_in_any_case() -> None:
    rule = Rule[PBX]("any", lambda user, row: True, also=("call",))
    assert not rule.allows(user("any"), MAIN)
    assert not rule.allows(user(), MAIN)
    assert rule.allows(user("call"), MAIN)


def test_nobody_asks_what_they_may_not(declare: Declare) -> None:
    pause = declare()
    with pytest.raises(PermissionDenied):
        pause.asked(user(), MAIN)
    command, refusal = pause.asked(user("calls.pause"), MAIN)
    assert (command.verb, command.user_id, command.subject, refusal) == (pause, 7, "main", None)


def test_who_may_not_is_not_even_told_what_is_missing(declare: Declare) -> None:
    def prepare(user: User, pbx: PBX, given: Pause) -> Pause:
        raise NotReady("No phone.")

    pause = declare(parameters=Pause, prepare=prepare)
    with pytest.raises(PermissionDenied):
        pause.asked(user(), MAIN, Pause("102"))
    with pytest.raises(NotReady, match=r"No phone\."):
        pause.asked(user("calls.pause"), MAIN, Pause("102"))


def test_what_the_panel_fills_in_reaches_the_command_and_its_refusal(declare: Declare) -> None:
    pause = declare(
        parameters=Pause,
        prepare=lambda user, pbx, given: replace(given, phone="PJSIP/101"),
        refusal=lambda user, pbx, given: f"Not {given.member} from {given.phone}.",
    )
    command, refusal = pause.asked(user("calls.pause"), MAIN, Pause("102"))
    assert command.parameters == Pause("102", 1, "PJSIP/101")
    assert refusal is not None
    assert refusal() == "Not 102 from PJSIP/101."


def test_what_places_a_call_is_never_asked_without_the_dial_policy(declare: Declare) -> None:
    with pytest.raises(TypeError, match="dial policy"):
        declare(places_call=True).asked(user("calls.pause"), MAIN)


# Names.


def test_two_verbs_have_no_address_in_common_and_one_word_has_one_label(declare: Declare) -> None:
    declare()
    with pytest.raises(TypeError, match=r"pbx\.pause is declared twice"):
        declare()
    with pytest.raises(TypeError, match="two labels"):
        verbs.for_audit("pause", "Halt")
    assert verbs.label_of("pause") == "Pause"
    assert verbs.label_of("of-an-older-version") == "of-an-older-version"
