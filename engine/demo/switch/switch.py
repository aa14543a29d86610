"""The switch itself: what it holds, and a table of what it can do."""

import itertools
import random
from collections.abc import Callable

from ..model import Bridge, Channel, Conference, Emit, ParkedCall
from ..states import States
from . import bridges, calls, channels, conferences, hangup, local, parking, places, recordings, spying, transfers


class Switch:
    """All channels, bridges and conferences of one PBX.

    `emit` is called with each event: its name, and its fields after `Privilege`. `now` gives seconds since the epoch.
    Raises `IllegalTransition` where a method is called for what a PBX could not do.
    """

    def __init__(self, emit: Emit, now: Callable[[], float], chance: random.Random) -> None:
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.conferences: dict[str, Conference] = {}
        self.parked: dict[int, ParkedCall] = {}
        self.parking_bridge: Bridge | None = None
        self.calls_processed = 0
        self.now = now
        self.states = States(emit)
        self.emit, self.chance = emit, chance
        self.uniqueids, self.pjsip_numbers, self.local_numbers = (itertools.count() for _ in range(3))
        self.optimizations, self.recorders = itertools.count(), itertools.count()

    # Each duty is a module of functions that take the switch first. Here they become its methods; its modules call
    # them as such too, and so none has to import one that stands above it.

    new_channel = channels.new_channel
    is_known = channels.is_known
    hidden = channels.hidden
    change_state = channels.change_state
    set_caller = channels.set_caller
    set_connected = channels.set_connected
    introduce = channels.introduce
    set_account_code = channels.set_account_code
    press = channels.press
    user_event = channels.user_event

    run = places.run
    begin = places.begin
    leave_dialplan = places.leave_dialplan
    step_aside = places.step_aside

    dial = calls.dial
    ring = calls.ring
    begin_dial = calls.begin_dial
    end_dial = calls.end_dial
    stop_dialling = calls.stop_dialling
    refuse = calls.refuse
    answer = calls.answer
    connect = calls.connect
    pick_up = calls.pick_up
    take_place = calls.take_place
    hold = calls.hold
    unhold = calls.unhold

    new_local = local.new_local
    dial_local = local.dial_local
    copy_to_twin = local.copy_to_twin
    optimize = local.optimize

    bridge = bridges.bridge
    take = bridges.take
    join_call = bridges.join_call
    merge = bridges.merge

    redirect = transfers.redirect
    redirect_both = transfers.redirect_both
    blind_transfer = transfers.blind_transfer
    consult = transfers.consult

    park = parking.park
    begin_to_park = parking.begin_to_park
    come_back = parking.come_back
    unpark = parking.unpark
    parking_times_out = parking.parking_times_out

    join = conferences.join
    begin_to_join = conferences.begin_to_join
    finish_joining = conferences.finish_joining
    leave = conferences.leave
    kick = conferences.kick
    mute = conferences.mute
    speak = conferences.speak
    lock = conferences.lock
    record = conferences.record
    show_video_of = conferences.show_video_of

    spy = spying.spy

    begin_recording = recordings.begin_recording
    end_recording = recordings.end_recording
    mute_recordings = recordings.mute_recordings

    hang_up = hangup.hang_up
    put_down = hangup.put_down
    leave_alone = hangup.leave_alone
    go_on = staticmethod(hangup.go_on)
    end_dialplan = hangup.end_dialplan
    leave_bridge = hangup.leave_bridge
