"""What the demo does with one end of a call: it is sent elsewhere, parked, picked up, taken over, listened to, refused.

What it tells of each is held against a real Asterisk in test_contract.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from engine.ami import actions
from engine.ami.protocol import Message
from engine.demo import DemoPbx
from engine.demo.switch.parking import SPACES

from .benches import quick_phones
from .test_demo import Operator, operating

pytestmark = [pytest.mark.timeout(60)]


@pytest.fixture
def pbx() -> DemoPbx:
    phones = quick_phones()
    # It rings long enough for whatever somebody else does meanwhile.
    return DemoPbx(seed=3, lively=False, phones={**phones, "101": replace(phones["101"], rings_for=5.0)})


@pytest.fixture
async def operator(pbx: DemoPbx) -> AsyncIterator[Operator]:
    async with operating(pbx) as session:
        yield session


async def talking(operator: Operator, number: str = "102") -> tuple[Message, Message]:
    """The caller's and the callee's channel of an answered call."""
    caller = await operator.dial(number)
    callee = await operator.event("BridgeEnter", CallerIDNum=number)
    await operator.event("BridgeEnter", Channel=caller.get("Channel"))
    operator.heard.clear()
    return caller, callee


async def ringing(operator: Operator, number: str = "101") -> tuple[Message, Message]:
    caller = await operator.dial(number)
    callee = await operator.event("Newstate", ChannelStateDesc="Ringing", CallerIDNum=number)
    operator.heard.clear()
    return caller, callee


async def runs(operator: Operator, application: str, data: str, phone: str = "PJSIP/103") -> str:
    """A phone is called for an application; its channel once it is up."""
    answer = await operator.ask(actions.originate_application(phone, application, data, timeout=10))
    assert answer.ok
    return (await operator.event("OriginateResponse", ActionID=answer.response.get("ActionID"))).get("Channel")


async def left(operator: Operator) -> dict[str, str]:
    """The channels that there are, and what each runs."""
    channels = await operator.list(actions.core_show_channels())
    return {channel.get("Channel"): channel.get("Application") for channel in channels}


@pytest.mark.parametrize("end", [0, 1])
async def test_one_end_of_a_call_is_sent_elsewhere_and_the_other_let_go(operator: Operator, end: int) -> None:
    both = await talking(operator)
    assert (await operator.ask(actions.redirect(both[end].get("Channel"), "internal", "602"))).ok
    await operator.event("Hangup", Channel=both[1 - end].get("Channel"), Cause="16")
    assert await left(operator) == {both[end].get("Channel"): "Wait"}


async def test_a_caller_is_sent_elsewhere_while_it_rings(operator: Operator) -> None:
    caller, callee = await ringing(operator)
    assert (await operator.ask(actions.redirect(caller.get("Channel"), "internal", "602"))).ok
    await operator.event("DialEnd", DestChannel=callee.get("Channel"), DialStatus="CANCEL")
    await operator.event("Hangup", Channel=callee.get("Channel"), Cause="16")
    assert await left(operator) == {caller.get("Channel"): "Wait"}


async def test_the_parker_hears_the_space_and_is_let_go(operator: Operator) -> None:
    caller, callee = await talking(operator)
    assert (await operator.ask(actions.park(caller.get("Channel"), callee.get("Channel")))).text == "Park successful"
    parked = await operator.event("ParkedCall")
    assert (parked.get("ParkingSpace"), parked.get("ParkerDialString")) == ("701", "PJSIP/102")
    assert callee.get("Channel") in await left(operator)
    await operator.event("Hangup", Channel=callee.get("Channel"))
    mine = await runs(operator, "ParkedCall", "default,701")
    await operator.event("BridgeEnter", Channel=mine)
    assert (await operator.event("UnParkedCall")).get("RetrieverChannel") == mine


async def test_a_parked_call_comes_back(operator: Operator, pbx: DemoPbx) -> None:
    caller, callee = await talking(operator)
    pbx.dialplan.park(pbx.switch.channels[caller.get("Channel")], 0.1, callee.get("Channel"))
    pbx.catch_up()
    assert (await operator.event("ParkedCallTimeOut")).get("ParkeeContext") == "park-dial"
    await operator.event("Newstate", ChannelStateDesc="Ringing", CallerIDNum="102")
    await operator.event("BridgeEnter", Channel=caller.get("Channel"), ConnectedLineNum="102")


async def test_a_full_lot_says_that_it_has_parked(operator: Operator, pbx: DemoPbx) -> None:
    for _space in SPACES:
        waiting = await runs(operator, "Wait", "60")
        pbx.dialplan.park(pbx.switch.channels[waiting], 60)
    caller, callee = await talking(operator)
    assert (await operator.ask(actions.park(caller.get("Channel"), callee.get("Channel")))).text == "Park successful"
    await operator.event("BridgeLeave", Channel=caller.get("Channel"))
    await operator.event("BridgeEnter", Channel=caller.get("Channel"))
    assert len(pbx.switch.parked) == len(SPACES)


async def test_a_call_is_picked_up(operator: Operator) -> None:
    caller, callee = await ringing(operator)
    mine = await runs(operator, "PickupChan", callee.get("Channel"))
    await operator.event("Hangup", Channel=callee.get("Channel"), Cause="26")
    assert await left(operator) == {caller.get("Channel"): "Dial", mine: "AppDial"}


async def test_a_phone_that_rings_for_its_own_user_is_picked_up(operator: Operator) -> None:
    await operator.ask(actions.originate("PJSIP/101", "internal", "602", timeout=10))
    rings = await operator.event("Newstate", ChannelStateDesc="Ringing")
    mine = await runs(operator, "PickupChan", rings.get("Channel"))
    await operator.event("Hangup", Channel=rings.get("Channel"), Cause="26")
    assert await left(operator) == {mine: "Wait"}


async def test_somebody_is_taken_over(operator: Operator) -> None:
    caller, callee = await talking(operator)
    mine = await runs(operator, "Bridge", callee.get("Channel"))
    await operator.event("Hangup", Channel=caller.get("Channel"), Cause="16")
    assert await left(operator) == {callee.get("Channel"): "AppDial", mine: "Bridge"}


async def test_whoever_listens_stays_until_the_channel_ends(operator: Operator) -> None:
    caller, callee = await talking(operator)
    uniqueid = caller.get("Uniqueid")
    mine, another = [await runs(operator, "ChanSpy", f"{uniqueid},uqES") for _spy in range(2)]
    await operator.event("ChanSpyStart", SpyerChannel=another, SpyeeUniqueid=uniqueid)
    await operator.ask(actions.hangup(mine))
    await operator.event("ChanSpyStop", SpyerChannel=mine)
    await operator.ask(actions.redirect(caller.get("Channel"), "internal", "602"))
    await operator.event("Hangup", Channel=callee.get("Channel"))
    assert another in await left(operator)
    await operator.ask(actions.hangup(caller.get("Channel")))
    await operator.event("Hangup", Channel=another, Cause="0")
    assert await left(operator) == {}


@pytest.mark.parametrize(
    ("application", "data"), [("PickupChan", "{0}"), ("Bridge", "PJSIP/109-0"), ("ChanSpy", "1.1,uqES")]
)
async def test_who_comes_too_late_is_let_go(operator: Operator, application: str, data: str) -> None:
    _caller, callee = await talking(operator)
    mine = await runs(operator, application, data.format(callee.get("Channel")))
    await operator.event("Hangup", Channel=mine, Cause="0")


async def test_a_phone_is_called_busy(operator: Operator) -> None:
    caller, callee = await ringing(operator)
    await operator.ask(actions.hangup(callee.get("Channel"), cause="17"))
    await operator.event("DialEnd", DialStatus="BUSY")
    assert await left(operator) == {caller.get("Channel"): "Dial"}
    # Whoever hears the tone cannot be sent elsewhere any more.
    answer = await operator.ask(actions.redirect(caller.get("Channel"), "internal", "602"))
    assert answer.text == "Redirect successful"
    await operator.event("Hangup", Channel=caller.get("Channel"), Exten="602", Cause="17")


@pytest.mark.parametrize(("digit", "answer"), [("5", "DTMF successfully queued"), ("", "No digit specified")])
async def test_keys_are_pressed(operator: Operator, digit: str, answer: str) -> None:
    caller, _callee = await talking(operator)
    assert (await operator.ask(actions.play_dtmf(caller.get("Channel"), digit, 150))).text == answer


@pytest.mark.parametrize(("place", "value"), [("internal,102,1", "1"), ("internal,12,1", "0"), ("nowhere,102,1", "0")])
async def test_whether_a_number_exists(operator: Operator, place: str, value: str) -> None:
    answer = await operator.ask(actions.getvar_global(f"DIALPLAN_EXISTS({place})"))
    assert answer.response.get("Value") == value
