"""Records what a real Asterisk says over AMI: ``python -m tests.lab.record [22|16] [calls|transfers|moderation]``.

Plays a fixed scenario and writes ``tests/corpus/asterisk-<version>.ami``, ``…-transfers.ami``, ``…-moderation.ami``:
the bytes that a session with all privileges received, from the banner on, less most of the events that nobody looks at
(``THINNED``). They are the parser's corpus, and what the demo PBX is measured by.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator
from pathlib import Path

from .ami import Ami, Message
from .asterisk import Asterisk
from .chroot import VERSIONS
from .phones import Caller, Phone
from .softphone import SoftCall, Softphone

# Of these, which change nothing that the panel shows and are most of the bytes, a few stand for the rest.
THINNED = (
    b"VarSet", b"TestEvent", b"Newexten", b"DeviceStateChange", b"ExtensionStatus", b"QueueMemberStatus", b"DialState",
    b"SoftHangupRequest", b"HangupRequest", b"MusicOnHoldStop", b"RTCPSent", b"RTCPReceived",
)  # fmt: skip
KEPT = 5
CORPUS = Path(__file__).parent.parent / "corpus"

Moves = Generator[str, None, None]


class Scenario:
    """One recorded session and the PBX it watches."""

    def __init__(self, asterisk: Asterisk, session: Ami) -> None:
        self.asterisk = asterisk
        self.session = session

    def calls_and_conferences(self) -> None:
        self.questions()
        self.originate_and_hang_up()
        self.failed_originates()
        self.conference()
        self.call_between_phones()
        self.call_from_outside()

    def calls_that_move(self) -> None:
        for move in MOVES:
            for _ in move(self):
                self.settle()
                self.session.listing("CoreShowChannels")
            self.asterisk.quiet()
            self.settle()
        self.hold_and_music()
        self.lists_of_parking_and_queue()

    def moderation(self) -> None:
        """Hands, keys, moves, sounds, recordings, invitations: one conference and those who come and go in it."""
        for extension, steps in MODERATION_DIALPLAN.items():
            for priority, (application, data) in enumerate(steps, 1):
                self.session.action(
                    "DialplanExtensionAdd", Context="moderation", Extension=extension, Priority=str(priority),
                    Application=application, ApplicationData=data, Replace="yes",
                )  # fmt: skip
        admin = self.joined(self.originate("Local/8101@internal", exten="602", CallerID='"李雷" <101>'))
        people = [self.joined(self.originate("Local/8001@internal", exten=exten)) for exten in ("608", "602", "602")]
        self.session.listing("CoreShowChannels")
        self.keys()
        self.moves(people[0], admin)
        for sound in ("beep", "no-such-sound"):
            self.say(sound)
        self.recording()
        self.session.action("ConfbridgeSetSingleVideoSrc", Conference="8001", Channel=people[1])
        self.invitations()
        self.session.action("ConfbridgeStartRecord", Conference="8001")
        self.settle()
        self.session.action("ConfbridgeKick", Conference="8001", Channel="all")
        self.settle(1.0)

    def keys(self) -> None:
        """Each presses a key a second after joining: a hand, a mute, and one that means nothing."""
        since = len(self.session.messages)
        hand = self.joined(self.originate("Local/8001@internal", exten="625", CallerID="<105>"))
        self.session.event("UserEvent", since, UserEvent="PanelHand")
        self.session.listing("CoreShowChannels")
        for exten in ("621", "627"):
            since = self.originate("Local/8001@internal", exten=exten)
            self.session.event("DTMFEnd", since, Digit=exten[-1])
            self.settle()
        self.session.listing("ConfbridgeList", Conference="8001")
        self.hang_up(hand)

    def moves(self, one: str, other: str) -> None:
        """Two are sent into a room of their own, and back."""
        for room in ("8001-aside", "8001"):
            for channel, profile in ((one, "panel_user"), (other, "panel_admin")):
                arguments = f"{room},panel_bridge,{profile},panel_menu"
                self.session.action("Setvar", Channel=channel, Variable="ROOM", Value=arguments)
                since = len(self.session.messages)
                self.session.action("Redirect", Channel=channel, Context="moderation", Exten="move", Priority="1")
                self.session.event("ConfbridgeJoin", since, Channel=channel)
            self.settle()
            self.session.listing("ConfbridgeListRooms")
            self.session.listing("CoreShowChannels")

    def say(self, sound: str) -> None:
        since = len(self.session.messages)
        self.session.action(
            "Originate", "__ROOM=8001", f"__SOUND={sound}", Channel="Local/voice@moderation/n", Context="moderation",
            Exten="sound", Priority="1", Async="true", Timeout="8000",
        )  # fmt: skip
        self.session.event("UserEvent", since, UserEvent="PanelSaid")
        self.session.event("ConfbridgeLeave", since)
        self.settle()

    def recording(self) -> None:
        self.session.action("ConfbridgeStartRecord", Conference="8001", RecordFile="confbridge-8001.wav")
        self.settle()
        channels = self.session.action("Command", Command="core show channels concise")["Output"].split("\n")
        recorder = next(line.split("!")[0] for line in channels if line.startswith("CBRec/8001-"))
        self.session.action("Getvar", Channel=recorder, Variable="MIXMONITOR_FILENAME")
        self.session.action("ConfbridgeStopRecord", Conference="8001")
        self.settle()

    def invitations(self) -> None:
        """By an application, and with unique ids that the panel chooses: some answer, others do not."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "103", "busy"), self.ringing("102"):
            for number, (channel, timeout) in enumerate(
                (
                    ("PJSIP/101", "5000"),
                    ("Local/602@internal/n", "5000"),
                    ("PJSIP/103", "5000"),
                    ("Local/604@internal/n", "5000"),
                    ("PJSIP/102", "1000"),
                    ("Local/nowhere@internal/n", "5000"),
                )
            ):
                since = len(self.session.messages)
                self.session.action(
                    "Originate", Channel=channel, Application="ConfBridge", Async="true", Timeout=timeout,
                    Data="8001,panel_bridge,panel_user,panel_menu", CallerID='"Room" <8001>',
                    ChannelId=f"panel-{number}.1", OtherChannelId=f"panel-{number}.2",
                )  # fmt: skip
                self.session.event("OriginateResponse", since)
                self.settle()
            self.session.listing("CoreShowChannels")

    def questions(self) -> None:
        """Lists and single answers of an idle PBX: among them an empty list that is called an error."""
        for action in ("Ping", "CoreSettings", "CoreStatus", "ListCommands", "ConfbridgeListRooms"):
            self.session.action(action)
        for action in ("CoreShowChannels", "BridgeList", "PJSIPShowEndpoints", "ExtensionStateList", "DeviceStateList"):
            self.session.listing(action)
        self.session.listing("PJSIPShowEndpoint", Endpoint="101")
        self.session.listing("PJSIPShowEndpoint", Endpoint="103")
        self.session.action("Command", Command="core show version")
        self.session.action("Command", Command="core show no such thing")
        self.session.action("DBPut", Family="panel", Key="name", Val="Zoë 李雷: a b")
        self.session.listing("DBGet", Family="panel", Key="name")
        self.session.action("DBGet", Family="panel", Key="missing")
        self.session.action("DBDel", Family="panel", Key="name")
        self.session.action("UserEvent", UserEvent="Raised", Hand="yes")
        self.session.action("NoSuchAction")
        self.session.action("Hangup", Channel="PJSIP/nobody-00000000")

    def originate_and_hang_up(self) -> None:
        since = self.originate("Local/602@internal", exten="600", CallerID='"Zoë <b>" <4711>', Account="sales")
        up = self.session.event("OriginateResponse", since)
        for action in ("CoreShowChannels", "Status", "BridgeList"):
            self.session.listing(action)
        self.session.action("Setvar", Channel=up["Channel"], Variable="CDR(accountcode)", Value="support")
        self.session.action("Setvar", Channel=up["Channel"], Variable="CHANNEL(accountcode)", Value="support")
        self.hang_up(up["Channel"])

    def failed_originates(self) -> None:
        with Phone(self.asterisk, "103", "busy"), Phone(self.asterisk, "104", "decline"), self.ringing("102"):
            for channel, limit in (
                ("PJSIP/103", "5000"),
                ("PJSIP/104", "5000"),
                ("PJSIP/102", "1000"),
                ("PJSIP/109", "5000"),
                ("PJSIP/nobody", "5000"),
                ("Local/604@internal", "5000"),
                ("Local/605@internal", "5000"),
                ("Local/nowhere@internal", "5000"),
            ):
                since = self.originate(channel, exten="602", Timeout=limit)
                self.session.event("OriginateResponse", since)
        self.session.action("Originate", Channel="PJSIP/103", Application="Wait", Data="1", Timeout="1000")
        self.settle()

    def conference(self) -> None:
        since = self.originate("Local/8101@internal", exten="602", CallerID='"李雷" <101>')
        admin = self.joined(since)
        since = self.originate("Local/8001@internal", exten="608", CallerID="<102>")
        talker = self.joined(since)
        self.session.event("ConfbridgeTalking", since, TalkingStatus="on")
        self.session.event("ConfbridgeTalking", since, TalkingStatus="off")
        since = self.originate("Local/8401@internal", exten="602", CallerID='"Muted from the start" <103>')
        muted = self.joined(since)
        self.session.listing("ConfbridgeList", Conference="8001")
        self.session.listing("ConfbridgeListRooms")
        room = {"Conference": "8001"}
        self.session.action("ConfbridgeMute", **room, Channel=talker)
        self.session.action("ConfbridgeUnmute", **room, Channel=talker)
        self.session.action("ConfbridgeUnmute", **room, Channel=muted)
        for target in ("participants", "all"):
            self.session.action("ConfbridgeMute", **room, Channel=target)
            self.session.action("ConfbridgeUnmute", **room, Channel=target)
        self.session.action("ConfbridgeMute", **room, Channel="PJSIP/nobody-00000000")
        self.session.action("ConfbridgeLock", **room)
        since = self.originate("Local/8001@internal", exten="602")
        self.settle(0.8)
        self.session.listing("ConfbridgeListRooms")
        self.session.action("ConfbridgeUnlock", **room)
        self.session.action("ConfbridgeStartRecord", **room)
        self.settle(0.8)
        self.session.action("ConfbridgeStopRecord", **room)
        self.session.action("ConfbridgeSetSingleVideoSrc", **room, Channel=talker)
        self.session.action("ConfbridgeKick", **room, Channel=muted)
        self.settle()
        # One who waits for a marked participant, one who is still listening to the prompt.
        waiting = len(self.session.messages)
        self.originate("Local/8202@internal", exten="602")
        self.settle(0.8)
        self.session.listing("ConfbridgeList", Conference="8002")
        self.originate("Local/8303@internal", exten="602")
        self.settle(0.8)
        self.session.listing("ConfbridgeList", Conference="8003")
        self.session.listing("ConfbridgeListRooms")
        prompted = self.session.wait(
            lambda m: m.get("Event") == "ConfbridgeList" and m.get("Conference") == "8003", since=waiting
        )
        self.session.action("ConfbridgeMute", Conference="8003", Channel=prompted["Channel"])
        self.session.action("ConfbridgeKick", Conference="8003", Channel=prompted["Channel"])
        self.session.action("ConfbridgeKick", Conference="8002", Channel="all")
        self.session.action("Hangup", Channel=talker)
        self.session.action("ConfbridgeKick", Conference="8001", Channel="all")
        self.settle()
        self.session.action("ConfbridgeList", Conference="8001")
        self.session.action("ConfbridgeMute", Conference="8001", Channel=admin)
        self.settle()

    def call_between_phones(self) -> None:
        """101 dials 102 by hand; the same with click-to-call; and a call by the outside line."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "102"), Phone(self.asterisk, "trunk"):
            with Caller(self.asterisk, "102", number="101") as call:
                call.wait_for_status(200)
                self.settle()
            self.settle()
            for exten in ("102", "9030123"):
                since = len(self.session.messages)
                self.session.send(
                    "Originate", f"CONNECTEDLINE(num)={exten}", Channel="PJSIP/101", Context="internal", Exten=exten,
                    Priority="1", Async="true", Timeout="5000",
                )  # fmt: skip
                up = self.session.event("OriginateResponse", since)
                self.settle(0.5)
                self.hang_up(up["Channel"])

    def call_from_outside(self) -> None:
        with Phone(self.asterisk, "101"), self.ringing("102"):
            with Caller(self.asterisk, "101", name="李雷") as call:
                call.wait_for_status(200)
                self.settle()
                self.session.listing("CoreShowChannels")
            for name in ("<img src=x onerror=alert(1)>", 'a "quoted" \\ name'):
                with Caller(self.asterisk, "102", name=name) as call:
                    call.wait_for_status(180)
            with Caller(self.asterisk, "102", name="", number="anonymous") as call:
                call.wait_for_status(180)
            self.settle()

    # Moves: each yields the name of where things stand, whenever they have come to rest there.

    def redirect(self) -> Moves:
        """One side is sent elsewhere; the other is hung up."""
        with (
            Phone(self.asterisk, "101"),
            Phone(self.asterisk, "102"),
            Caller(self.asterisk, "101", name="Redirected") as call,
        ):
            _, theirs = self.bridged(call)
            yield "they talk"
            self.session.action("Redirect", Channel=theirs, Context="internal", Exten="102", Priority="1")
            yield "redirected"

    def redirect_both(self) -> Moves:
        """Both sides are sent into a conference."""
        with Phone(self.asterisk, "101"), Caller(self.asterisk, "101", name="Both") as call:
            mine, theirs = self.bridged(call)
            yield "they talk"
            self.session.action(
                "Redirect", Channel=theirs, ExtraChannel=mine, Context="internal", ExtraContext="internal",
                Exten="8005", ExtraExten="8105", Priority="1", ExtraPriority="1",
            )  # fmt: skip
            yield "both in the conference"

    def blind_transfer(self) -> Moves:
        with (
            Phone(self.asterisk, "101"),
            self.ringing("102"),
            Caller(self.asterisk, "101", name="Blind") as call,
        ):
            mine, _ = self.bridged(call)
            yield "they talk"
            self.session.action("BlindTransfer", Channel=mine, Context="internal", Exten="102")
            yield "the target rings"

    def attended_transfer(self) -> Moves:
        """101 asks 104 first, then hangs up and so connects the two. The Local channel between them stays."""
        with (
            Phone(self.asterisk, "101"),
            Phone(self.asterisk, "104"),
            Caller(self.asterisk, "5101", name="Attended") as call,
        ):
            mine, _ = self.bridged(call)
            yield "they talk"
            since = len(self.session.messages)
            self.session.action("Atxfer", Channel=mine, Context="internal", Exten="104")
            self.session.event("DialEnd", since, DialStatus="ANSWER")
            yield "the target is asked"
            self.session.action("Hangup", Channel=mine)
            yield "connected"

    def attended_transfer_refused(self) -> Moves:
        """101 asks 104, who hangs up: 101 is with the caller again."""
        with (
            Phone(self.asterisk, "101"),
            Phone(self.asterisk, "104"),
            Caller(self.asterisk, "5101", name="Attended") as call,
        ):
            mine, _ = self.bridged(call)
            since = len(self.session.messages)
            self.session.action("Atxfer", Channel=mine, Context="internal", Exten="104")
            target = self.session.event("DialEnd", since, DialStatus="ANSWER")["DestChannel"]
            yield "the target is asked"
            since = len(self.session.messages)
            self.session.action("Hangup", Channel=target)
            self.session.event("BridgeEnter", since, Channel=mine)
            yield "back with the caller"

    def bridge_action(self) -> Moves:
        """Two calls that run applications are joined."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "102"):
            first = self.session.event("OriginateResponse", self.originate("PJSIP/101", exten="602"))
            second = self.session.event("OriginateResponse", self.originate("PJSIP/102", exten="602"))
            yield "two calls"
            self.session.action("Bridge", Channel1=first["Channel"], Channel2=second["Channel"], Tone="no")
            yield "one call"
            bridge = self.bridge_of_two()
            self.session.listing("BridgeInfo", BridgeUniqueid=bridge)

    def bridge_of_two(self) -> str:
        bridges = [m for m in self.session.listing("BridgeList") if m.get("BridgeNumChannels") == "2"]
        return bridges[0]["BridgeUniqueid"]

    def bridge_of_two_calls(self) -> Moves:
        """One leg of each of two calls is joined with the other's; those left behind are hung up."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "102"), Caller(self.asterisk, "101", name="One") as one:
            first, _ = self.bridged(one)
            with Caller(self.asterisk, "102", name="Two") as two:
                second, _ = self.bridged(two)
                yield "two calls"
                self.session.action("Bridge", Channel1=first, Channel2=second, Tone="no")
                yield "one call"

    def bridge_with_local(self) -> Moves:
        """101 is joined with a Local channel, behind which 104 is: linkedid does not get through to it."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "102"), Phone(self.asterisk, "104"):
            first = self.session.event("OriginateResponse", self.originate("PJSIP/101", exten="602"))
            since = self.originate("PJSIP/102", exten="5204")
            local = self.session.event("DialBegin", since, DestExten="5204")["DestChannel"]
            self.session.event("BridgeEnter", since, Channel=local)
            yield "two calls"
            self.session.action("Bridge", Channel1=first["Channel"], Channel2=local, Tone="no")
            yield "101 talks with 104"

    def phone_holds(self) -> Moves:
        with Softphone(self.asterisk, "101") as phone, Phone(self.asterisk, "102"):
            call = phone.call("102")
            yield "they talk"
            call.hold()
            yield "on hold"
            call.take_back()
            yield "they talk again"

    def phone_transfers_blind(self) -> Moves:
        """By REFER, as the transfer key of a desk phone does."""
        with Softphone(self.asterisk, "101") as phone, Caller(self.asterisk, "101", name="Referred"):
            call = self.taken(phone)
            with self.ringing("102"):
                yield "they talk"
                call.transfer("102")
                yield "the target rings"

    def phone_transfers_attended(self) -> Moves:
        """By REFER with Replaces: the phone has two calls, one on hold, and connects their other ends."""
        with (
            Softphone(self.asterisk, "101") as phone,
            Phone(self.asterisk, "104"),
            Caller(self.asterisk, "101", name="Referred"),
        ):
            first = self.taken(phone)
            yield "they talk"
            first.hold()
            second = phone.call("104")
            yield "two calls"
            first.connect_with(second)
            yield "connected"

    def phone_transfers_attended_by_local(self) -> Moves:
        """The same where the second call goes by way of a Local channel, through which linkedid does not get."""
        with (
            Softphone(self.asterisk, "101") as phone,
            Phone(self.asterisk, "104"),
            Caller(self.asterisk, "101", name="Referred"),
        ):
            first = self.taken(phone)
            first.hold()
            second = phone.call("5204")
            yield "two calls"
            first.connect_with(second)
            yield "connected"

    def taken(self, phone: Softphone) -> SoftCall:
        """The call from outside that a softphone has taken, once both are in the bridge: a hold before that is lost."""
        call = phone.calls.get(timeout=10)
        entered: set[str] = set()

        def both_are_in(message: Message) -> bool:
            if message.get("Event") == "BridgeEnter":
                entered.add(message["Channel"].partition("-")[0])
            return entered == {"PJSIP/101", "PJSIP/outside"}

        self.session.wait(both_are_in)
        return call

    def local_optimization(self) -> Moves:
        """A Local channel between two bridges steps aside once audio flows."""
        with Phone(self.asterisk, "102"):
            since = self.originate("Local/5202@internal", exten="601")
            self.session.event("LocalOptimizationEnd", since)
            yield "stepped aside"

    def pickup(self) -> Moves:
        """104 takes the call that rings at 102."""
        with self.ringing("102"), Caller(self.asterisk, "102", name="Picked up") as call:
            call.wait_for_status(180)
            yield "it rings"
            since = len(self.session.messages)
            with Caller(self.asterisk, "*8102", number="104") as other:
                # Asterisk waits half a second for audio of a caller that it answers.
                other.wait_for_status(200)
                self.session.event("BridgeEnter", since)
                yield "picked up"

    def park_and_retrieve(self) -> Moves:
        with Phone(self.asterisk, "101"), Caller(self.asterisk, "101", name="Parked") as call:
            space = self.parked(call, "60000")
            yield "parked"
            since = len(self.session.messages)
            with Caller(self.asterisk, space, number="104") as other:
                other.wait_for_status(200)
                self.session.event("UnParkedCall", since)
                yield "retrieved"

    def park_and_give_up(self) -> Moves:
        with Phone(self.asterisk, "101"):
            with Caller(self.asterisk, "101", name="Parked") as call:
                self.parked(call, "60000")
                yield "parked"
            yield "gave up"

    def park_until_time_is_over(self) -> Moves:
        """Whom nobody fetches comes back to the one who parked them."""
        with Phone(self.asterisk, "101"), Caller(self.asterisk, "101", name="Parked") as call:
            since = len(self.session.messages)
            self.parked(call, "1000")
            over = self.session.event("ParkedCallTimeOut", since)
            # It may have come together with what follows it.
            self.session.event("BridgeEnter", self.session.number_of(over))
            yield "came back"

    def parked(self, call: Caller, timeout: str) -> str:
        """Park the caller as 101 would; returns the space."""
        mine, theirs = self.bridged(call)
        since = len(self.session.messages)
        self.session.action("Park", Channel=theirs, TimeoutChannel=mine, Timeout=timeout)
        space = self.session.event("ParkedCall", since)["ParkingSpace"]
        self.session.action("Hangup", Channel=mine)
        return space

    def queue(self) -> Moves:
        """The queue calls two members; the first answers."""
        with Phone(self.asterisk, "101"), self.ringing("102"):
            since = len(self.session.messages)
            with Caller(self.asterisk, "610", name="Queued"):
                self.session.event("BridgeEnter", since)
                yield "answered"

    def queue_of_nobody(self) -> Moves:
        """The queue has no members: the caller hears music."""
        since = len(self.session.messages)
        with Caller(self.asterisk, "611", name="Queued"):
            self.session.event("Newexten", since, Application="Queue")
            yield "waits"

    def conference_move(self) -> Moves:
        """One of three participants, each a call of their own, is sent to another conference."""
        with Phone(self.asterisk, "101"), Phone(self.asterisk, "102"):
            for channel in ("PJSIP/101", "PJSIP/102", "Local/8001@internal"):
                self.joined(self.originate(channel, exten="602" if channel.startswith("Local") else "8001"))
            yield "three in one"
            listing = self.session.listing("ConfbridgeList", Conference="8001")
            moved = next(m["Channel"] for m in listing if m.get("CallerIDNum") == "102")
            since = len(self.session.messages)
            self.session.action("Redirect", Channel=moved, Context="internal", Exten="8102", Priority="1")
            self.session.event("ConfbridgeJoin", since)
            yield "one in another"
            self.session.action("ConfbridgeKick", Conference="8001", Channel="all")
            yield "one is over"

    def hold_and_music(self) -> None:
        with Phone(self.asterisk, "104", "answer_and_hold"), Caller(self.asterisk, "104", name="Held") as call:
            call.wait_for_status(200)
            self.settle(2.5)
        with Phone(self.asterisk, "104", "answer_and_hangup"), Caller(self.asterisk, "104") as call:
            call.wait_for_status(200)
            self.settle(1.5)

    def lists_of_parking_and_queue(self) -> None:
        with Phone(self.asterisk, "101"), self.ringing("102"):
            with Caller(self.asterisk, "101", name="Parked") as call:
                self.parked(call, "60000")
                self.session.listing("ParkedCalls")
            self.settle()
            with Caller(self.asterisk, "610", name="Queued") as call:
                call.wait_for_status(200)
                self.settle(1.0)
                self.session.listing("QueueStatus")
                self.session.listing("QueueSummary")
            self.settle()

    def originate(self, channel: str, exten: str, **fields: str) -> int:
        """Start a call without waiting for it; returns the number of the first message after it."""
        since = len(self.session.messages)
        where = {"Context": "internal", "Exten": exten, "Priority": "1", "Async": "true"}
        self.session.action("Originate", Channel=channel, **where, **fields)
        return since

    def joined(self, since: int) -> str:
        return self.session.event("ConfbridgeJoin", since)["Channel"]

    def bridged(self, call: Caller) -> tuple[str, str]:
        """The phone's channel and the caller's, once they talk."""
        since = len(self.session.messages)
        call.wait_for_status(200)
        self.settle(0.3)
        names = [m["Channel"] for m in self.session.messages[since:] if m.get("Event") == "BridgeEnter"]
        mine = next(name for name in names if not name.startswith("PJSIP/outside"))
        return mine, next(name for name in names if name.startswith("PJSIP/outside"))

    def hang_up(self, channel: str) -> Message:
        since = len(self.session.messages)
        self.session.action("Hangup", Channel=channel, Cause="16")
        gone = self.session.event("Hangup", since, Channel=channel)
        self.settle()
        return gone

    @contextlib.contextmanager
    def ringing(self, number: str) -> Iterator[None]:
        with Phone(self.asterisk, number, "ring"):
            yield

    def settle(self, seconds: float = 0.3) -> None:
        """Take in what still comes."""
        self.session.listen(seconds)


