"""What makes the demo lively: people who call each other, hold, hang up, talk in turns in three conferences, raise
their hands there, and say when they are away.
"""

import random
from collections.abc import Sequence

from .dialplan import CONTEXT, HAND_KEY, MUTE_KEY, Dialplan
from .fixtures import OUTSIDERS, OWN_NUMBER, SAYINGS, Phone, hint_of
from .model import Channel, Conference, Member, State
from .schedule import Schedule
from .states import PRESENCE_PROVIDER

CONFERENCES = ("8001", "8002", "8003")
FEWEST_MEMBERS, MOST_MEMBERS = 4, 9
# How many calls go on at a time.
CALLS = 8
# What the chances below count in: so often somebody does something, in seconds.
BEAT = 1.0
# How long it holds what somebody says about being there, in seconds.
SAYING_SECONDS = 40.0

END_CALL, CANCEL_CALL, HOLD, UNHOLD = 1 / 50, 1 / 60, 1 / 70, 1 / 8
NEXT_SPEAKER, PAUSE, JOIN, LEAVE, MUTE_SELF, UNMUTE_SELF = 1 / 4, 1 / 12, 1 / 25, 1 / 30, 1 / 40, 1 / 15
RAISE_HAND, LOWER_HAND, MOST_HANDS = 1 / 45, 1 / 40, 3


