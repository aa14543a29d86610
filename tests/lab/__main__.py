"""``make lab``: a real Asterisk on loopback with three telephones, to try the panel with. Ends with Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import time
from types import FrameType

from .ami import Ami
from .asterisk import CALLER_IDS, Asterisk, is_free
from .chroot import VERSIONS, LabUnavailableError
from .phones import Behaviour, Phone

# What everybody's configuration examples use; a free port is taken where another program sits on one.
FRIENDLY_PORTS = {"ami": 5038, "amis": 5039, "http": 8088, "https": 8089, "sip": 5060, "trunk": 5070}
PHONES: dict[str, Behaviour] = {"101": "answer", "102": "ring", "103": "busy", "trunk": "answer"}
LIFETIME = 12 * 3600.0
MOST_CALLS = 500
MOST_PARTICIPANTS = 150

NAMES = ("Anna Alpha", "Ben Beta", "李雷", "Zoë Zürcher", "O'Brien & Söhne", "Δήμητρα", "<b>Bold</b>", "")


def main() -> int:
    arguments = _arguments()
    ports = {name: port for name, port in FRIENDLY_PORTS.items() if is_free(port)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with contextlib.ExitStack() as stack:
            print(
                f"Starting Asterisk {arguments.version} (the first time it is downloaded, about a minute) …", flush=True
            )
            asterisk = stack.enter_context(Asterisk(arguments.version, ports))
            for number_, behaviour in PHONES.items():
                stack.enter_context(Phone(asterisk, number_, behaviour, LIFETIME))
            print(_welcome(asterisk), flush=True)
            _run(asterisk, arguments.calls, arguments.conference)
    except LabUnavailableError as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument(
        "--version", choices=VERSIONS, default=VERSIONS[0], help="which Asterisk (default: %(default)s)"
    )
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="keep about N calls going that come and go")
    parser.add_argument(
        "--conference", type=int, default=0, metavar="M", help="put M participants into conference 8001"
    )
    arguments = parser.parse_args()
    arguments.calls = max(0, min(arguments.calls, MOST_CALLS))
    arguments.conference = max(0, min(arguments.conference, MOST_PARTICIPANTS))
    return arguments


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _welcome(asterisk: Asterisk) -> str:
    return f"""
Asterisk {asterisk.version} runs. For the panel, one of:

  AMI_URL='{asterisk.url("tcp")}'
  AMI_URL='{asterisk.url("tls")}'
  AMI_URL='{asterisk.url("http")}'
  AMI_URL='{asterisk.url("https", path="arawman")}'
  AMI_URL='{asterisk.limited_url}'   (a user who may do little)

Dial, in context internal:

  101 answers · 102 rings for ever · 103 is busy · 108 is silent · 109 is not registered
  600 echo · 601 tone · 602 silence · 603 rings for ever · 604 busy · 605 congestion
  606 answers after 2 s · 607 hangs up after 1 s · 608 talks on and off · 609 music · 610 queue · 611 queue of nobody
  8001 conference · 8101 the same as admin · 8201 waits for an admin · 8301 with prompts · 8401 joins muted
  9… outside line

A call without a telephone, from Asterisk's console or by AMI's Originate:

  chroot {asterisk.root} asterisk -C {asterisk.configuration} \\
    -rx 'channel originate Local/8001@internal extension 608@internal'

Ctrl-C stops everything.
"""


def _run(asterisk: Asterisk, calls: int, participants: int) -> None:
    """Keep the traffic up until somebody stops it."""
    ends = time.monotonic() + LIFETIME
    with asterisk.ami() as session:
        session.action("Events", EventMask="off")
        for count in range(participants):
            _originate(session, "Local/8001@internal", Context="internal", Exten=random.choice(("602", "608")),
                       Priority="1", CallerID=_caller(count))  # fmt: skip
            time.sleep(0.02)
        count = 0
        while time.monotonic() < ends:
            if calls:
                # Each call is a Local channel, which is two.
                missing = calls - (len(asterisk.channels()) // 2 - participants)
                for _ in range(max(0, min(missing, 1 + calls // 10))):
                    count += 1
                    _originate(session, random.choice(("Local/602@internal", "Local/606@internal")), Application="Wait",
                               Data=str(random.randint(5, 60)), CallerID=_caller(count))  # fmt: skip
            time.sleep(1)


def _originate(session: Ami, channel: str, **fields: str) -> None:
    session.action("Originate", Channel=channel, Async="true", **fields)


def _caller(count: int) -> str:
    name = random.choice(NAMES)
    number = random.choice(list(CALLER_IDS)) if count % 3 else f"040{random.randint(1000000, 9999999)}"
    return f'"{name}" <{number}>'


if __name__ == "__main__":
    sys.exit(main())
