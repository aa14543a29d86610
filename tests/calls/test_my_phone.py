"""What the bar of my phone says of a call."""

import pytest

from calls.models import Bridge, Channel
from calls.my_phone import calls_at
from tests.access import people

pytestmark = pytest.mark.django_db


def test_a_call_that_the_telephone_itself_holds_is_on_hold_there_and_not_at_the_other_end() -> None:
    people.pbx()
    people.channel("1.1", "PJSIP/101", caller_name="Anna")
    people.channel("1.2", "PJSIP/102", "1.1", caller_name="Ben")
    Bridge.objects.create(pbx_id="main", uniqueid="b", kind="basic")
    Channel.objects.update(bridge="b")
    Channel.objects.filter(uniqueid="1.1").update(on_hold=True)
    endpoints = ["PJSIP/101", "PJSIP/102"]
    holder, held = (calls_at("main", endpoints)[endpoint][0] for endpoint in endpoints)
    assert (holder.does, held.does) == ("On hold", "Talking")
    assert (holder.has_held, held.has_held) == (True, False)
