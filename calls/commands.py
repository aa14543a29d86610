"""What the worker does with calls for a user: click-to-call, and hanging up."""

import asyncio
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from engine.ami import actions
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.registry import command_handler
from engine.mirror.state import State

from . import placed
from .call import Call, calls_of
from .events import own_caller_id
from .models import Bridge, Channel, ParkedCall

# How long the user's own phone may ring before a click-to-call gives up, in seconds.
RING_TIMEOUT = 30.0
# How soon the other ends of a call usually follow the one that was hung up, in seconds.
FOLLOWS_WITHIN = 0.3
# As Asterisk says it.
NO_CHANNEL = Outcome(Status.REFUSED, "No such channel")


def call_of(state: State, linkedid: str) -> Call | None:
    """The call of this linked id, as it is now."""
    channels = [row for row in state.table(Channel).rows.values() if row.call == linkedid]
    bridges, parked = state.table(Bridge).rows.values(), state.table(ParkedCall).rows.values()
    return next(iter(calls_of(channels, bridges, parked)), None)


@command_handler("calls.hangup-channel")
async def hangup_channel(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`Hangup` of one leg, by its `uniqueid`."""
    channel = ctx.state.table(Channel).get(parameters["uniqueid"])
    return NO_CHANNEL if channel is None else await ctx.run(actions.hangup(channel.name))


@command_handler("calls.hangup")
async def hangup(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`Hangup` of every end of the call of a `linkedid`: the first, and then those that do not go with it.

    That an end has gone by itself meanwhile is no failure, if any was there.
    """
    call = call_of(ctx.state, parameters["linkedid"])
    if call is None:
        return NO_CHANNEL
    first, *others = call.hangup_targets
    outcomes = [await ctx.run(actions.hangup(first.name))]
    left = await _left_of(ctx.state, others)
    outcomes += await ctx.run_all(actions.hangup(channel.name) for channel in left)
    return next((outcome for outcome in outcomes if outcome.done), outcomes[0])


async def _left_of(state: State, channels: list[Channel]) -> list[Channel]:
    """Those that are still there once the others had time to go."""
    table = state.table(Channel)
    until = asyncio.get_running_loop().time() + FOLLOWS_WITHIN
    while left := [channel for channel in channels if table.get(channel.uniqueid) is channel]:
        if asyncio.get_running_loop().time() > until:
            break
        await asyncio.sleep(0.01)
    return left


@command_handler("calls.originate")
async def originate(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`Originate`: the phone `endpoint` rings first; once it answers, `number` is dialled in `context`.

    The phone shows whom it is calling as its connected line. The caller ID of the channel stays what Asterisk gives to
    that endpoint, so the far side sees the same as if the number had been dialled by hand; only where the endpoint has
    none, `extension` stands in. What becomes of it comes later, as notices (see `placed`).
    """
    endpoint, number = parameters["endpoint"], parameters["number"]
    uniqueids = placed.new_uniqueids(timezone.now())
    action = actions.originate(
        endpoint,
        parameters["context"],
        number,
        timeout=RING_TIMEOUT,
        uniqueids=uniqueids if endpoint.startswith("Local/") else (uniqueids[0], ""),
        variables=[("CONNECTEDLINE(num)", number)],
    )
    action = await own_caller_id(ctx.session, action, endpoint, parameters["extension"])
    calls = ctx.state.memory(placed.PlacedCalls)
    calls.begin(uniqueids[0], ctx.user_id, ctx.command_id, number)
    outcome = outcome_of(await ctx.session.ask(action, timeout=ctx.left, action_id=uniqueids[0]))
    if not outcome.done:
        calls.forget(uniqueids[0])
    return outcome
