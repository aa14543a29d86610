"""Somebody who is busy is called when both are free: what is waited for, for how long, and what becomes of it."""

import time
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from accounts.models import Profile
from calls import camping
from calls.camping import Wanted, WantedOfChannel
from calls.models import CampOn, Channel
from engine.ami.client import Session
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from engine.mirror.verbs import Parameters, Verb
from extensions.models import Device, Extension
from tests.access import people

FOR_102 = Wanted("102", "PJSIP/101", "101", "internal")


class Desk:
    """What the worker knows: 101 is mine, and 102, who has a hint, talks."""

    def __init__(self) -> None:
        self.state = State("main")
        self.state.table(Device).add("PJSIP/101", state="NOT_INUSE")
        self.state.table(Extension).add("102@internal", extension="102", context="internal", state=1, text="InUse")
        self.state.take()

    async def give(self, verb: Verb[Any, Any], key: str, parameters: Parameters) -> Outcome:
        ctx = CommandContext(cast(Session, None), self.state, 7, time.time() + 5, command_id="c")
        return await verb.carry_out(ctx, key, parameters)

    async def wait_for_102(self) -> CampOn:
        assert (await self.give(camping.camp_on, "", FOR_102)).done
        (row,) = self.state.table(CampOn).rows.values()
        return row

    def free_102(self) -> None:
        table = self.state.table(Extension)
        table.change(table.rows["102@internal"], state=0)

    @property
    def asked_for(self) -> set[tuple[str, str]]:
        """What the clock asks to be done."""
        camping.look(self.state)
        return {job for job in self.state.jobs if job[0] == "camp-on"}

    @property
    def told(self) -> list[str]:
        return [camping.told(parameters).text for _user, _code, parameters in self.state.notices]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_the_call_is_asked_for_when_both_are_free(desk: Desk) -> None:
    row = await desk.wait_for_102()
    assert (row.phone, row.number, row.context, row.user_id) == ("PJSIP/101", "102", "internal", 7)
    assert desk.asked_for == set()
    devices = desk.state.table(Device)
    devices.change(devices.rows["PJSIP/101"], state="INUSE")
    desk.free_102()
    assert desk.asked_for == set()
    devices.change(devices.rows["PJSIP/101"], state="NOT_INUSE")
    assert desk.asked_for == {("camp-on", row.code)}


async def test_a_phone_without_a_hint_is_free_when_its_device_is(desk: Desk) -> None:
    desk.state.table(Device).add("PJSIP/103", state="RINGING")
    assert (await desk.give(camping.camp_on, "", Wanted("103", "PJSIP/101", "101", "internal"))).done
    assert desk.asked_for == set()
    desk.state.table(Device).change(desk.state.table(Device).rows["PJSIP/103"], state="NOT_INUSE")
    assert len(desk.asked_for) == 1


async def test_my_own_phone_of_which_no_device_tells_is_free_without_a_channel(desk: Desk) -> None:
    assert (await desk.give(camping.camp_on, "", Wanted("102", "SIP/9", "9", "internal"))).done
    desk.free_102()
    desk.state.table(Channel).add("1.1", name="SIP/9-1", endpoint="SIP/9", created_at=desk.state.now())
    assert desk.asked_for == set()
    desk.state.table(Channel).remove("1.1")
    assert len(desk.asked_for) == 1


async def test_whoever_is_at_a_channel_is_waited_for_by_their_number(desk: Desk) -> None:
    now = desk.state.now()
    desk.state.table(Channel).add("2.1", name="PJSIP/102-1", endpoint="PJSIP/102", caller_number="102", created_at=now)
    wanted = WantedOfChannel("102", "PJSIP/101", "101", "internal")
    assert (await desk.give(camping.camp_on_channel, "2.1", wanted)).done
    assert [row.number for row in desk.state.table(CampOn).rows.values()] == ["102"]


async def test_what_cannot_be_waited_for_is_said(desk: Desk) -> None:
    async def refused(number: str) -> str:
        outcome = await desk.give(camping.camp_on, "", Wanted(number, "PJSIP/101", "101", "internal"))
        assert outcome.status is Status.NOT_POSSIBLE
        return outcome.text

    assert await refused("0401") == "Nothing tells when this number is free: it has no hint, and is no phone."
    await desk.wait_for_102()
    assert await refused("102") == "You are waiting for this number already."
    for number in range(103, 107):
        desk.state.table(Device).add(f"PJSIP/{number}", state="INUSE")
        assert (await desk.give(camping.camp_on, "", Wanted(str(number), "PJSIP/101", "101", "internal"))).done
    assert await refused("107") == "You are waiting for five numbers already: take one back first."


async def test_what_is_taken_back_is_not_done(desk: Desk) -> None:
    row = await desk.wait_for_102()
    assert (await desk.give(camping.take_back, row.code, Parameters())).done
    desk.free_102()
    assert desk.asked_for == set()
    outcome = await desk.give(camping.take_back, row.code, Parameters())
    assert outcome.status is Status.REFUSED


async def test_nobody_is_waited_for_longer_than_half_an_hour(desk: Desk) -> None:
    row = await desk.wait_for_102()
    row.started_at -= camping.LASTS
    assert desk.asked_for == set()
    assert not desk.state.table(CampOn).rows
    assert desk.told == ["102 was not free within half an hour, and is not waited for any more."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["another phone", "no permission", "is gone"])
async def test_who_may_not_call_any_more_does_not_and_is_told(desk: Desk, change: str) -> None:
    def change_it() -> User:
        user = people.person("Operator")
        if change == "another phone":
            Profile.objects.update(endpoint="PJSIP/105")
        elif change == "no permission":
            user.groups.clear()
        else:
            User.objects.update(is_active=False)
        return user

    user = await sync_to_async(change_it)()
    row = await desk.wait_for_102()
    row.user_id = user.pk
    ctx = CommandContext(cast(Session, None), desk.state, 0, time.time() + 5)
    await camping.call_both(ctx, row.code)
    assert not desk.state.table(CampOn).rows
    assert desk.told == ["102 is free, but you may not call it now: your phone or what you may dial has changed."]
    await camping.call_both(ctx, row.code)  # it was asked for twice
    assert len(desk.told) == 1