MOVES = (
    Scenario.redirect, Scenario.redirect_both, Scenario.blind_transfer, Scenario.attended_transfer,
    Scenario.attended_transfer_refused, Scenario.bridge_action, Scenario.bridge_of_two_calls,
    Scenario.bridge_with_local, Scenario.phone_holds, Scenario.phone_transfers_blind,
    Scenario.phone_transfers_attended, Scenario.phone_transfers_attended_by_local, Scenario.local_optimization,
    Scenario.pickup, Scenario.park_and_retrieve, Scenario.park_and_give_up, Scenario.park_until_time_is_over,
    Scenario.queue, Scenario.queue_of_nobody, Scenario.conference_move,
)  # fmt: skip


# What moderation asks of the dialplan: a way into another room, and the two halves of a voice.
MODERATION_DIALPLAN = {
    "move": (("ConfBridge", "${ROOM}"),),
    "voice": (("Answer", ""), ("ConfBridge", "${ROOM},panel_bridge,panel_user")),
    "sound": (
        ("Wait", "0.5"),
        ("Playback", "${SOUND}"),
        ("UserEvent", "PanelSaid,Status: ${PLAYBACKSTATUS},User: 7,Sound: ${SOUND}"),
        ("Wait", "0.3"),
    ),
}

# The name of each part → the ending of its file's name, what is played, and of which events of THINNED all are kept.
PARTS: dict[str, tuple[str, Callable[[Scenario], None], Collection[bytes]]] = {
    "calls": ("", Scenario.calls_and_conferences, ()),
    "transfers": ("-transfers", Scenario.calls_that_move, ()),
    "moderation": ("-moderation", Scenario.moderation, (b"Newexten",)),
}


