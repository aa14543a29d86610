"""Telephones for the lab: Debian's ``sipp`` with scenario files of ours, one process for each phone."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from .asterisk import HOST, Asterisk, free_port, give_back

SCENARIOS = Path(__file__).parent / "sipp"
DEFAULT_LIFETIME = 600.0
# sipp listens for video, too, so far beside the port of its audio. Where one of them is not free it ends: then it is
# started again.
VIDEO, MOST_STARTS = 2, 5

Behaviour = Literal["answer", "ring", "busy", "decline", "answer_and_hangup", "answer_and_hold"]
Headers = dict[str, str]

_numbers = itertools.count(1)
# Those that were started during the test that runs, for what is told when it fails.
started: list[Sipp] = []
# How sipp's message log introduces each message.
_BORDER = re.compile(r"^-{20,}[^\n]*\n[A-Z0-9]+ message (received|sent) [^\n]*\n\n", re.MULTILINE)


class Sipp:
    """One sipp process, with the log of every message it sent and received."""

    def __init__(self, asterisk: Asterisk, scenario: str, port: int, *options: str, lifetime: float) -> None:
        self.asterisk = asterisk
        self.port = port
        self._scenario = scenario
        self._options = options
        self._lifetime = lifetime
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._media = set[int]()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        started.append(self)
        folder = self.asterisk.folder / "phones"
        folder.mkdir(exist_ok=True)
        for _ in range(MOST_STARTS):
            media = free_port(VIDEO)
            self._media = {media, media + VIDEO}
            process = self._spawn(folder, media)
            if self._listens(process) or self.messages("sent"):
                return
            self._give_back_media()  # somebody else on this machine was faster
        raise RuntimeError(f"sipp ended at its start: {self.story()}")

    def _give_back_media(self) -> None:
        """Once: somebody else may have the ports after that."""
        give_back(*self._media)
        self._media.clear()

    def _spawn(self, folder: Path, media: int) -> subprocess.Popen[bytes]:
        log = self._log = folder / f"{self._scenario}-{next(_numbers)}.log"
        with log.with_suffix(".errors").open("wb") as errors:
            process = self._process = subprocess.Popen(
                [
                    "sipp", *self._options, "-sf", str(SCENARIOS / f"{self._scenario}.xml"),
                    "-i", HOST, "-p", str(self.port), "-mi", HOST, "-mp", str(media), "-ci", HOST, "-nostdin",
                    "-trace_msg", "-message_file", str(log), "-timeout", f"{self._lifetime:.0f}s",
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=folder,
                start_new_session=True,
            )  # fmt: skip
        return process

    def _listens(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it listens on all its ports; False where it has ended before (its call may be over already)."""
        # Each line of the kernel's list has the local address as hexadecimal, little-endian.
        wanted = [f" 0100007F:{port:04X} " for port in (self.port, *self._media)]
        deadline = time.monotonic() + 10
        while True:
            listening = Path("/proc/net/udp").read_text()
            if process.poll() is not None:
                return False
            if all(port in listening for port in wanted):
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise TimeoutError(f"sipp does not listen: {self.story()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Hang up as the phone's user would, and end the process. The log stays readable."""
        process, self._process = self._process, None
        self._give_back_media()
        if process is None or process.poll() is not None:
            return
        # sipp ends without a word to the other side; so the goodbyes are said for it, from the same port.
        process.kill()
        process.wait(3)
        if goodbyes := self._goodbyes():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
                voice.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                voice.bind((HOST, self.port))
                for text in goodbyes:
                    voice.sendto(text.encode(), (HOST, self.asterisk.sip_port))

    def story(self) -> str:
        """What became of it, for a test that failed: the process, its complaints, each message's first line."""
        process = self._process
        state = (
            "stopped" if process is None else "running" if process.poll() is None else f"ended: {process.returncode}"
        )
        lines = [f"sipp {self._scenario} on port {self.port} {' '.join(self._options)}: {state}"]
        if self._log is None or not self._log.parent.exists():
            return f"{lines[0]}; its Asterisk has ended"
        lines.append(self._log.with_suffix(".errors").read_text(encoding="utf-8", errors="replace")[-500:].strip())
        lines += [f"  {way} {first_line}" for way, (first_line, _headers) in self._history()]
        return "\n".join(filter(None, lines))

    def messages(self, direction: Literal["received", "sent"]) -> list[tuple[str, Headers]]:
        """The first line and the headers of every SIP message so far, in order."""
        return [message for way, message in self._history() if way == direction]

    def _history(self) -> list[tuple[str, tuple[str, Headers]]]:
        """The same of both directions, each with its own."""
        if self._log is None or not self._log.exists():
            return []
        parts = _BORDER.split(self._log.read_text(encoding="utf-8", errors="replace"))
        return [(way, _parse(text)) for way, text in zip(parts[1::2], parts[2::2], strict=True)]

    def _goodbyes(self) -> list[str]:
        """What ends each call that is still going on: BYE when it was answered, else CANCEL or a refusal."""
        sent, received = self.messages("sent"), self.messages("received")
        texts = []
        for call_id, invite in _first_invites(sent + received).items():
            history = [message for message in sent + received if message[1].get("Call-ID") == call_id]
            over = any(line.startswith(("BYE ", "CANCEL ")) for line, _ in history)
            answers = [
                (int(line.split(" ")[1]), headers)
                for line, headers in history
                if line.startswith("SIP/2.0 ") and headers.get("CSeq") == invite["CSeq"]
            ]
            if over or not answers:
                continue
            status, answer = answers[-1]
            outgoing = call_id in _first_invites(sent)
            cseq, via = invite["CSeq"], invite["Via"]
            if 200 <= status < 300:
                us, them = (invite["From"], answer["To"]) if outgoing else (answer["To"], invite["From"])
                uri = _uri((answer if outgoing else invite)["Contact"])
                via = f"SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK-bye-{next(_numbers)}"
                texts.append(_message(f"BYE {uri} SIP/2.0", call_id, us, them, "900 BYE", via))
            elif status < 200 and outgoing:
                first_line, cseq = f"CANCEL {_uri(invite['To'])} SIP/2.0", cseq.replace("INVITE", "CANCEL")
                texts.append(_message(first_line, call_id, invite["From"], invite["To"], cseq, via))
            elif status < 200:
                first_line = "SIP/2.0 480 Temporarily Unavailable"
                texts.append(_message(first_line, call_id, invite["From"], answer["To"], cseq, via))
        return texts


class Phone(Sipp):
    """The telephone of an extension (or the other end of the trunk), which behaves in one way.

    Args:
        asterisk: the instance that calls it.
        number: "101" … "107", or "trunk".
        behaviour: what it does with a call. ``answer`` rings once and answers; ``ring`` rings for ever; ``busy``
            and ``decline`` refuse; ``answer_and_hangup`` hangs up after a second; ``answer_and_hold`` holds the
            call after one second and takes it back after two.
        lifetime: the process ends by itself after so many seconds.
    """

    def __init__(
        self, asterisk: Asterisk, number: str, behaviour: Behaviour = "answer", lifetime: float = DEFAULT_LIFETIME
    ) -> None:
        port = asterisk.trunk_port if number == "trunk" else asterisk.phone_ports[number]
        super().__init__(asterisk, behaviour, port, lifetime=lifetime)
        self.number = number
        self.behaviour = behaviour

    def invites(self) -> list[Headers]:
        """The headers of each call that came in: From, To, P-Asserted-Identity, Remote-Party-ID and the rest.

        ``URI`` holds the request's address. A retransmission is not a second call.
        """
        return [headers for headers in self._all_invites() if ";tag=" not in headers.get("To", "")]

    def updates(self) -> list[Headers]:
        """The headers of each INVITE within a call: a changed display, a hold."""
        return [headers for headers in self._all_invites() if ";tag=" in headers.get("To", "")]

    def wait_for_invite(self, count: int = 1, timeout: float = 10.0) -> Headers:
        """The headers of call number ``count``, as soon as it is there."""
        deadline = time.monotonic() + timeout
        while len(calls := self.invites()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"phone {self.number} was not called")
            time.sleep(0.02)
        return calls[count - 1]

    def _all_invites(self) -> list[Headers]:
        seen: dict[tuple[str, str], Headers] = {}
        for first_line, headers in self.messages("received"):
            if first_line.startswith("INVITE "):
                key = (headers.get("Call-ID", ""), headers.get("CSeq", ""))
                seen.setdefault(key, {"URI": first_line.split(" ")[1], **headers})
        return list(seen.values())


class Caller(Sipp):
    """A call into the PBX, held until one side ends it.

    Args:
        asterisk: the instance to call.
        to: the extension or number that is dialled.
        number: the caller's own number. One of "101" … "107" calls as that phone, in context ``internal``;
            any other comes from outside, in ``from-outside``.
        name: the caller's display name: any text but line ends.
        lifetime: the process ends by itself after so many seconds.
    """

    def __init__(
        self,
        asterisk: Asterisk,
        to: str,
        number: str = "0401234567",
        name: str = "",
        lifetime: float = DEFAULT_LIFETIME,
    ) -> None:
        if re.search(r"[\r\n]", to + number + name):
            raise ValueError("A name or number in SIP holds no line end.")
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '" ' if name else ""
        caller = f"{quoted}<sip:{number}@{HOST}>"
        super().__init__(
            asterisk, "call", free_port(),
            f"{HOST}:{asterisk.sip_port}", "-m", "1", "-key", "caller", caller, "-key", "number", to,
            lifetime=lifetime,
        )  # fmt: skip

    @property
    def status(self) -> int | None:
        """The newest answer to the call: 180 it rings, 200 it was answered, 486 busy, …; None: none yet."""
        answers = [line for line, headers in self.messages("received") if line.startswith("SIP/2.0 ")
                   and headers.get("CSeq", "").endswith("INVITE")]  # fmt: skip
        return int(answers[-1].split(" ")[1]) if answers else None

    @property
    def ended(self) -> bool:
        """Whether the call is over."""
        return self._process is None or self._process.poll() is not None

    def wait_for_status(self, status: int, timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while self.status != status:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the call has status {self.status}, not {status}")
            time.sleep(0.02)


def _first_invites(messages: list[tuple[str, Headers]]) -> dict[str, Headers]:
    """The first INVITE of each call."""
    return {headers["Call-ID"]: headers for line, headers in reversed(messages) if line.startswith("INVITE ")}


def _uri(address: str) -> str:
    return address.partition("<")[2].partition(">")[0]


def _message(first_line: str, call_id: str, us: str, them: str, cseq: str, via: str) -> str:
    """A SIP message without a body."""
    fields = (f"Via: {via}", f"From: {us}", f"To: {them}", f"Call-ID: {call_id}", f"CSeq: {cseq}")
    return "\r\n".join((first_line, *fields, "Max-Forwards: 70", "Content-Length: 0", "", ""))


def _parse(text: str) -> tuple[str, Headers]:
    first_line, *lines = text.partition("\n\n")[0].replace("\r", "").split("\n")
    headers: Headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name, value.strip())
    return first_line, headers
