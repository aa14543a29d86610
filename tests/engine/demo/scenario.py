"""What the contract plays on both switches: everything that the panel asks, and all that happens in a PBX for it."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat

from calls import transfers
from conferences.moving import DIALPLAN
from engine.mirror.dialplan import CONTEXT
from engine.mirror.dialplan import Steps as Extension
from tests.lab.ami import Ami, Message

from .benches import Bench, settle
from .transcript import Lines, Names, block, tell

Steps = dict[str, dict[str, Lines]]

INTERNAL = {"Context": "internal", "Priority": "1", "Async": "true", "Timeout": "8000"}
ROOM = {"Conference": "8001"}
# So long is a message that is kept, in seconds.
MESSAGE_SECONDS = 4.0
# A presence whose subtype and message, which has a comma, are in base64.
_ENCODED = "away,bHVuY2g=,QmFjaywgYXQgdHdv,e"


@dataclass(frozen=True)
class Chapter:
    """What is played in one session: steps of a `Scenario`, in order, and events that they bring about."""

    steps: tuple[str, ...]
    events: frozenset[str] = frozenset()


def _chapter(steps: str, events: str = "") -> Chapter:
    return Chapter(tuple(steps.split()), frozenset(events.split()))


# Each begins with an Asterisk that has seen nothing, so they may be played side by side. Each event that the panel
# reads is brought about in one of them.
CHAPTERS = {
    "questions": _chapter(
        """
        connections_before_there_is_a_session
        questions_to_an_idle_pbx
        questions_that_are_refused
        entries_of_the_astdb
        global_variables
        """,
        "FullyBooted",
    ),
    "a configuration file": _chapter("a_configuration_file", "Reload"),
    "states": _chapter(
        """
        hints_are_added
        people_say_whether_they_are_there
        click_to_call
        the_other_side_rings_and_i_hang_up
        a_phone_joins_a_conference_alone
        who_is_busy
        """,
        "DeviceStateChange ExtensionStatus PresenceStateChange PresenceStatus",
    ),
    "calls from the panel": _chapter(
        """
        hints_are_added
        click_to_call
        click_to_call_as_somebody_else
        click_to_call_from_a_phone_without_caller_id
        click_to_call_outside
        a_busy_phone
        a_phone_that_does_not_answer
        hang_up_while_my_phone_rings
        endpoints_that_do_not_exist
        originate_an_application
        originate_and_wait
        who_is_busy
        """,
        "Newchannel Newexten Newstate NewCallerid NewConnectedLine NewAccountCode OriginateResponse Hangup",
    ),
    "calls from phones": _chapter(
        """
        hints_are_added
        the_other_side_is_busy_or_has_no_phone
        the_other_side_rings_and_i_hang_up
        the_other_side_refuses_while_ringing
        a_phone_dials_a_phone
        a_phone_dials_and_gives_up
        a_call_from_outside
        a_call_from_outside_meets_a_busy_phone
        hold
        who_is_busy
        """,
        "BridgeCreate BridgeEnter BridgeLeave BridgeDestroy Hold Unhold",
    ),
    "calls that move": _chapter(
        """
        hints_are_added
        two_calls_are_bridged
        a_call_is_redirected
        a_call_is_transferred
        a_call_is_parked
        a_local_channel
        a_local_channel_to_a_phone
        who_is_busy
        """,
        "ParkedCall ParkedCallGiveUp BlindTransfer",
    ),
    "calls sent elsewhere": _chapter(
        """
        hints_are_added
        where_calls_may_go
        a_call_is_sent_to_a_phone
        a_caller_is_sent_elsewhere_while_it_rings
        keys_are_pressed
        a_phone_is_called_busy
        who_is_busy
        """,
        "Newexten DTMFBegin DTMFEnd",
    ),
    "parking": _chapter(
        """
        hints_are_added
        a_call_is_parked_by_somebody
        what_cannot_be_parked
        a_parked_call_is_taken
        a_parked_call_comes_back
        the_lot_is_full
        who_is_busy
        """,
        "ParkedCall ParkedCallGiveUp UnParkedCall ParkedCallTimeOut",
    ),
    "calls that are joined": _chapter(
        """
        hints_are_added
        a_call_is_picked_up
        there_is_nothing_to_pick_up
        a_call_is_taken_over
        a_call_that_is_in_no_bridge_is_taken_over
        there_is_nothing_to_take_over
        a_call_is_listened_to
        who_is_busy
        """,
        "BridgeEnter NewConnectedLine Hangup Pickup ChanSpyStart ChanSpyStop",
    ),
    "calls that are recorded and muted": _chapter(
        """
        hints_are_added
        a_call_is_recorded
        what_cannot_be_recorded
        a_call_is_muted
        """,
        "MixMonitorStart MixMonitorStop MixMonitorMute",
    ),
    "calls on hold": _chapter(
        """
        hints_are_added
        dialplan_of_holds_is_written
        what_two_cannot_be_sent_to
        a_caller_waits_and_is_taken_back
        whoever_waits_hangs_up
        whoever_has_put_somebody_on_hold_hangs_up
        who_is_busy
        """,
        "BridgeLeave Newexten",
    ),
    "consultations": _chapter(
        """
        hints_are_added
        dialplan_of_holds_is_written
        a_consultation_is_completed
        a_consultation_is_cancelled
        whoever_is_consulted_is_not_to_be_had
        whoever_is_consulted_hangs_up
        somebody_hangs_up_who_is_talked_about
        somebody_hangs_up_who_consults
        who_is_busy
        """,
        "BridgeEnter Newexten Hangup",
    ),
    "by turns": _chapter(
        """
        hints_are_added
        dialplan_of_holds_is_written
        they_are_swapped_and_cancelled
        they_are_swapped_and_completed
        somebody_hangs_up_after_a_swap
        who_is_busy
        """,
        "BridgeEnter BridgeLeave Newexten Hangup",
    ),
    "transfers with recall": _chapter(
        """
        hints_are_added
        dialplan_of_holds_is_written
        whoever_is_sent_is_answered
        whoever_is_sent_comes_back
        a_caller_may_leave_a_message
        who_is_busy
        """,
        "BridgeEnter BridgeLeave Newexten Hangup MessageWaiting",
    ),
    "three in a call": _chapter(
        """
        hints_are_added
        dialplan_of_holds_is_written
        all_three_talk
        nobody_is_joined
        who_is_busy
        """,
        "BridgeEnter BridgeLeave Newexten Hangup",
    ),
    "conferences": _chapter(
        """
        hints_are_added
        a_phone_joins_a_conference_alone
        a_phone_is_kicked
        a_caller_without_a_name_joins
        two_in_a_conference
        an_admin_and_everybody_at_once
        one_joins_muted
        a_conference_is_recorded
        who_is_busy
        """,
        """
        ConfbridgeStart ConfbridgeJoin ConfbridgeTalking ConfbridgeMute ConfbridgeUnmute ConfbridgeLeave ConfbridgeEnd
        ConfbridgeRecord ConfbridgeStopRecord
        """,
    ),
    "moderation": _chapter(
        """
        dialplan_is_written
        variables_are_set
        what_a_channel_is_like
        one_is_moved
        two_are_taken_aside
        one_is_sent_nowhere
        something_is_said
        """,
        "UserEvent",
    ),
    "calls that are brought into a conference": _chapter(
        """
        dialplan_is_written
        both_are_brought_into_a_conference
        one_is_brought_into_a_conference
        """,
        "ConfbridgeJoin BridgeLeave Hangup",
    ),
    "people in a conference": _chapter(
        """
        dialplan_is_written
        a_hand_is_raised
        one_mutes_himself
        the_file_of_a_recording
        a_video_source_is_chosen
        """,
        "UserEvent DTMFBegin DTMFEnd",
    ),
    "invitations": _chapter(
        """
        hints_are_added
        somebody_is_invited
        an_invitation_fails
        who_is_busy
        """,
        "OriginateResponse ConfbridgeJoin",
    ),
}


class Scenario:
    """One session with one switch. `play` returns, for each step of a chapter, what was said to whom."""

    def __init__(self, bench: Bench, events: frozenset[str]) -> None:
        self.bench, self.events = bench, events
        self.names = Names()
        self.steps: Steps = {}
        self.session: Ami

    def play(self, chapter: str) -> Steps:
        """One of `CHAPTERS`, in a session of its own."""
        self.log_in()
        for name in (*CHAPTERS[chapter].steps, "log_off"):
            self.step(getattr(self, name))
        return self.steps

    def step(self, play: Callable[[], None]) -> None:
        since = len(self.session.messages)
        play()
        if play != self.log_off:
            settle(self.session)
        name = play.__name__.replace("_", " ")
        self.steps[name] = tell(self.session.messages[since:], self.events, self.names)

    # The session.

    def log_in(self) -> None:
        self.session = self.bench.ami()
        self.session.event("FullyBooted")
        settle(self.session)
        self.steps["log in"] = tell(self.session.messages, self.events, self.names)

    def connections_before_there_is_a_session(self) -> None:
        """Each with bytes of its own."""
        bench, user = self.bench, f"Username: {self.bench.user}"
        conversations = (
            ["Action: Ping", "Action: NoSuchAction", "Action: Challenge", "Action: Challenge\r\nAuthType: SHA"],
            [f"Action: Login\r\n{user}\r\nSecret: wrong"],
            [f"Action: Login\r\nUsername: nobody\r\nSecret: {bench.secret}"],
            [f"Action: Login\r\nAuthType: MD5\r\n{user}\r\nKey: 00"],
            ["Action: Challenge\r\nAuthType: md5\r\nActionID: 7"],
            [f"action: login\r\n{user}\r\nsecret: {bench.secret}\r\nevents: off", "ACTION: ping\r\nactionid: 8"],
            [f"Action: Login\r\n{user}\r\nSecret: {bench.secret}\r\nEvents: system", "Action: Events"],
            ["Action: Logoff"],
        )
        with ThreadPoolExecutor(len(conversations)) as pool:
            answers = [line for lines in pool.map(converse, repeat(bench), conversations) for line in ["", *lines]]
        answers += ["", *log_in_with_md5(bench)]
        self.steps["log in"] = {"bytes": answers}
        self.session = bench.ami()
        self.session.event("FullyBooted")
        settle(self.session)
        self.steps["the first session"] = tell(self.session.messages, self.events, self.names)

    def log_off(self) -> None:
        self.session.action("Logoff")

    # Questions.

    def questions_to_an_idle_pbx(self) -> None:
        for action in ("Ping", "CoreSettings", "CoreStatus", "ConfbridgeListRooms"):
            self.session.action(action)
        self.session.listing("CoreShowChannels")
        self.session.listing("Parkinglots")
        for line in (
            "core show channels concise",
            "core show channels",
            "core show channels count",
            "core show calls",
            "dialplan show globals",
            "core show function NOSUCH",
            "confbridge list",
            "confbridge list 8001",
            "no such thing",
            "core show",
            "core show no such thing",
        ):
            self.session.action("Command", Command=line)

    def questions_that_are_refused(self) -> None:
        ask = self.session.action
        ask("NoSuchAction")
        for action in ("Hangup", "Originate", "Command", "Filter", "Challenge", "Events"):
            ask(action)
        ask("Hangup", Channel="PJSIP/nobody-00000000")
        ask("Filter", Operation="Remove", Filter="!Event: VarSet")
        ask("Filter", Operation="Add")
        ask("Filter", Operation="Add", Filter="!Event: VarSet")
        ask("Events", EventMask="off")
        ask("Events", EventMask="nonsense")
        ask("Events", EventMask="call,system")
        ask("Events", EventMask="on")
        ask("Login", Username=self.bench.user, Secret=self.bench.secret)
        ask("Originate", Channel="PJSIP")
        ask("Originate", Channel="PJSIP/101")
        where = {"Channel": "PJSIP/101", "Context": "internal", "Exten": "102"}
        ask("Originate", **where)
        ask("Originate", **where, Priority="x")
        ask("Originate", **where, Priority="1", Timeout="x")
        ask("Originate", **INTERNAL, Channel="PJSIP/101", Exten="12")
        ask("Originate", **{**INTERNAL, "Context": "nowhere"}, Channel="PJSIP/101", Exten="102")
        ask("PJSIPNotify", Channel="PJSIP/nobody-00000000", Variable="Event=talk")
        ask("ConfbridgeListRooms")
        for action in ("Mute", "Unmute", "Kick", "Lock", "Unlock", "List"):
            ask(f"Confbridge{action}")
            ask(f"Confbridge{action}", **ROOM)
            ask(f"Confbridge{action}", **ROOM, Channel="PJSIP/nobody-00000000")

    def entries_of_the_astdb(self) -> None:
        """Their names are patterns of SQL's LIKE for a tree, and nothing but themselves for one entry."""
        ask, listing = self.session.action, self.session.listing
        listing("DBGetTree")
        for action in ("DBGet", "DBPut", "DBDel", "DBDelTree"):
            ask(action)
            ask(action, Key="k")
        for action in ("DBGet", "DBPut", "DBDel"):
            ask(action, Family="fam")
        for family, key, value in (
            ("fam", "k", "old"),
            ("fam", "k", "a value: of 韩梅梅"),
            ("fam", "empty", ""),
            ("fam", "blanks", "   a  b "),
            ("fam/sub", "k", "1"),
            ("Fam", "k", "2"),
            ("f_m", "k", "3"),
            ("famous", "k", "4"),
            ("other", "k", "5"),
        ):
            ask("DBPut", Family=family, Key=key, Val=value)
        ask("DBPut", Family="fam", Key="none")
        for family, key in (("fam", "k"), ("fam", "empty"), ("fam", "blanks"), ("fam/sub", "k"), ("fam", "sub/k")):
            listing("DBGet", Family=family, Key=key)
        for family, key in (("FAM", "k"), ("fam", "sub"), ("nothing", "k")):
            listing("DBGet", Family=family, Key=key)
            ask("DBDel", Family=family, Key=key)
        for family in ("", "fam", "f_m", "f%", "fam/", "fam/sub", "nothing"):
            listing("DBGetTree", Family=family)
        for key in ("k", "s", "sub"):
            listing("DBGetTree", Family="fam", Key=key)
        listing("DBGetTree", Key="k")
        ask("DBDel", Family="fam", Key="k")
        ask("DBDel", Family="fam", Key="k")
        for family, key in (("fam", "nothing"), ("fam", "empty"), ("fam", ""), ("fam", ""), ("f%", ""), ("other", "")):
            ask("DBDelTree", Family=family, Key=key)
            listing("DBGetTree")

    def global_variables(self) -> None:
        ask = self.session.action
        for name, value in (
            ("TRUNK", "PJSIP/trunk"),
            ("trunk", "1"),
            ("TRUNK", "a b = c"),
            ("EMPTY", ""),
            ("GLOBAL(G)", "2"),
            ("_H", "3"),
            ("__I", "4"),
            ("NOSUCH(x)", "5"),
            ("CALLERID(num)", "6"),
            ("STRFTIME()", "7"),
        ):
            ask("Setvar", Variable=name, Value=value)
        ask("Setvar", Variable="trunk")
        names = ("TRUNK", "trunk", "EMPTY", "GLOBAL(G)", "GLOBAL(TRUNK)", "G", "H", "I", "_H", "NEVER_SET", "NOSUCH(x)")
        for name in (*names, "CALLERID(num)", "DEVICE_STATE(PJSIP/101)", "DEVICE_STATE(PJSIP/nobody)"):
            ask("Getvar", Variable=name)
        now = ask("Getvar", Variable="STRFTIME(,,%Y-%m-%d %H:%M:%S)")["Value"]
        assert abs(datetime.fromisoformat(now) - datetime.now()) < timedelta(seconds=10)
        ask("Getvar", Variable="STRFTIME(86400,,%Y, %H:%M:%S)")
        ask("Command", Command="dialplan show globals")

    def a_configuration_file(self) -> None:
        """Which is read, changed step by step, and read after each."""
        ask = self.session.action
        ask("Reload", Module="app_confbridge.so")
        ask("Reload", Module="nothing.so")
        settle(self.session)
        for action in ("GetConfig", "GetConfigJSON"):
            ask(action)
            ask(action, Filename="none.conf")
            for fields in ({}, {"Category": "panel_admin"}, {"Category": "nothing"}):
                ask(action, Filename="confbridge.conf", **fields)
        for fields in ({}, {"Filename": "none.conf"}, {"Filename": "confbridge.conf"}):
            ask("ListCategories", **fields)
        ask("UpdateConfig")
        ask("UpdateConfig", SrcFilename="confbridge.conf")
        ask("UpdateConfig", SrcFilename="none.conf", DstFilename="none.conf")
        template, inherits = "template", 'inherit="tried"'
        restricted = 'catfilter="TEMPLATES=restrict"'
        for step in (
            {"Action": "Nonsense", "Cat": "general"},
            {"Action": "NewCat"},
            {"Action": "NewCat", "Cat": "general"},
            {"Action": "NewCat", "Cat": "tried", "Options": template},
            {"Action": "Append", "Cat": "tried", "Var": "type", "Value": "user"},
            {"Action": "Append", "Cat": "tried", "Var": "type", "Value": "user", "Options": restricted},
            {"Action": "NewCat", "Cat": "heir", "Options": inherits},
            {"Action": "NewCat", "Cat": "orphan", "Options": 'inherit="nobody"'},
            {"Action": "Append", "Cat": "heir", "Var": "quiet", "Value": ">yes"},
            {"Action": "Append", "Cat": "heir", "Var": "type", "Value": "user"},
            {"Action": "Insert", "Cat": "heir", "Var": "admin", "Value": "no", "Line": "1"},
            {"Action": "Insert", "Cat": "heir", "Var": "admin", "Value": "no"},
            {"Action": "Update", "Cat": "heir", "Var": "admin", "Value": "yes", "Match": "NO"},
            {"Action": "Update", "Cat": "heir", "Var": "admin", "Value": "yes", "Match": "other"},
            {"Action": "Update", "Cat": "heir", "Var": "nothing", "Value": "yes"},
            {"Action": "Update", "Cat": "heir", "Value": "yes"},
            {"Action": "Append", "Cat": "heir", "Value": "yes"},
            {"Action": "Update", "Cat": "nothing", "Var": "admin", "Value": "yes"},
            {"Action": "Update", "Cat": "tried", "Var": "type", "Value": "bridge", "Options": restricted},
            {"Action": "Delete", "Cat": "heir", "Var": "nothing", "Match": "yes"},
            {"Action": "Delete", "Cat": "heir", "Var": "quiet"},
            {"Action": "Delete", "Cat": "heir", "Var": "quiet", "Line": "2"},
            {"Action": "Delete", "Cat": "heir", "Var": "admin", "Match": "yes"},
            {"Action": "Append", "Cat": "panel_menu", "Var": "7", "Value": "leave", "Options": 'catfilter="type=menu"'},
            {"Action": "Append", "Cat": "panel_menu", "Var": "7", "Value": "leave", "Options": 'catfilter="type=user"'},
            {"Action": "EmptyCat", "Cat": "panel_prompted"},
            {"Action": "RenameCat", "Cat": "panel_prompted", "Value": "renamed"},
            {"Action": "RenameCat", "Cat": "panel_prompted", "Value": "renamed"},
            {"Action": "DelCat", "Cat": "renamed"},
            {"Action": "DelCat", "Cat": "renamed"},
        ):
            fields = {f"{name}-000000": value for name, value in step.items()}
            where = {"SrcFilename": "confbridge.conf", "DstFilename": "confbridge.conf"}
            ask("UpdateConfig", **where, PreserveEffectiveContext="no", **fields)
            ask("GetConfig", Filename="confbridge.conf", Filter="TEMPLATES=include")
        ask("GetConfigJSON", Filename="confbridge.conf", Filter="TEMPLATES=include")

    # Hints.

    def hints_are_added(self) -> None:
        """One that watches two telephones, one with a presence, and a conference's."""
        self.who_is_busy()
        for extension, hint, replace in (
            ("201", "PJSIP/101&PJSIP/102", "no"),
            ("201", "PJSIP/101&PJSIP/107", "no"),
            ("201", "PJSIP/101&PJSIP/107", "yes"),
            ("202", "PJSIP/105,CustomPresence:105", "no"),
            ("203", "PJSIP/101&PJSIP/109", "no"),
            ("8001", "confbridge:8001", "no"),
        ):
            self.session.action(
                "DialplanExtensionAdd", Context="internal", Extension=extension, Priority="hint", Application=hint,
                Replace=replace,
            )  # fmt: skip
            settle(self.session)
        self.who_is_busy()

    def people_say_whether_they_are_there(self) -> None:
        variable = "PRESENCE_STATE(CustomPresence:105)"
        for value in ("away,lunch,Back at two", "away,lunch,Back at two", "dnd", "gone", "", _ENCODED, "not_set"):
            self.session.action("Setvar", Variable=variable, Value=value)
            settle(self.session)
            self.session.listing("PresenceStateList")
            self.session.action("PresenceState", Provider="CustomPresence:105")
        for state in ("INUSE", "INUSE", "NOT_INUSE"):
            self.session.action("Setvar", Variable="DEVICE_STATE(Custom:NIGHT)", Value=state)
            settle(self.session)
            self.session.action("Getvar", Variable="DEVICE_STATE(Custom:NIGHT)")

    def who_is_busy(self) -> None:
        for listing in ("ExtensionStateList", "DeviceStateList", "PresenceStateList"):
            self.session.listing(listing)
        self.session.action("ExtensionState")
        for extension, context in (("101", ""), ("101", "internal"), ("109", "internal"), ("8001", "internal")):
            self.session.action("ExtensionState", Exten=extension, Context=context)
        for provider in ("", "CustomPresence:105", "Nothing:105"):
            self.session.action("PresenceState", Provider=provider)

    # Click-to-call.

    def click_to_call(self) -> None:
        since = self.originate("PJSIP/101", "102", "CONNECTEDLINE(num,i)=102")
        mine = self.bridged(since)
        self.session.listing("CoreShowChannels")
        self.session.action("Command", Command="core show channels concise")
        self.session.action("Command", Command="core show channels")
        self.hang_up(mine)
        self.session.action("Hangup", Channel=mine, Cause="16")

    def click_to_call_as_somebody_else(self) -> None:
        caller = '"Zoë Zürcher" <4711>'
        self.originate("PJSIP/101", "102", "CONNECTEDLINE(name,i)=Ben", CallerID=caller, Account="sales")
        self.hang_up(self.last_new_channel("102"))
        self.hang_up(self.bridged(self.originate("PJSIP/101", "102", CallerID="Li")))
        self.hang_up(self.bridged(self.originate("PJSIP/101", "102", CallerID="4712")))
        self.hang_up(self.bridged(self.originate("PJSIP/101", "102", CallerID="<4713>")))

    def click_to_call_from_a_phone_without_caller_id(self) -> None:
        variables = ("CONNECTEDLINE(num,i)=102", "CALLERID(num)=103")
        self.hang_up(self.bridged(self.originate("PJSIP/103", "102", *variables)))
        self.hang_up(self.bridged(self.originate("PJSIP/101", "103")))

    def click_to_call_outside(self) -> None:
        self.hang_up(self.bridged(self.originate("PJSIP/101", "9030123", "CONNECTEDLINE(num,i)=9030123")))

    def a_busy_phone(self) -> None:
        self.outcome(self.originate("PJSIP/104", "602"))

    def a_phone_that_does_not_answer(self) -> None:
        self.outcome(self.originate("PJSIP/105", "602", Timeout="1000"))

    def hang_up_while_my_phone_rings(self) -> None:
        since = self.originate("PJSIP/105", "602")
        self.session.event("Newstate", since, ChannelStateDesc="Ringing")
        self.hang_up(self.last_new_channel("105"))

    def endpoints_that_do_not_exist(self) -> None:
        for channel in ("PJSIP/199", "PJSIP/109", "PJSIP/nobody", "Nothing/101", "Local/nowhere@internal"):
            self.outcome(self.originate(channel, "602", CallerID='"Somebody" <1>'))

    def originate_an_application(self) -> None:
        since = len(self.session.messages)
        application = {"Application": "Wait", "Data": "60", "Async": "true"}
        self.session.action("Originate", Channel="PJSIP/101", **application)
        mine = self.outcome(since)["Channel"]
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def originate_and_wait(self) -> None:
        """Not asynchronous: the answer itself is the outcome."""
        where = {"Context": "internal", "Exten": "602", "Priority": "1", "Timeout": "8000"}
        self.session.action("Originate", Channel="PJSIP/104", **where)
        self.session.action("Originate", Channel="PJSIP/101", **where)
        self.session.wait(lambda message: message.get("Application") == "Wait", len(self.session.messages) - 8)
        self.hang_up(self.last_new_channel("101"))

    def the_other_side_is_busy_or_has_no_phone(self) -> None:
        """The caller hears a tone for ten seconds, then Asterisk hangs up."""
        channels = []
        since = len(self.session.messages)
        for extension in ("104", "109"):
            channels.append(self.outcome(self.originate("PJSIP/101", extension))["Channel"])
            settle(self.session)
        session, session.timeout = self.session, 20.0
        for channel in channels:
            session.event("Hangup", since, Channel=channel)
        session.timeout = 10.0

    def the_other_side_rings_and_i_hang_up(self) -> None:
        self.hang_up(self.rings(self.originate("PJSIP/101", "105"), "105"))

    def the_other_side_refuses_while_ringing(self) -> None:
        since = self.originate("PJSIP/101", "105")
        self.rings(since, "105")
        self.hang_up(self.last_new_channel("105"))

    # Dialled by hand.

    def a_phone_dials_a_phone(self) -> None:
        since = len(self.session.messages)
        call = self.bench.dial_by_hand("102", "101", "")
        caller = self.bridged(since)
        # Whoever hangs up before their phone has received the answer cancels a call that is up, and nothing ends.
        settle(self.session)
        call.hang_up()
        self.session.event("Hangup", since, Channel=caller)

    def a_phone_dials_and_gives_up(self) -> None:
        since = len(self.session.messages)
        call = self.bench.dial_by_hand("105", "101", "")
        caller = self.rings(since, "105")
        call.hang_up()
        self.session.event("Hangup", since, Channel=caller)

    def a_call_from_outside(self) -> None:
        since = len(self.session.messages)
        self.bench.dial_by_hand("102", "+8613800138000", "韩梅梅 <b>")
        self.bridged(since)
        self.session.listing("CoreShowChannels")
        self.hang_up(self.last_new_channel("102"))

    def a_call_from_outside_meets_a_busy_phone(self) -> None:
        since = len(self.session.messages)
        self.bench.dial_by_hand("104", "+4930123456", "Jürgen Groß")
        self.session.event("Hangup", since, ChannelStateDesc="Busy")

    def hold(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "107"))
        self.bench.hold_and_take_back("107")
        settle(self.session)
        self.hang_up(mine)

    # Calls that move.

    def two_calls_are_bridged(self) -> None:
        first = self.outcome(self.originate("PJSIP/101", "602"))["Channel"]
        second = self.outcome(self.originate("PJSIP/102", "602"))["Channel"]
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("Bridge", Channel1=first, Channel2=second, Tone="no")
        self.bridged(since)
        settle(self.session)
        # By now the older call's linkedid is both's, of which no event has told.
        self.session.listing("CoreShowChannels")
        (bridge,) = {m["BridgeUniqueid"] for m in self.session.messages[since:] if m.get("Event") == "BridgeEnter"}
        self.session.listing("BridgeList")
        self.session.listing("BridgeInfo", BridgeUniqueid=bridge)
        self.hang_up(first)
        self.session.action("BridgeInfo", BridgeUniqueid=bridge)

    def a_call_is_redirected(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=mine, Context="internal", Exten="602", Priority="1")
        self.session.event("Newexten", since, Channel=mine, Application="Wait")
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def a_call_is_transferred(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        theirs = self.last_new_channel("102")
        since = len(self.session.messages)
        self.session.action("BlindTransfer", Channel=theirs, Context="internal", Exten="602")
        self.session.event("Newexten", since, Channel=mine, Application="Wait")
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def a_call_is_parked(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        self.session.action("Park", Channel=mine, AnnounceChannel="", Timeout="60000")
        settle(self.session)
        self.session.listing("ParkedCalls")
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)
        self.session.listing("ParkedCalls")

    def where_calls_may_go(self) -> None:
        for place in (
            "internal,102,1",
            "internal,12,1",
            "nowhere,102,1",
            "internal,102,2",
            "internal,602,2",
            "internal,602,3",
            "internal,102",
            "internal",
            "",
            "internal,9030123,1",
        ):
            self.session.action("Getvar", Variable=f"DIALPLAN_EXISTS({place})")

    def a_call_is_sent_to_a_phone(self) -> None:
        """Either end; the other one is let go."""
        for end in ("101", "102"):
            self.bridged(self.originate("PJSIP/101", "102"))
            channel = self.last_new_channel(end)
            self.bridged(self.redirect(channel, "103"))
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(channel)
            self.redirect(channel, "103")
        waiting = self.waits("PJSIP/101")
        self.bridged(self.redirect(waiting, "102"))
        settle(self.session)
        self.hang_up(waiting)

    def a_caller_is_sent_elsewhere_while_it_rings(self) -> None:
        mine = self.rings(self.originate("PJSIP/101", "105"), "105")
        since = self.redirect(mine, "602")
        self.session.event("Newexten", since, Channel=mine, Application="Wait")
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)
        for number in ("602", "102"):
            mine = self.rings_by_hand("105", "101")
            since = self.redirect(mine, number)
            if number == "602":
                self.session.event("Newexten", since, Channel=mine, Application="Wait")
            else:
                self.bridged(since)
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(mine)

    def keys_are_pressed(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        for fields in (
            {"Channel": mine, "Digit": "5", "Duration": "150"},
            {"Channel": mine, "Digit": "#"},
            {"Channel": mine, "Digit": "5", "Duration": "x"},
            {"Channel": mine},
            {"Digit": "5"},
            {},
        ):
            self.session.action("PlayDTMF", **fields)
        self.hang_up(mine)
        self.session.action("PlayDTMF", Channel=mine, Digit="5")
        since = self.originate("Local/602@internal", "600")
        half = self.outcome(since)["Channel"]
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("PlayDTMF", Channel=half, Digit="5", Duration="150")
        self.session.event("DTMFEnd", since)
        self.hang_up(half)

    def a_phone_is_called_busy(self) -> None:
        """Whoever dials it hears the tone, and cannot be sent elsewhere any more; or is refused."""
        for is_sent in (False, True):
            mine = self.rings(self.originate("PJSIP/101", "105"), "105")
            self.session.action("Hangup", Channel=self.last_new_channel("105"), Cause="17")
            settle(self.session)
            self.session.listing("CoreShowChannels")
            if is_sent:
                self.session.event("Hangup", self.redirect(mine, "602"), Channel=mine)
            else:
                self.hang_up(mine)
        mine = self.rings_by_hand("105", "101")
        since = len(self.session.messages)
        self.session.action("Hangup", Channel=self.last_new_channel("105"), Cause="17")
        self.session.event("Hangup", since, Channel=mine)
        since = self.originate("PJSIP/105", "602")
        self.session.event("Newstate", since, ChannelStateDesc="Ringing")
        self.session.action("Hangup", Channel=self.last_new_channel("105"), Cause="17")
        self.outcome(since)

    # Parking.

    def a_call_is_parked_by_somebody(self) -> None:
        """Who hears the space, and is let go then."""
        for end, other in (("101", "102"), ("102", "101")):
            self.bridged(self.originate("PJSIP/101", "102"))
            channel = self.last_new_channel(end)
            self.park(channel, self.last_new_channel(other))
            self.session.listing("ParkedCalls")
            self.session.listing("CoreShowChannels")
            self.hang_up(channel)
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        self.park(mine, "PJSIP/107-ffffffff")
        since = self.redirect(mine, "602")
        self.session.event("Newexten", since, Channel=mine, Application="Wait")
        settle(self.session)
        self.hang_up(mine)

    def what_cannot_be_parked(self) -> None:
        self.session.action("Park")
        self.session.action("Park", Channel="PJSIP/nobody-00000000", TimeoutChannel="PJSIP/101-ffffffff")
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        for parker in ("", self.last_new_channel("102")):
            self.session.action("Park", Channel=mine, TimeoutChannel=parker, Parkinglot="nothing")
            # Whoever wanted to park it is told so.
            settle(self.session, quiet=4.0, limit=4.5)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def a_parked_call_is_taken(self) -> None:
        """By a phone whose caller is not known, and by one whose caller is. Nobody waits in the last space."""
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        space = self.park(mine, self.last_new_channel("102"))["ParkingSpace"]
        self.ends("PJSIP/103", "ParkedCall", "default,720")
        for number in ("103", "102"):
            self.bridged(self.application(f"PJSIP/{number}", "ParkedCall", f"default,{space}"))
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.session.listing("ParkedCalls")
            if number == "103":
                space = self.park(mine, self.last_new_channel("103"))["ParkingSpace"]
        self.hang_up(self.last_new_channel("102"))

    def a_parked_call_comes_back(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        since = len(self.session.messages)
        self.park(mine, self.last_new_channel("102"), Timeout="4000")
        since = self.session.number_of(self.session.event("ParkedCallTimeOut", since))
        self.bridged(since)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def the_lot_is_full(self) -> None:
        """The call goes on as it was, although the answer is that it is parked."""
        parked = [self.waits("PJSIP/101") for _space in range(20)]
        for channel in parked:
            since = len(self.session.messages)
            self.session.action("Park", Channel=channel)
            self.session.event("ParkedCall", since)
        settle(self.session)
        mine = self.bridged(self.originate("PJSIP/103", "102"))
        settle(self.session)
        self.session.action("Park", Channel=mine, TimeoutChannel=self.last_new_channel("102"))
        settle(self.session, quiet=4.0, limit=4.5)
        self.session.listing("CoreShowChannels")
        for channel in (mine, *parked):
            self.session.action("Hangup", Channel=channel, Cause="16")
        settle(self.session)

    # Calls that somebody else joins.

    def a_call_is_picked_up(self) -> None:
        mine = self.rings(self.originate("PJSIP/101", "105"), "105")
        for picker in ("102", "103", "102"):
            self.bridged(self.application(f"PJSIP/{picker}", "PickupChan", self.last_new_channel("105")))
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(self.last_new_channel(picker))
            mine = self.rings_by_hand("105", "101")
        self.hang_up(mine)
        since = self.originate("PJSIP/105", "602")
        self.session.event("Newstate", since, ChannelStateDesc="Ringing")
        ringing = self.last_new_channel("105")
        since = self.application("PJSIP/102", "PickupChan", ringing)
        self.session.event("Hangup", since, Channel=ringing)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(self.last_new_channel("102"))

    def there_is_nothing_to_pick_up(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "103"))
        for whom in (mine, self.last_new_channel("103"), "PJSIP/105-ffffffff"):
            self.ends("PJSIP/102", "PickupChan", whom)
        self.hang_up(mine)

    def a_call_is_taken_over(self) -> None:
        for end, taker in (("102", "103"), ("101", "103"), ("103", "102")):
            self.bridged(self.originate("PJSIP/101", "103" if taker == "102" else "102"))
            target = self.last_new_channel(end)
            self.bridged(self.application(f"PJSIP/{taker}", "Bridge", target))
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(self.last_new_channel(taker) if end == "101" else target)

    def a_call_that_is_in_no_bridge_is_taken_over(self) -> None:
        """One that waits, one that is parked, and two whose call rings somewhere."""
        parked = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        self.park(parked, "")
        self.taken_over(parked)
        self.taken_over(self.waits("PJSIP/101"))
        self.taken_over(self.rings(self.originate("PJSIP/101", "105"), "105"))
        self.taken_over(self.rings_by_hand("105", "101"))

    def taken_over(self, channel: str) -> None:
        self.bridged(self.application("PJSIP/102", "Bridge", channel))
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(self.last_new_channel("102"))

    def there_is_nothing_to_take_over(self) -> None:
        member = self.joins("PJSIP/101", "8001")
        for whom in (member, "PJSIP/105-ffffffff"):
            self.ends("PJSIP/102", "Bridge", whom)
        self.hang_up(member)

    def a_call_is_listened_to(self) -> None:
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        uniqueid = self.session.event("BridgeEnter", Channel=mine)["Uniqueid"]
        self.ends("PJSIP/103", "ChanSpy", "1.1,uqES")
        for options in ("uqES", "uqESw", "uqESB"):
            self.outcome(self.application("PJSIP/103", "ChanSpy", f"{uniqueid},{options}"))
        settle(self.session)
        self.session.listing("CoreShowChannels")
        since = self.redirect(mine, "602")
        self.session.event("Newexten", since, Channel=mine, Application="Wait")
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)
        self.session.listing("CoreShowChannels")

    # What calls/recordings.py and calls/muting.py ask.

    def a_call_is_recorded(self) -> None:
        """Twice at a time; it goes on in another call, and ends with the channel."""
        ask, variables = self.session.action, "MIXMONITOR_FILENAME,PBXPANEL_SILENT"
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        ask("Command", Command=f"mixmonitor list {mine}")
        self.session.listing("Status", Variables=variables)
        ids = [
            ask("MixMonitor", Channel=mine, File=f"{name}.wav", Options="i(PBXPANEL_MIXMONITOR)")["MixMonitorID"]
            for name in ("one", "two")
        ]
        settle(self.session)
        ask("Command", Command=f"mixmonitor list {mine}")
        for name in ("MIXMONITOR_FILENAME", "PBXPANEL_MIXMONITOR"):
            ask("Getvar", Channel=mine, Variable=name)
        for direction, state in (("both", "1"), ("read", "0"), ("write", "0"), ("both", "1")):
            ask("MixMonitorMute", Channel=mine, Direction=direction, State=state)
        ask("Setvar", Channel=mine, Variable="PBXPANEL_SILENT", Value="both")
        settle(self.session)
        self.session.listing("Status", Variables=variables)
        ask("StopMixMonitor", Channel=mine, MixMonitorID=ids[0])
        settle(self.session)
        ask("Command", Command=f"mixmonitor list {mine}")
        self.bridged(self.redirect(mine, "103"))
        settle(self.session)
        ask("StopMixMonitor", Channel=mine)
        settle(self.session)
        ask("Command", Command=f"mixmonitor list {mine}")
        ask("Getvar", Channel=mine, Variable="MIXMONITOR_FILENAME")
        ask("MixMonitor", Channel=mine, File="three.wav", Options="")
        settle(self.session)
        self.hang_up(mine)

    def what_cannot_be_recorded(self) -> None:
        ask = self.session.action
        mine = self.waits("PJSIP/101")
        for name in ("MixMonitor", "StopMixMonitor", "MixMonitorMute"):
            ask(name)
            ask(name, Channel="PJSIP/nobody-00000000", File="x.wav", Direction="both", State="1")
        ask("MixMonitor", Channel=mine)
        ask("StopMixMonitor", Channel=mine)
        ask("StopMixMonitor", Channel=mine, MixMonitorID="0x1")
        for fields in ({}, {"Direction": "up"}, {"Direction": "both"}, {"Direction": "both", "State": "1"}):
            ask("MixMonitorMute", Channel=mine, **fields)
        ask("Command", Command="mixmonitor list PJSIP/nobody-00000000")
        self.hang_up(mine)

    def a_call_is_muted(self) -> None:
        """No event tells of it."""
        ask = self.session.action
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        for fields in ({}, {"Direction": "in"}, {"Direction": "up", "State": "on"}):
            ask("MuteAudio", Channel=mine, **fields)
        ask("MuteAudio")
        ask("MuteAudio", Channel="PJSIP/nobody-00000000", Direction="in", State="on")
        for direction, state in (("in", "on"), ("in", "on"), ("out", "on"), ("all", "off"), ("all", "off")):
            ask("MuteAudio", Channel=mine, Direction=direction, State=state)
        settle(self.session)
        self.hang_up(mine)

    # Calls on hold, and consultations: what calls/transfers.py asks.

    def dialplan_of_holds_is_written(self) -> None:
        self.write_dialplan(transfers.DIALPLAN)

    def what_two_cannot_be_sent_to(self) -> None:
        """Fields that are missing, channels that are not there. Without a context both go to the same place."""
        caller, mine = self.answered_from_outside()
        both = {"Channel": caller, "Context": CONTEXT, "Exten": "hold", "Priority": "1"}
        both |= {"ExtraChannel": mine, "ExtraContext": CONTEXT, "ExtraExten": "holding", "ExtraPriority": "1"}
        for missing in ("ExtraContext", "ExtraExten", "ExtraPriority"):
            self.session.action("Redirect", **{key: value for key, value in both.items() if key != missing})
        for key in ("Channel", "ExtraChannel"):
            self.session.action("Redirect", **{**both, key: "PJSIP/nobody-00000000"})
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(caller)
        self.hang_up(mine)

    def a_caller_waits_and_is_taken_back(self) -> None:
        """Whoever waited hangs up when the other does; either may."""
        for leaves in (0, 1):
            caller, mine = self.answered_from_outside()
            for _time in range(2):
                self.moves(caller, mine, "holding")
                self.session.listing("CoreShowChannels")
                self.brought_together(caller, mine, held=caller)
            self.hang_up((caller, mine)[leaves])
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        settle(self.session)
        other = self.last_new_channel("102")
        self.moves(other, mine, "holding")
        self.brought_together(other, mine, held=other)
        self.hang_up(mine)

    def whoever_waits_hangs_up(self) -> None:
        caller, mine = self.answered_from_outside()
        self.moves(caller, mine, "holding")
        self.hang_up(caller)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def whoever_has_put_somebody_on_hold_hangs_up(self) -> None:
        """And is called back: answers, or is busy."""
        for back in ("PJSIP/101", "PJSIP/104"):
            caller, mine = self.answered_from_outside()
            self.moves(caller, mine, "holding")
            self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_BACK", Value=back)
            self.hang_up(mine)
            since = len(self.session.messages)
            self.session.action("Redirect", Channel=caller, Context=CONTEXT, Exten="back", Priority="1")
            if back == "PJSIP/101":
                self.bridged(since)
            else:
                self.session.event("Newexten", since, Channel=caller, Application="MusicOnHold")
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(self.last_new_channel("101") if back == "PJSIP/101" else caller)

    def a_consultation_is_completed(self) -> None:
        for number in ("103", "105"):
            caller, mine = self.consults(number)
            self.session.listing("CoreShowChannels")
            if number == "103":
                half = self.half_of(mine)
                self.session.action("Setvar", Channel=mine, Variable="PBXPANEL_HELD", Value="")
                self.brought_together(caller, half, held=caller)
            else:
                since = len(self.session.messages)
                self.session.action("Redirect", Channel=caller, Context="internal", Exten="102", Priority="1")
                self.session.action("Hangup", Channel=mine)
                self.bridged(since)
                settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(self.last_new_channel("103" if number == "103" else "102"))

    def a_consultation_is_cancelled(self) -> None:
        for number in ("103", "105"):
            caller, mine = self.consults(number)
            self.brought_together(caller, mine, held=caller)
            self.session.listing("CoreShowChannels")
            self.hang_up(mine)

    def whoever_is_consulted_is_not_to_be_had(self) -> None:
        """Busy, or it rings and is refused: both are together again by themselves."""
        for number in ("104", "105"):
            caller, mine = self.answered_from_outside()
            since = self.moves(caller, mine, "consult", number)
            if number == "105":
                self.session.action("Hangup", Channel=self.last_new_channel("105"), Cause="17")
            self.both_meet(since, caller, mine)
            self.session.listing("CoreShowChannels")
            self.hang_up(mine)

    def whoever_is_consulted_hangs_up(self) -> None:
        caller, mine = self.consults("103")
        since = len(self.session.messages)
        self.hang_up(self.last_new_channel("103"))
        self.both_meet(since, caller, mine)
        self.session.listing("CoreShowChannels")
        self.hang_up(caller)

    def somebody_hangs_up_who_is_talked_about(self) -> None:
        for number in ("103", "105"):
            caller, mine = self.consults(number)
            self.hang_up(caller)
            self.session.listing("CoreShowChannels")
            self.hang_up(mine)

    def somebody_hangs_up_who_consults(self) -> None:
        for number in ("103", "105"):
            caller, mine = self.consults(number)
            self.hang_up(mine)
            self.session.listing("CoreShowChannels")
            self.hang_up(caller)

    # The caller and the target by turns, and all three.

    def they_are_swapped_and_cancelled(self) -> None:
        for turns in (1, 2):
            caller, mine, half = self.swapped(turns)
            self.session.listing("CoreShowChannels")
            if turns == 1:
                self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_SINCE", Value=transfers.NEVER)
                self.session.action("Setvar", Channel=mine, Variable="PBXPANEL_HELD", Value="")
                self.session.action("Hangup", Channel=half)
                settle(self.session)
            else:
                self.brought_together(caller, mine, held=caller)
            self.session.listing("CoreShowChannels")
            self.hang_up(mine)

    def they_are_swapped_and_completed(self) -> None:
        for turns in (1, 2):
            caller, mine, half = self.swapped(turns)
            self.session.action("Setvar", Channel=mine, Variable="PBXPANEL_HELD", Value="")
            self.session.action("Setvar", Channel=half, Variable="PBXPANEL_SINCE", Value=transfers.NEVER)
            self.brought_together(caller, half, held=caller)
            self.session.listing("CoreShowChannels")
            self.hang_up(caller)

    def somebody_hangs_up_after_a_swap(self) -> None:
        """The phone is with the target; nothing changes; the caller is called back."""
        for leaves in ("caller", "target", "mine"):
            caller, mine, half = self.swapped(1)
            since = len(self.session.messages)
            self.hang_up({"caller": caller, "target": self.last_new_channel("103"), "mine": mine}[leaves])
            if leaves == "caller":
                self.both_meet(since, mine, half)
            elif leaves == "mine":
                self.session.event("BridgeEnter", since, Channel=caller)
                settle(self.session)
            self.session.listing("CoreShowChannels")
            if leaves == "mine":
                self.hang_up(half)
                self.hang_up(self.last_new_channel("101"))
            elif leaves == "caller":
                self.hang_up(mine)
            else:
                self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_SINCE", Value=transfers.NEVER)
                self.hang_up(mine)

    def all_three_talk(self) -> None:
        """And one after the other leaves."""
        for leaves in ("mine", "caller", "target"):
            caller, mine = self.consults("103")
            half = self.half_of(mine)
            self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_WITH", Value=mine)
            self.session.action("Setvar", Channel=half, Variable="PBXPANEL_SINCE", Value=transfers.NEVER)
            self.session.action("Setvar", Channel=mine, Variable="PBXPANEL_HELD", Value="")
            since = len(self.session.messages)
            self.session.action("Redirect", Channel=caller, Context=CONTEXT, Exten="join", Priority="1")
            self.session.event("BridgeEnter", since, Channel=caller)
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up({"caller": caller, "target": self.last_new_channel("103"), "mine": mine}[leaves])
            self.session.listing("CoreShowChannels")
            self.hang_up(mine if leaves == "caller" else caller)

    def whoever_is_sent_is_answered(self) -> None:
        caller, since = self.sends("103")
        self.session.event("BridgeEnter", since, Channel=caller)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(self.last_new_channel("103"))

    def whoever_is_sent_comes_back(self) -> None:
        """From one who is busy, and one who does not answer."""
        for number in ("104", "105"):
            caller, since = self.sends(number, seconds="2")
            self.session.event("BridgeEnter", since, Channel=caller)
            settle(self.session)
            self.session.listing("CoreShowChannels")
            self.hang_up(caller)

    def a_caller_may_leave_a_message(self) -> None:
        self.session.listing("VoicemailUsersList")
        caller, _mine = self.answered_from_outside()
        self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_BOX", Value="103@default")
        self.session.action("Redirect", Channel=caller, Context=CONTEXT, Exten="voicemail", Priority="1")
        settle(self.session)
        self.session.listing("CoreShowChannels")
        # Too soon for a message. The next one hears no greeting, and is not silent.
        self.hang_up(caller)
        since = len(self.session.messages)
        leaves = {"Application": "VoiceMail", "Data": "103@default,s", "Async": "true"}
        self.session.action("Originate", Channel="Local/601@internal", **leaves)
        caller = self.outcome(since)["Channel"]
        self.session.listen(MESSAGE_SECONDS)
        self.hang_up(caller)
        self.session.event("MessageWaiting", since)
        self.session.listing("VoicemailUsersList")

    def sends(self, number: str, seconds: str = "30") -> tuple[str, int]:
        """A caller is sent to a number, and back to 101; also returned is the number of the first message after it."""
        caller, _mine = self.answered_from_outside()
        for name, value in (("BACK", "PJSIP/101"), ("TARGET", number), ("CONTEXT", "internal"), ("RINGS", seconds)):
            self.session.action("Setvar", Channel=caller, Variable=f"PBXPANEL_{name}", Value=value)
        self.session.action("Setvar", Channel=caller, Variable="CONNECTEDLINE(name,i)", Value="")
        self.session.action("Setvar", Channel=caller, Variable="CONNECTEDLINE(num)", Value=number)
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=caller, Context=CONTEXT, Exten="sent", Priority="1")
        return caller, since

    def nobody_is_joined(self) -> None:
        """Who was to join whomever is not there any more is called back."""
        caller, mine = self.answered_from_outside()
        self.moves(caller, mine, "holding")
        self.hang_up(mine)
        self.session.action("Setvar", Channel=caller, Variable="PBXPANEL_WITH", Value=mine)
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=caller, Context=CONTEXT, Exten="join", Priority="1")
        self.session.event("BridgeEnter", since, Channel=caller)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(caller)

    def swapped(self, turns: int) -> tuple[str, str, str]:
        """Somebody from outside waits while 101 talks to 103, and they have been swapped so often: their channels."""
        caller, mine = self.consults("103")
        half = self.half_of(mine)
        for turn in range(turns):
            waiting, other = (caller, half) if turn % 2 == 0 else (half, caller)
            since_then = transfers.LONG_AGO if turn % 2 == 0 else transfers.NEVER
            for channel, name, value in (
                (waiting, "SINCE", since_then),
                (other, "BACK", "PJSIP/101"),
                (mine, "HELD", other),
                (mine, "WITH", waiting),
            ):
                self.session.action("Setvar", Channel=channel, Variable=f"PBXPANEL_{name}", Value=value)
            since = len(self.session.messages)
            self.session.action(
                "Redirect", Channel=other, Context=CONTEXT, Exten="hold", Priority="1",
                ExtraChannel=mine, ExtraContext=CONTEXT, ExtraExten="swap", ExtraPriority="1",
            )  # fmt: skip
            self.session.event("Newexten", since, Channel=other, Application="MusicOnHold")
            self.both_meet(since, waiting, mine)
        return caller, mine, half

    def answered_from_outside(self) -> tuple[str, str]:
        """A caller from outside talks to 101: both channels."""
        settle(self.session)
        since = len(self.session.messages)
        self.bench.dial_by_hand("101", "+4930123456", "Jürgen Groß")
        caller = self.bridged(since)
        return caller, self.last_new_channel("101")

    def moves(self, held: str, mine: str, extension: str, number: str = "") -> int:
        """One waits, the other is sent to an extension; returns the number of the first message after it."""
        for channel, name, value in (
            (held, "BACK", "PJSIP/101"),
            (mine, "HELD", held),
            (mine, "TARGET", number),
            (mine, "CONTEXT", "internal"),
        ):
            self.session.action("Setvar", Channel=channel, Variable=f"PBXPANEL_{name}", Value=value)
        if number:
            self.session.action("Setvar", Channel=mine, Variable="CONNECTEDLINE(name,i)", Value="")
            self.session.action("Setvar", Channel=mine, Variable="CONNECTEDLINE(num)", Value=number)
        since = len(self.session.messages)
        self.session.action(
            "Redirect", Channel=held, Context=CONTEXT, Exten="hold", Priority="1",
            ExtraChannel=mine, ExtraContext=CONTEXT, ExtraExten=extension, ExtraPriority="1",
        )  # fmt: skip
        self.session.event("Newexten", since, Channel=held, Application="MusicOnHold")
        settle(self.session)
        return since

    def consults(self, number: str) -> tuple[str, str]:
        """Somebody from outside waits while 101 calls the number: both channels, once that is answered or rings."""
        caller, mine = self.answered_from_outside()
        self.moves(caller, mine, "consult", number)
        return caller, mine

    def half_of(self, mine: str) -> str:
        """The half of a Local channel that is with this channel."""
        listed = self.session.listing("CoreShowChannels")
        (bridge,) = {m["BridgeId"] for m in listed if m.get("Channel") == mine}
        return next(m["Channel"] for m in listed if m.get("BridgeId") == bridge and m["Channel"] != mine)

    def brought_together(self, caller: str, other: str, *, held: str) -> None:
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("Setvar", Channel=held, Variable="PBXPANEL_SINCE", Value=transfers.NEVER)
        self.session.action("Bridge", Channel1=other, Channel2=caller, Tone="no")
        self.both_meet(since, caller, other)

    def both_meet(self, since: int, *channels: str) -> None:
        for channel in channels:
            self.session.event("BridgeEnter", since, Channel=channel)
        settle(self.session)

    # Calls through Local channels.

    def a_local_channel(self) -> None:
        since = self.originate("Local/602@internal", "600", CallerID='"Zoë" <4711>')
        mine = self.outcome(since)["Channel"]
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(mine)

    def a_local_channel_to_a_phone(self) -> None:
        since = self.originate("Local/102@internal", "600", CallerID='"Zoë" <4711>', Account="sales")
        self.bridged(since)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.hang_up(self.outcome(since)["Channel"])
        self.outcome(self.originate("Local/105@internal", "600", Timeout="1500"))

    # Conferences.

    def a_phone_joins_a_conference_alone(self) -> None:
        mine = self.joins("PJSIP/101", "8001", "CONNECTEDLINE(num,i)=8001")
        self.ask_about_conferences()
        self.hang_up(mine)
        self.ask_about_conferences()

    def a_phone_is_kicked(self) -> None:
        mine = self.joins("PJSIP/101", "8001")
        since = len(self.session.messages)
        self.session.action("ConfbridgeKick", **ROOM, Channel=mine)
        self.session.event("Hangup", since, Channel=mine)

    def a_caller_without_a_name_joins(self) -> None:
        since = len(self.session.messages)
        call = self.bench.dial_by_hand("8001", "+49891234", "")
        caller = self.joined(since)
        call.hang_up()
        self.session.event("Hangup", since, Channel=caller)

    def two_in_a_conference(self) -> None:
        ada = self.joins("Local/8001@internal", "602", CallerID='"Ada" <701>')
        since = len(self.session.messages)
        bob = self.joins("Local/8001@internal", "601", CallerID='"李雷" <702>')
        self.talks(since, "on")
        self.ask_about_conferences()
        self.session.listing("CoreShowChannels")
        for action, whom in (
            ("Mute", bob),
            ("Mute", bob),
            ("Unmute", bob),
            ("Unmute", bob),
            ("Mute", ada),
            ("Mute", "all"),
            ("Unmute", "all"),
            ("Mute", "participants"),
            ("Unmute", "participants"),
        ):
            self.mute(action, whom, bob)
        self.ask_about_conferences()
        for action in ("Mute", "Unmute", "Kick"):
            self.session.action(f"Confbridge{action}", **ROOM, Channel="PJSIP/nobody-00000000")
            self.session.action(f"Confbridge{action}", Conference="8009", Channel=bob)
        self.session.action("ConfbridgeList", Conference="8009")
        self.session.action("ConfbridgeLock", Conference="8009")
        for action in ("Lock", "Lock", "Unlock", "Unlock"):
            self.session.action(f"Confbridge{action}", **ROOM)
            settle(self.session, quiet=0.1)
            self.ask_about_conferences()
        since = len(self.session.messages)
        self.session.action("ConfbridgeKick", **ROOM, Channel=bob)
        self.session.event("Hangup", since, Channel=bob)
        settle(self.session)
        self.ask_about_conferences()
        self.hang_up(ada)

    def an_admin_and_everybody_at_once(self) -> None:
        self.joins("Local/8101@internal", "602", CallerID="<711>")
        self.joins("Local/8001@internal", "602", CallerID="<712>")
        self.ask_about_conferences()
        self.session.action("ConfbridgeMute", **ROOM, Channel="participants")
        settle(self.session)
        self.ask_about_conferences()
        self.session.action("ConfbridgeLock", **ROOM)
        refused = self.outcome(self.originate("Local/8001@internal", "602", CallerID="<713>"))["Channel"]
        since = len(self.session.messages)
        self.joins("Local/8101@internal", "602", CallerID="<714>")
        self.session.event("Hangup", since, Channel=refused)
        self.session.action("ConfbridgeKick", **ROOM, Channel="participants")
        settle(self.session)
        self.ask_about_conferences()
        since = len(self.session.messages)
        self.session.action("ConfbridgeKick", **ROOM, Channel="all")
        self.session.event("ConfbridgeEnd", since)

    def one_joins_muted(self) -> None:
        mine = self.joins("PJSIP/101", "8401")
        self.ask_about_conferences()
        self.session.action("ConfbridgeUnmute", **ROOM, Channel=mine)
        self.hang_up(mine)

    def a_conference_is_recorded(self) -> None:
        mine = self.joins("PJSIP/101", "8001")
        for action in ("Start", "Start", "Stop", "Stop"):
            self.session.action(f"Confbridge{action}Record", **ROOM)
            settle(self.session)
        self.ask_about_conferences()
        self.hang_up(mine)

    # Moderation.

    def dialplan_is_written(self) -> None:
        fields = {"Context": CONTEXT, "Extension": "try", "Priority": "1", "Application": "NoOp", "Replace": "yes"}
        for missing in ("Context", "Extension", "Priority", "Application"):
            self.session.action("DialplanExtensionAdd", **{k: v for k, v in fields.items() if k != missing})
        self.session.action("DialplanExtensionAdd", **{**fields, "Priority": "x"})
        self.session.action("DialplanExtensionAdd", **fields)
        self.session.action("DialplanExtensionAdd", **fields)
        self.session.action("DialplanExtensionAdd", **{**fields, "Replace": "no"})
        self.write_dialplan()

    def variables_are_set(self) -> None:
        ask = self.session.action
        mine = self.joins("Local/8001@internal", "602", CallerID="<721>")
        for action in ("Setvar", "Getvar", "Redirect"):
            ask(action)
            ask(action, Channel="PJSIP/nobody-00000000")
            ask(action, Channel="PJSIP/nobody-00000000", Variable="X", Value="1")
        for missing in ("Context", "Exten", "Priority", "none"):
            where = {"Channel": "PJSIP/nobody-00000000", "Context": CONTEXT, "Exten": "move", "Priority": "1"}
            ask("Redirect", **{key: value for key, value in where.items() if key != missing})
        ask("Setvar", Channel=mine, Variable="X", Value="8002,panel_bridge,a b")
        ask("Setvar", Channel=mine, Variable="EMPTY", Value="")
        functions = [f"{name}({of})" for name in ("CALLERID", "CONNECTEDLINE") for of in ("num", "name")]
        for variable in ("X", "EMPTY", "NEVER_SET", "TRUNK", "CHANNEL(state)", "CHANNEL(onhold)", *functions):
            ask("Getvar", Channel=mine, Variable=variable)
        self.hang_up(mine)

    def what_a_channel_is_like(self) -> None:
        self.session.action("Status", Channel="PJSIP/nobody-00000000")
        self.session.listing("Status")
        for caller in ('"Zoë" <4711>', ""):
            fields = {"CallerID": caller} if caller else {}
            mine = self.outcome(self.originate("Local/602@internal", "600", **fields))["Channel"]
            settle(self.session)
            self.session.action("Setvar", Channel=mine, Variable="X", Value="a = b")
            self.session.listing("Status", Channel=mine)
            self.session.listing("Status", Channel=mine, AllVariables="true")
            self.hang_up(mine)

    def one_is_moved(self) -> None:
        ada = self.joins("Local/8001@internal", "602", CallerID='"Ada" <722>')
        bob = self.joins("PJSIP/101", "8001")
        # They do not stay muted in the other conference.
        self.session.action("ConfbridgeMute", **ROOM, Channel=bob)
        for channel in (ada, bob):
            self.send(channel, "move", "8002,panel_bridge,panel_user,panel_menu")
            self.session.listing("CoreShowChannels")
        self.session.listing("ConfbridgeListRooms")
        self.session.listing("ConfbridgeList", Conference="8002")
        self.session.action("Command", Command="confbridge list 8002")
        self.send(ada, "move", "8001,panel_bridge,panel_admin,panel_menu")
        self.ask_about_conferences()
        self.hang_up(ada)
        self.hang_up(bob)

    def both_are_brought_into_a_conference(self) -> None:
        """What conferences/bringing.py asks; by no profiles, since nobody is there."""
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        theirs = self.last_new_channel("102")
        for channel in (mine, theirs):
            self.session.action("Setvar", Channel=channel, Variable="PBXPANEL_CONFERENCE", Value="8009")
        settle(self.session)
        since = len(self.session.messages)
        self.session.action(
            "Redirect", Channel=mine, Context=CONTEXT, Exten="move", Priority="1",
            ExtraChannel=theirs, ExtraContext=CONTEXT, ExtraExten="move", ExtraPriority="1",
        )  # fmt: skip
        for channel in (mine, theirs):
            self.session.event("ConfbridgeJoin", since, Channel=channel)
        settle(self.session)
        self.session.listing("CoreShowChannels")
        self.session.listing("ConfbridgeList", Conference="8009")
        for channel in (theirs, mine):
            self.hang_up(channel)

    def one_is_brought_into_a_conference(self) -> None:
        """Whoever was with it is let go."""
        ada = self.joins("Local/8001@internal", "602", CallerID='"Ada" <722>')
        mine = self.bridged(self.originate("PJSIP/101", "102"))
        self.send(mine, "move", "8001,panel_bridge,panel_user,panel_menu")
        self.session.listing("CoreShowChannels")
        self.ask_about_conferences()
        for channel in (mine, ada):
            self.hang_up(channel)

    def two_are_taken_aside(self) -> None:
        user = self.joins("Local/8401@internal", "602", CallerID='"User" <723>')
        admin = self.joins("Local/8101@internal", "602", CallerID='"Admin" <724>')
        for channel, profile in ((user, "panel_muted"), (admin, "panel_admin")):
            self.send(channel, "aside", "8001-aside,panel_bridge,,panel_menu", profile)
        self.session.listing("CoreShowChannels")
        self.session.listing("ConfbridgeListRooms")
        self.session.listing("ConfbridgeList", Conference="8001-aside")
        since = len(self.session.messages)
        self.session.action("ConfbridgeKick", Conference="8001-aside", Channel="all")
        self.session.event("ConfbridgeEnd", since)

    def one_is_sent_nowhere(self) -> None:
        mine = self.joins("Local/8001@internal", "602", CallerID="<725>")
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=mine, Context=CONTEXT, Exten="nowhere", Priority="1")
        self.session.event("Hangup", since, Channel=mine)

    def something_is_said(self) -> None:
        mine = self.joins("Local/8001@internal", "602", CallerID="<726>")
        for sound in ("beep", "no-such-sound"):
            since = len(self.session.messages)
            variables = (r"__PBXPANEL_CONFERENCE=8001\,panel_bridge", f"__PBXPANEL_SOUND={sound}", "__PBXPANEL_USER=7")
            self.session.action(
                "Originate", *variables, Channel=f"Local/voice@{CONTEXT}/n", Context=CONTEXT, Exten="sound",
                Priority="1", Async="true", Timeout="8000",
            )  # fmt: skip
            self.session.event("UserEvent", since, UserEvent="PanelSaid")
            self.session.event("ConfbridgeLeave", since)
            settle(self.session)
        self.hang_up(mine)

    def a_hand_is_raised(self) -> None:
        since = len(self.session.messages)
        mine = self.joins("Local/8001@internal", "625", CallerID="<727>")
        self.session.event("UserEvent", since, UserEvent="PanelHand")
        settle(self.session)
        # Lists show the menu's dialplan until something changes.
        self.session.listing("CoreShowChannels")
        self.session.action("ConfbridgeMute", **ROOM, Channel=mine)
        other = self.joins("Local/8001@internal", "602", CallerID="<728>")
        self.session.listing("CoreShowChannels")
        self.session.action("ConfbridgeKick", **ROOM, Channel=mine)
        settle(self.session)
        since = len(self.session.messages)
        mine = self.joins("Local/8001@internal", "625", CallerID="<729>")
        self.session.event("UserEvent", since, UserEvent="PanelHand")
        settle(self.session)
        self.hang_up(mine)
        since = len(self.session.messages)
        mine = self.joins("Local/8001@internal", "625", CallerID="<730>")
        self.session.event("UserEvent", since, UserEvent="PanelHand")
        settle(self.session)
        self.send(mine, "move", "8002,panel_bridge,panel_user,panel_menu")
        self.hang_up(mine)
        self.hang_up(other)

    def one_mutes_himself(self) -> None:
        since = len(self.session.messages)
        mine = self.joins("Local/8001@internal", "621", CallerID="<731>")
        self.session.event("ConfbridgeMute", since)
        other = self.joins("Local/8001@internal", "627", CallerID="<732>")
        self.session.event("DTMFEnd", since, Digit="7")
        self.ask_about_conferences()
        self.hang_up(mine)
        self.hang_up(other)

    def the_file_of_a_recording(self) -> None:
        self.session.action("ConfbridgeStartRecord", Conference="8009")
        mine = self.joins("Local/8001@internal", "602", CallerID="<733>")
        for file in ("confbridge-8001.wav", ""):
            self.session.action("ConfbridgeStartRecord", **ROOM, RecordFile=file)
            settle(self.session)
            recorder = self.recorder()
            self.session.action("Command", Command="core show channels")
            self.session.listing("CoreShowChannels")
            self.session.action("Getvar", Channel=recorder, Variable="MIXMONITOR_FILENAME")
            self.session.action("ConfbridgeStopRecord", **ROOM)
            settle(self.session)
            self.session.action("Getvar", Channel=recorder, Variable="MIXMONITOR_FILENAME")
            self.session.action("Command", Command="core show channels concise")
        self.session.action("ConfbridgeStartRecord", **ROOM)
        settle(self.session)
        self.hang_up(mine)

    def recorder(self) -> str:
        output = self.session.action("Command", Command="core show channels concise")["Output"]
        return next(line.split("!")[0] for line in output.split("\n") if line.startswith("CBRec/8001-"))

    def a_video_source_is_chosen(self) -> None:
        action = "ConfbridgeSetSingleVideoSrc"
        self.session.action(action)
        self.session.action(action, **ROOM)
        mine = self.joins("Local/8001@internal", "602", CallerID="<734>")
        other = self.joins("Local/8001@internal", "602", CallerID="<735>")
        self.session.action(action, **ROOM)
        self.session.action(action, Conference="8009", Channel=mine)
        self.session.action(action, **ROOM, Channel="PJSIP/nobody-00000000")
        self.session.action(action, **ROOM, Channel=mine)
        settle(self.session)
        self.session.action("ConfbridgeMute", **ROOM, Channel=other)
        settle(self.session)
        self.hang_up(mine)
        self.hang_up(other)

    def somebody_is_invited(self) -> None:
        for channel, caller, *ids in (
            ("Local/602@internal", '"Room" <8001>', "panel-1", "panel-2"),
            ("PJSIP/101", '"Room" <8001>', "panel-3"),
            ("Local/102@internal/n", '"Room" <8001>', "panel-4", "panel-5"),
            ("Local/602@internal", "", "panel-6"),
        ):
            since = self.invite(channel, *ids, caller=caller)
            self.joined(since)
        self.session.listing("CoreShowChannels")
        self.ask_about_conferences()
        # An id that is taken.
        self.outcome(self.invite("Local/602@internal", "panel-1", "panel-7"))
        since = len(self.session.messages)
        self.session.action("ConfbridgeKick", **ROOM, Channel="all")
        self.session.event("ConfbridgeEnd", since)

    def an_invitation_fails(self) -> None:
        for number, channel in enumerate(
            ("PJSIP/104", "PJSIP/109", "PJSIP/nobody", "Local/104@internal/n", "Local/nowhere@internal/n")
        ):
            self.outcome(self.invite(channel, f"panel-1{number}", f"panel-2{number}"))
            settle(self.session)
        self.outcome(self.invite("PJSIP/105", "panel-30", timeout="1000"))
        settle(self.session)
        self.outcome(self.invite("Local/105@internal/n", "panel-31", "panel-32", timeout="1500"))
        settle(self.session)
        since = self.invite("PJSIP/105", "panel-33")
        self.session.event("Newstate", since, ChannelStateDesc="Ringing")
        self.hang_up(self.last_new_channel("105"))

    # What the steps are made of.

    def write_dialplan(self, extensions: Mapping[str, Extension] = DIALPLAN) -> None:
        """As the panel does."""
        for extension, steps in extensions.items():
            for priority, (application, data) in enumerate(steps, 1):
                self.session.action(
                    "DialplanExtensionAdd", Context=CONTEXT, Extension=extension, Priority=str(priority),
                    Application=application, ApplicationData=data, Replace="yes",
                )  # fmt: skip

    def send(self, channel: str, extension: str, conference: str, user: str = "") -> None:
        """Send a participant through the panel's dialplan into another conference."""
        self.session.action("Setvar", Channel=channel, Variable="PBXPANEL_CONFERENCE", Value=conference)
        self.session.action("Setvar", Channel=channel, Variable="PBXPANEL_USER", Value=user)
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=channel, Context=CONTEXT, Exten=extension, Priority="1")
        self.session.event("ConfbridgeJoin", since, Channel=channel)
        settle(self.session)

    def invite(self, channel: str, *ids: str, caller: str = "", timeout: str = "8000") -> int:
        """Call somebody into a conference; the channels get these unique ids."""
        since = len(self.session.messages)
        fields = dict(zip(("ChannelId", "OtherChannelId"), ids, strict=False)) | (
            {"CallerID": caller} if caller else {}
        )
        self.session.action(
            "Originate", Channel=channel, Application="ConfBridge", Data="8001,panel_bridge,panel_user,panel_menu",
            Async="true", Timeout=timeout, **fields,
        )  # fmt: skip
        return since

    def originate(self, channel: str, extension: str, *variables: str, **fields: str) -> int:
        """Ask for a call; returns the number of the first message after it."""
        since = len(self.session.messages)
        self.session.action("Originate", *variables, Channel=channel, Exten=extension, **{**INTERNAL, **fields})
        return since

    def application(self, channel: str, application: str, data: str) -> int:
        """Ask for a call that runs an application; returns the number of the first message after it."""
        settle(self.session)
        since = len(self.session.messages)
        fields = {"Application": application, "Data": data, "Async": "true", "Timeout": "8000"}
        self.session.action("Originate", Channel=channel, **fields)
        return since

    def ends(self, channel: str, application: str, data: str) -> None:
        """The application ends by itself, and the channel with it."""
        since = self.application(channel, application, data)
        self.session.event("Hangup", since, Channel=self.outcome(since)["Channel"])

    def waits(self, channel: str) -> str:
        """A phone that hears nothing, in no bridge."""
        since = self.originate(channel, "602")
        waiting = self.outcome(since)["Channel"]
        self.session.event("Newexten", since, Channel=waiting, Application="Wait")
        return waiting

    def redirect(self, channel: str, extension: str) -> int:
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("Redirect", Channel=channel, Context="internal", Exten=extension, Priority="1")
        return since

    def park(self, channel: str, parker: str, **fields: str) -> Message:
        """Park a call, and wait until the parker has heard where."""
        settle(self.session)
        since = len(self.session.messages)
        self.session.action("Park", Channel=channel, TimeoutChannel=parker, **fields)
        parked = self.session.event("ParkedCall", since)
        settle(self.session, quiet=3.2, limit=3.5)
        return parked

    def rings_by_hand(self, to: str, number: str) -> str:
        """Somebody dials a phone that rings; the caller's channel is returned."""
        settle(self.session)
        since = len(self.session.messages)
        self.bench.dial_by_hand(to, number, "")
        return self.rings(since, to)

    def outcome(self, since: int) -> Message:
        return self.session.event("OriginateResponse", since)

    def bridged(self, since: int) -> str:
        """Wait until two are in a bridge; the caller, who enters it last, is returned."""
        first = self.session.event("BridgeEnter", since)
        return self.session.wait(
            lambda message: message.get("Event") == "BridgeEnter" and message["Uniqueid"] != first["Uniqueid"], since
        )["Channel"]

    def rings(self, since: int, number: str) -> str:
        """Wait until the other side rings; the caller's channel is returned."""
        caller = self.session.event("Newchannel", since)["Channel"]
        pattern = re.compile(rf"PJSIP/{number}-")
        self.session.wait(
            lambda message: (
                message.get("ChannelStateDesc") == "Ringing"
                and message["Event"] == "Newstate"
                and pattern.match(message["Channel"]) is not None
            ),
            since,
        )
        settle(self.session)
        return caller

    def last_new_channel(self, number: str) -> str:
        """The newest channel of a telephone; waits until something has happened with it."""
        settle(self.session)
        return next(
            message["Channel"]
            for message in reversed(self.session.messages)
            if message.get("Event") == "Newchannel" and message["Channel"].startswith(f"PJSIP/{number}-")
        )

    def hang_up(self, channel: str) -> None:
        since = len(self.session.messages)
        self.session.action("Hangup", Channel=channel, Cause="16")
        self.session.event("Hangup", since, Channel=channel)
        settle(self.session)

    def joins(self, channel: str, extension: str, *variables: str, **fields: str) -> str:
        since = self.originate(channel, extension, *variables, **fields)
        self.outcome(since)
        return self.joined(since)

    def joined(self, since: int) -> str:
        channel = self.session.event("ConfbridgeJoin", since)["Channel"]
        settle(self.session)
        return channel

    def talks(self, since: int, status: str) -> None:
        self.session.event("ConfbridgeTalking", since, TalkingStatus=status)

    def mute(self, action: str, whom: str, talker: str) -> None:
        """Mute or unmute; the talker's voice falls silent or is heard again a moment later."""
        since = len(self.session.messages)
        self.session.action(f"Confbridge{action}", **ROOM, Channel=whom)
        self.session.event(f"Confbridge{action}", since)
        settle(self.session)

    def ask_about_conferences(self) -> None:
        self.session.listing("ConfbridgeListRooms")
        self.session.listing("ConfbridgeList", **ROOM)


