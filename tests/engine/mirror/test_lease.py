"""Of several workers one leads, and only that one writes."""

import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from calls.models import Channel
from engine.mirror import store
from engine.mirror.lease import Lease, LeaseLost
from engine.mirror.models import LEASE, PBX

from .events import Told

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def pbx() -> PBX:
    return PBX.objects.create(name="main")


def lapse() -> None:
    """As if the leader had been silent for longer than its lease."""
    PBX.objects.update(seen_at=timezone.now() - LEASE - timedelta(seconds=1))


def test_the_first_leads_and_the_second_stands_by() -> None:
    first, second = Lease("main", "first"), Lease("main", "second")
    assert not first.is_held
    assert first.take(version="22")
    assert first.is_held
    assert not second.take(version="16")
    assert not second.is_held
    stored = PBX.objects.get()
    assert (stored.leader, stored.version) == ("first", "22")


def test_a_lease_that_lapsed_goes_to_another_and_the_first_cannot_renew_it() -> None:
    first, second = Lease("main", "first"), Lease("main", "second")
    first.take()
    lapse()
    assert second.take()
    with pytest.raises(LeaseLost):
        first.renew(version="22")
    assert not first.is_held
    assert PBX.objects.get().version == ""


def test_a_renewed_lease_does_not_lapse() -> None:
    first, second = Lease("main", "first"), Lease("main", "second")
    first.take()
    lapse()
    first.renew(version="22")
    assert not second.take()
    assert PBX.objects.get().version == "22"


def test_a_lease_that_was_given_back_is_free_at_once() -> None:
    first, second = Lease("main", "first"), Lease("main", "second")
    first.take()
    first.release()
    assert not first.is_held
    assert second.take()
    first.release()
    assert PBX.objects.get().leader == "second"


def test_a_leader_who_slept_knows_by_himself_that_his_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Lease("main", "first")
    first.take()
    later = time.monotonic() + LEASE.total_seconds()
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not first.is_held


def test_what_a_former_leader_writes_is_void() -> None:
    first, second = Lease("main", "first"), Lease("main", "second")
    first.take()
    lapse()
    second.take()
    told = Told()
    told.channel_event("Newchannel")

    def tick() -> None:
        with transaction.atomic():
            first.renew()
            store.write(told.state.take())

    with pytest.raises(LeaseLost):
        tick()
    assert not Channel.objects.exists()


def test_a_pbx_is_forgotten_on_request_unless_it_is_led() -> None:
    first = Lease("main", "first")
    first.take()
    with pytest.raises(CommandError, match="A worker holds main"):
        call_command("amiforget", "main")
    first.release()
    call_command("amiforget", "main")
    assert not PBX.objects.exists()
    with pytest.raises(CommandError, match="There is no PBX “main”"):
        call_command("amiforget", "main")


def test_nobody_leads_a_pbx_that_left_the_panel() -> None:
    first = Lease("main", "first")
    first.take()
    PBX.objects.all().delete()
    with pytest.raises(LeaseLost):
        first.renew()