class Simulator:
    """Moves the people of the demo, one beat after the other. It touches only the channels that it has made."""

    def __init__(
        self, dialplan: Dialplan, schedule: Schedule, chance: random.Random, outsiders: Sequence[Phone] = OUTSIDERS
    ) -> None:
        self._dialplan, self._switch, self._schedule, self._chance = dialplan, dialplan.switch, schedule, chance
        self._outsiders = outsiders
        self._calls: list[Channel] = []
        self._members: list[Channel] = []
        # Those who have muted themselves unmute themselves later; one whom a moderator has muted does not.
        self._muted_themselves: set[Channel] = set()
        # Who has raised a hand, and when.
        self._hands: dict[Channel, float] = {}

    def begin(self) -> None:
        """Start now, and go on for as long as the schedule is moved."""
        for number in SAYINGS:
            self._switch.states.add_hint(number, CONTEXT, hint_of(number), replace=True)
        self._tell_presence(0)
        for name in CONFERENCES:
            self._switch.states.add_hint(name, CONTEXT, f"confbridge:{name}")
            for place in range(self._chance.randint(FEWEST_MEMBERS + 1, MOST_MEMBERS - 2)):
                self._send_to_conference(name, admin=place == 0)
        self._beat()

    def _beat(self) -> None:
        self._calls = [channel for channel in self._calls if not channel.is_gone]
        self._members = [channel for channel in self._members if not channel.is_gone]
        self._muted_themselves = {channel for channel in self._muted_themselves if not channel.is_gone}
        self._hands = {channel: since for channel, since in self._hands.items() if channel.member is not None}
        for call in self._calls:
            self._go_on(call)
        if len(self._calls) < CALLS and self._happens(1 / 3):
            self._start_call()
        # And in whatever room somebody has put them.
        others = [name for name in self._switch.conferences if name not in CONFERENCES]
        for name in (*CONFERENCES, *others):
            self._meet(name)
        self._schedule.later(BEAT * self._chance.uniform(0.6, 1.4), self._beat)

    def _tell_presence(self, turn: int) -> None:
        """Each of those who tell whether they are there says the next thing."""
        for number, sayings in SAYINGS.items():
            self._switch.states.set_presence(f"{PRESENCE_PROVIDER}{number}", sayings[turn % len(sayings)])
        self._schedule.later(SAYING_SECONDS, lambda: self._tell_presence(turn + 1))

    # Calls.

    def _start_call(self) -> None:
        phones = self._idle_phones()
        if len(phones) < 2:
            return
        caller, callee = self._chance.sample(phones, 2)
        kind = self._chance.random()
        if kind < 0.5:
            caller = self._idle_outsider()
        number = self._idle_outsider().number if kind > 0.8 else callee.number
        self._calls.append(self._dialplan.call(caller, number))

    def _go_on(self, call: Channel) -> None:
        """One beat of a call, by its caller's channel."""
        if call.bridge is None:
            if call.state is State.RING and call.dials is not None and self._happens(CANCEL_CALL):
                self._dialplan.cancel(call)
            return
        parties = call.bridge.channels
        held = [channel for channel in parties if channel.on_hold]
        if held:
            if self._happens(UNHOLD):
                self._switch.unhold(held[0])
        elif self._happens(END_CALL):
            self._switch.put_down(self._chance.choice(parties))
        elif self._happens(HOLD):
            self._switch.hold(self._chance.choice(parties))

    # Conferences.

    def _meet(self, name: str) -> None:
        conference = self._switch.conferences.get(name)
        size = len(conference.members) if conference else 0
        fewest = FEWEST_MEMBERS if name in CONFERENCES else 0
        if size < fewest or (fewest and size < MOST_MEMBERS and self._happens(JOIN)):
            self._send_to_conference(name)
        if conference is None:
            return
        ours = [member for member in conference.members if member.channel in self._members]
        if ours and size > fewest and self._happens(LEAVE):
            leaver = self._chance.choice([member for member in ours if not member.admin] or ours)
            self._switch.put_down(leaver.channel)
            return
        self._mute_selves(ours)
        self._raise_hands(ours)
        self._take_turns(conference, ours)

    def _take_turns(self, conference: Conference, ours: list[Member]) -> None:
        speakers = [member for member in conference.members if member.speaks]
        if speakers and self._happens(PAUSE):
            self._switch.speak(self._chance.choice(speakers), False)
        if self._happens(NEXT_SPEAKER):
            silent = [member for member in ours if not member.speaks and not member.muted]
            # Mostly one stops as the next begins; sometimes two talk at once.
            for member in speakers if len(speakers) > 1 or self._happens(0.8) else ():
                self._switch.speak(member, False)
            if silent:
                self._switch.speak(self._chance.choice(silent), True)

    def _mute_selves(self, ours: list[Member]) -> None:
        muted = [member for member in ours if member.muted and member.channel in self._muted_themselves]
        listening = [member for member in ours if not member.muted and not member.speaks]
        if muted and self._happens(UNMUTE_SELF):
            member = self._chance.choice(muted)
            self._muted_themselves.discard(member.channel)
            self._dialplan.press(member.channel, MUTE_KEY)
        if len(listening) > 1 and self._happens(MUTE_SELF):
            member = self._chance.choice(listening)
            self._muted_themselves.add(member.channel)
            self._dialplan.press(member.channel, MUTE_KEY)

    def _raise_hands(self, ours: list[Member]) -> None:
        """Whoever is given the word talks; the hand need not be lowered, for that has been done."""
        raised = [member for member in ours if member.channel in self._hands]
        for member in raised:
            if member.unmuted_at is not None and member.unmuted_at > self._hands[member.channel]:
                del self._hands[member.channel]
                self._switch.speak(member, True)
        listening = [member for member in ours if not member.speaks and not member.admin and member not in raised]
        if listening and len(raised) < MOST_HANDS and self._happens(RAISE_HAND):
            member = self._chance.choice(listening)
            self._hands[member.channel] = self._schedule.now()
            self._dialplan.press(member.channel, HAND_KEY)
        elif raised and self._happens(LOWER_HAND):
            member = self._chance.choice(raised)
            if self._hands.pop(member.channel, None) is not None:
                self._dialplan.press(member.channel, HAND_KEY)

    def _send_to_conference(self, name: str, *, admin: bool = False) -> None:
        conference = self._switch.conferences.get(name)
        if conference is not None and conference.locked:
            return
        phones = self._idle_phones()
        # Some phones are left for the calls.
        from_inside = admin or (len(phones) > 8 and self._happens(0.6))
        caller = self._chance.choice(phones) if from_inside and phones else self._idle_outsider()
        prefix = "81" if admin else "80"
        self._members.append(self._dialplan.call(caller, prefix + name[2:]))

    # Who has time.

    def _idle_phones(self) -> list[Phone]:
        engaged = {channel.endpoint for channel in self._switch.channels.values()}
        return [
            phone
            for number, phone in self._dialplan.phones.items()
            if number != OWN_NUMBER and f"PJSIP/{number}" not in engaged
        ]

    def _idle_outsider(self) -> Phone:
        engaged = {channel.caller.number for channel in self._switch.channels.values()}
        idle = [phone for phone in self._outsiders if phone.number not in engaged]
        return self._chance.choice(idle or self._outsiders)

    def _happens(self, chance: float) -> bool:
        return self._chance.random() < chance