def converse(bench: Bench, actions: list[str]) -> Lines:
    """Speak with a switch over a fresh connection, until it closes it or falls silent."""
    with socket.create_connection(("127.0.0.1", bench.port), timeout=5) as connection:
        heard = connection.recv(4096)
        for action in actions:
            connection.sendall(f"{action}\r\n\r\n".encode())
            # A refused login is answered only after a second.
            heard += _hear(connection, patience=1.5 if "ogin" in action else 0.5)
        ended = _has_ended(connection)
    return [*comparable(heard), "closed" if ended else "open"]


def log_in_with_md5(bench: Bench) -> Lines:
    """The challenge, and the login that answers it."""
    with socket.create_connection(("127.0.0.1", bench.port), timeout=5) as connection:
        connection.recv(4096)
        connection.sendall(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
        nonce = re.findall(rb"Challenge: (\S+)", _hear(connection))[0].decode()
        key = hashlib.md5(f"{nonce}{bench.secret}".encode(), usedforsecurity=False).hexdigest()
        login = f"Action: Login\r\nAuthType: MD5\r\nUsername: {bench.user}\r\nKey: {key}\r\nEvents: system,call\r\n\r\n"
        connection.sendall(login.encode())
        return comparable(_hear(connection))


def comparable(heard: bytes) -> Lines:
    """Bytes → lines; of the events only FullyBooted."""
    greeting, _, rest = heard.decode().partition("\r\n")
    lines = [greeting] if greeting.startswith("Asterisk") else []
    text = rest if lines else heard.decode()
    for chunk in filter(None, text.split("\r\n\r\n")):
        pairs = (line.partition(":") for line in chunk.split("\r\n"))
        message = {key: value.removeprefix(" ") for key, _, value in pairs}
        if message.get("Event", "FullyBooted") == "FullyBooted":
            lines += block(message, Names())
    return lines


def _hear(connection: socket.socket, patience: float = 0.5) -> bytes:
    heard = b""
    connection.settimeout(patience)
    try:
        while received := connection.recv(65536):
            heard += received
    except (TimeoutError, ConnectionResetError):
        pass
    return heard


def _has_ended(connection: socket.socket) -> bool:
    connection.settimeout(2.0)
    try:
        return connection.recv(4096) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