def thinned(received: bytes, kept_whole: Collection[bytes] = ()) -> bytes:
    """The same bytes without all but the first few messages of each kind in THINNED."""
    seen: Counter[bytes] = Counter()
    kept = []
    for message in received.split(b"\r\n\r\n"):
        name = message.lstrip(b"\r\n").partition(b"\r\n")[0].removeprefix(b"Event: ")
        seen[name] += 1
        if name not in THINNED or name in kept_whole or seen[name] <= KEPT:
            kept.append(message)
    return b"\r\n\r\n".join(kept)


def record(version: str, parts: Collection[str]) -> list[Path]:
    """Play these parts of the scenario on a version and save what was received."""
    CORPUS.mkdir(exist_ok=True)
    saved = []
    with Asterisk(version) as asterisk:
        for name in parts:
            suffix, play, kept_whole = PARTS[name]
            with asterisk.ami() as session:
                scenario = Scenario(asterisk, session)
                play(scenario)
                scenario.settle(0.5)
                session.action("Logoff")
                received = thinned(bytes(session.raw), kept_whole)
            # Whose machine compiled it is nobody's business here.
            received = re.sub(rb"(built by \S+ @) \S+", rb"\1 localhost", received)
            saved.append(CORPUS / f"asterisk-{version}{suffix}.ami")
            saved[-1].write_bytes(received)
    return saved


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for chosen in [version for version in VERSIONS if version in wanted] or VERSIONS:
        began = time.monotonic()
        for file in record(chosen, [part for part in PARTS if part in wanted] or list(PARTS)):
            print(f"{file.name}: {file.stat().st_size:,} bytes")
        print(f"{time.monotonic() - began:.0f} s")
