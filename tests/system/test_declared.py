"""What a verb declares is all that its handler may send, over the link and in a session beside it."""

from dataclasses import replace

import pytest

from calls import variables
from calls.variables import Variable
from engine.ami import actions
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.verbs import Parameters, Verb, verbs
from system.console import commands as console
from system.doctor.commands import examine, examine_phone
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

NAME = "PANEL_UNDECLARED"


@pytest.fixture
def reads() -> frozenset[str]:
    """What reading a variable may send."""
    declared = variables.get.may_send
    assert declared is not None
    assert declared == {"Getvar", "Command"}
    return declared


async def value_of(ctx: CommandContext) -> str | None:
    return (await ctx.ask(actions.getvar_global(NAME))).response.get("Value")


async def test_what_is_not_declared_is_not_sent_over_the_link(
    asterisk: Asterisk, with_context: WithContext, reads: frozenset[str]
) -> None:
    setting = actions.setvar_global(NAME, "1")
    async with with_context(asterisk) as ctx:
        only = ctx.only(reads)
        assert (await only.ask(actions.getvar_global("EPOCH"))).ok
        for sending in (only.ask(setting), only.run(setting), only.run_all([setting])):
            with pytest.raises(TypeError, match="Setvar is not among the actions that this verb declares"):
                await sending
        # A step of it is not free of that, and the context that it was made of is as free as before.
        with pytest.raises(TypeError, match="Setvar"):
            await only.within(5).run(setting)
        assert await value_of(ctx) == ""
        assert (await ctx.ask(actions.ping())).ok


async def test_what_is_not_declared_is_not_sent_in_a_session_beside_the_link(
    asterisk: Asterisk, with_context: WithContext, reads: frozenset[str]
) -> None:
    setting = actions.setvar_global(NAME, "1")
    async with with_context(asterisk) as ctx:
        async with ctx.only(reads).aside() as session:
            assert (await session.ask(actions.getvar_global("EPOCH"), timeout=5)).ok
            with pytest.raises(TypeError, match="Setvar is not among the actions"):
                await session.ask(setting, timeout=5)
            assert (await session.ask(actions.command("core show version"), timeout=5)).ok, "it goes on"
        with pytest.raises(TypeError, match="Setvar is not among the actions"):
            await ctx.only(reads).reply_to(setting)
        assert await value_of(ctx) == ""
        async with ctx.aside() as session:  # of no verb
            assert (await session.ask(actions.ping(), timeout=5)).ok


async def test_a_verb_is_carried_out_with_what_it_declares(asterisk: Asterisk, with_context: WithContext) -> None:
    async def over_the_link(ctx: CommandContext, pbx: PBX, wanted: Variable) -> Outcome:
        assert pbx.name == "main"
        return await ctx.run(actions.setvar_global(wanted.name, wanted.value))

    async def beside_it(ctx: CommandContext, pbx: PBX, wanted: Variable) -> Outcome:
        return await ctx.reply_to(actions.setvar_global(wanted.name, wanted.value))

    wanted = Variable("", NAME, "1")
    async with with_context(asterisk) as ctx:
        for handler in (over_the_link, beside_it):
            with pytest.raises(TypeError, match="Setvar is not among the actions"):
                await replace(variables.get, handler=handler).carry_out(ctx, "", wanted)
            assert await value_of(ctx) == ""
        # One that declares it sends it; and one that declares that it sends anything, anything.
        anything = console.AnyAction("Setvar", [["Variable", NAME], ["Value", "2"]])
        try:
            assert (await replace(variables.set_, handler=over_the_link).carry_out(ctx, "", wanted)).done
            assert await value_of(ctx) == "1"
            assert (await console.send.carry_out(ctx, "", anything)).done
            assert await value_of(ctx) == "2"
        finally:
            await ctx.ask(actions.setvar_global(NAME, ""))


async def test_the_examination_is_none_of_the_workers(asterisk22: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk22) as ctx:
        for verb in (examine, examine_phone):
            with pytest.raises(TypeError, match="not carried out by the worker"):
                await verb.carry_out(ctx, "", Parameters())


def test_only_one_verb_sends_anything() -> None:
    assert {str(verb) for verb in verbs.values() if verb.actions is None} == {"pbx.action"}
    assert all((verb.may_send is None) == (verb.actions is None) for verb in verbs.values())


def test_what_a_verb_needs_is_named_by_the_doctor() -> None:
    """But for what newer versions have no more."""

    def is_named(verb: Verb[object, Parameters]) -> bool:
        return verb.feature is not None or not verb.actions

    assert {str(verb) for verb in verbs.values() if not is_named(verb)} == {
        "channel.monitor", "channel.stop-monitor", "channel.change-monitor", "channel.pause-monitor",
        "channel.unpause-monitor",
    }  # fmt: skip
