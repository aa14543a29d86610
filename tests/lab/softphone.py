"""A telephone that is told what to do while it talks: hold, press keys, transfer (REFER), hang up; or to watch a hint.

The sipp phones follow a script.

It knows the little SIP that Asterisk on loopback asks of it: UDP, no authentication, no audio.
"""

from __future__ import annotations

import itertools
import queue
import re
import secrets
import socket
import threading
import time
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

from .asterisk import HOST, Asterisk

Sip = tuple[str, dict[str, str]]
Watched = Literal["dialog", "presence"]
# What a telephone is sent of a hint, by what it asks for: who talks there, or whether somebody is there.
_FORMS: dict[Watched, str] = {"dialog": "application/dialog-info+xml", "presence": "application/pidf+xml"}
TIMEOUT = 10.0


class Softphone:
    """The telephone of an extension. It answers every call at once; `calls` holds those that came in, in order.

    One that `rings` answers when it is told to, by a NOTIFY of `Event: talk`; where `obeys` is no, not even then.
    """

    def __init__(self, asterisk: Asterisk, number: str, *, rings: bool = False, obeys: bool = True) -> None:
        self.rings, self.obeys = rings, obeys
        self.asterisk, self.number = asterisk, number
        self.port = asterisk.phone_ports[number]
        self.calls: queue.Queue[SoftCall] = queue.Queue()
        self._by_id: dict[str, SoftCall | Subscription] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, self.port))
        self._socket.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for call in list(self._by_id.values()):
            if not call.ended:
                call.end()
        self._over.set()
        self._thread.join(TIMEOUT)
        self._socket.close()

    def call(self, number: str) -> SoftCall:
        """Call an extension and wait until it answers."""
        uri = f"sip:{number}@{HOST}:{self.asterisk.sip_port}"
        call = SoftCall(
            self, secrets.token_hex(8), f"<sip:{self.number}@{HOST}>;tag={secrets.token_hex(4)}", f"<{uri}>", uri
        )
        self._by_id[call.id] = call
        call.invite("sendrecv")
        return call

    def subscribe(self, number: str, event: Watched) -> Subscription:
        """Watch the hint of an extension, as the lamp of a key does, until the telephone ends."""
        uri = f"sip:{number}@{HOST}:{self.asterisk.sip_port}"
        us = f"<sip:{self.number}@{HOST}>;tag={secrets.token_hex(4)}"
        found = Subscription(self, secrets.token_hex(8), us, f"<{uri}>", uri, event)
        self._by_id[found.id] = found
        found.subscribe(300)
        return found

    def send(self, first_line: str, headers: list[str], body: str = "") -> None:
        is_told = any(header.startswith("Content-Type:") for header in headers)
        kind = ["Content-Type: application/sdp"] if body and not is_told else []
        lines = [first_line, *headers, *kind, f"Content-Length: {len(body)}", "", body]
        self._socket.sendto("\r\n".join(lines).encode(), (HOST, self.asterisk.sip_port))

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                text = self._socket.recv(65536).decode("utf-8", "replace")
            except TimeoutError:
                continue
            head, _, body = text.partition("\r\n\r\n")
            first_line, *lines = head.split("\r\n")
            headers: dict[str, str] = {}
            for name, _, value in (line.partition(":") for line in lines):
                headers[name] = f"{headers[name]}\r\n{name}: {value.strip()}" if name in headers else value.strip()
            dialog = self._by_id.get(headers["Call-ID"])
            if first_line.startswith("SIP/2.0 "):
                if dialog is not None:
                    dialog.answers.put((first_line, headers))
            elif isinstance(dialog, Subscription):
                self._reply("SIP/2.0 200 OK", headers, dialog)
                dialog.told.put(body)
                dialog.ended = headers["Subscription-State"].startswith("terminated") or dialog.ended
            else:
                self._obey(first_line, headers, dialog)

    def _obey(self, first_line: str, headers: dict[str, str], call: SoftCall | None) -> None:
        method = first_line.partition(" ")[0]
        if method == "ACK":
            return
        if call is None and method == "INVITE":
            us = f"{headers['To']};tag={secrets.token_hex(4)}"
            target = headers["Contact"].strip("<>")
            call = self._by_id[headers["Call-ID"]] = SoftCall(self, headers["Call-ID"], us, headers["From"], target)
            self.calls.put(call)
        if method in ("BYE", "CANCEL") and call is not None:
            call.ended = True
        if method == "INVITE" and self.rings and call is not None and call.ringing is None:
            call.ringing = headers
            self._reply("SIP/2.0 180 Ringing", headers, call)
            return
        self._reply("SIP/2.0 200 OK", headers, call, self.sdp("sendrecv") if method == "INVITE" else "")
        if call is None or call.ringing is None:
            return
        if method == "NOTIFY" and headers.get("Event") == "talk" and self.obeys:
            self._reply("SIP/2.0 200 OK", call.ringing, call, self.sdp("sendrecv"))
        elif method == "CANCEL":
            self._reply("SIP/2.0 487 Request Terminated", call.ringing, call)

    def _reply(self, status: str, headers: dict[str, str], call: Dialog | None, body: str = "") -> None:
        to = call.us if call is not None and "tag=" not in headers["To"] else headers["To"]
        reply = [f"{name}: {headers[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
        self.send(status, [*reply, f"To: {to}", f"Contact: <sip:{self.number}@{HOST}:{self.port}>"], body)

    def sdp(self, direction: str) -> str:
        return (
            f"v=0\r\no=lab 1 {next(_versions)} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {self.port + 1} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
        )


class Dialog:
    """One dialog of a softphone with Asterisk; `us` and `them` are the addresses with their tags."""

    def __init__(self, phone: Softphone, call_id: str, us: str, them: str, target: str) -> None:
        self.phone, self.id, self.us, self.them, self.target = phone, call_id, us, them, target
        self.ended = False
        self.answers: queue.Queue[Sip] = queue.Queue()
        self._cseq = itertools.count(1)

    def end(self) -> None:
        """As the telephone does that is switched off in order."""
        raise NotImplementedError

    def _request(self, method: str, *headers: str, body: str = "") -> tuple[int, Sip]:
        """Send a request, again and again as UDP wants it, until its final answer comes."""
        number, branch = next(self._cseq), secrets.token_hex(8)
        deadline = time.monotonic() + TIMEOUT
        self._send(method, number, *headers, body=body, branch=branch)
        while True:
            try:
                first_line, answer = self.answers.get(timeout=0.5)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer to {method}") from None
                self._send(method, number, *headers, body=body, branch=branch)
                continue
            if answer["CSeq"] == f"{number} {method}" and not first_line.startswith("SIP/2.0 1"):
                return number, (first_line, answer)

    def _send(self, method: str, number: int, *headers: str, body: str = "", branch: str = "") -> None:
        fixed = [
            f"Via: SIP/2.0/UDP {HOST}:{self.phone.port};branch=z9hG4bK{branch or secrets.token_hex(8)}",
            f"From: {self.us}",
            f"To: {self.them}",
            f"Call-ID: {self.id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.phone.number}@{HOST}:{self.phone.port}>",
            "Max-Forwards: 70",
            "Allow: INVITE, ACK, BYE, CANCEL, NOTIFY, REFER",
        ]
        self.phone.send(f"{method} {self.target} SIP/2.0", [*fixed, *headers], body)


class Subscription(Dialog):
    """What a softphone is told of the hint of an extension, each as the body of a NOTIFY; the first is how it is."""

    def __init__(self, phone: Softphone, call_id: str, us: str, them: str, target: str, event: Watched) -> None:
        super().__init__(phone, call_id, us, them, target)
        self.event = event
        self.told: queue.Queue[str] = queue.Queue()

    def subscribe(self, seconds: int) -> None:
        """SUBSCRIBE for so long; for no time, to end it."""
        wanted = f"Event: {self.event}", f"Accept: {_FORMS[self.event]}", f"Expires: {seconds}"
        _number, (first_line, headers) = self._request("SUBSCRIBE", *wanted)
        if not first_line.startswith("SIP/2.0 200"):
            raise RuntimeError(f"the subscription was refused: {first_line}")
        self.them, self.target = headers["To"], headers["Contact"].strip("<>")

    def end(self) -> None:
        self.ended = True
        self.subscribe(0)


class SoftCall(Dialog):
    """A call of a softphone with Asterisk."""

    def __init__(self, phone: Softphone, call_id: str, us: str, them: str, target: str) -> None:
        super().__init__(phone, call_id, us, them, target)
        # The INVITE that waits for its answer.
        self.ringing: dict[str, str] | None = None

    def hold(self) -> None:
        self.invite("sendonly")

    def take_back(self) -> None:
        self.invite("sendrecv")

    def press(self, keys: str) -> None:
        """Key in some digits, each told by an INFO."""
        for key in keys:
            _number, (first_line, _headers) = self._request(
                "INFO", "Content-Type: application/dtmf-relay", body=f"Signal={key}\r\nDuration=160\r\n"
            )
            if not first_line.startswith("SIP/2.0 200"):
                raise RuntimeError(f"the key was refused: {first_line}")

    def transfer(self, number: str) -> None:
        """Blind: the other side is sent to a number; this call ends."""
        self._refer(f"<sip:{number}@{HOST}:{self.phone.asterisk.sip_port}>")

    def connect_with(self, other: SoftCall) -> None:
        """Attended: the other sides of both calls are connected; both calls end."""
        replaces = quote(f"{other.id};to-tag={_tag(other.them)};from-tag={_tag(other.us)}", safe="")
        self._refer(f"<{other.target.partition(';')[0]}?Replaces={replaces}>")

    def hang_up(self) -> None:
        self.ended = True
        self._request("BYE")

    def end(self) -> None:
        self.hang_up()

    def invite(self, direction: str) -> None:
        """INVITE, or a second one to hold or to take back; returns once it was accepted."""
        number, (first_line, headers) = self._request("INVITE", body=self.phone.sdp(direction))
        if not first_line.startswith("SIP/2.0 200"):
            raise RuntimeError(f"the call was refused: {first_line}")
        self.them, self.target = headers["To"], headers["Contact"].strip("<>")
        self._send("ACK", number)

    def _refer(self, to: str) -> None:
        _, (first_line, _headers) = self._request("REFER", f"Refer-To: {to}", f"Referred-By: {_address(self.us)}")
        if not first_line.startswith("SIP/2.0 202"):
            raise RuntimeError(f"the transfer was refused: {first_line}")


_versions = itertools.count(1)


def _tag(address: str) -> str:
    found = re.search(r";tag=([^;]+)", address)
    assert found is not None, address
    return found[1]


def _address(party: str) -> str:
    return party.partition(";tag=")[0]
