"""Daphne with bounds: nobody makes a web process keep more than `limits` says before it is known who asks.

Daphne itself reads the whole body of a request before Django is asked about it, however large and from whomever.
"""

from daphne.server import Server as Daphne  # isort: skip  it installs Twisted's reactor, so it comes first

import asyncio
import logging
from io import BytesIO
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.core.handlers.asgi import ASGIRequest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language_from_request
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from api.middleware import PREFIX
from api.problems import CONTENT_TYPE, OF_CODE, Problem
from engine import limits
from engine.live.fragments import Toast
from web.middleware import POLICY

logger = logging.getLogger(__name__)

# Of RFC 6455: a message that the other side should not have sent.
POLICY_VIOLATION = 1008


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """A request that keeps no more of its body than may be there, nor of an answer that comes in pieces than is on the
    way: to Twisted it is the producer of that answer.
    """

    def __init__(self, channel: http.HTTPChannel, queued: object) -> None:
        # Whether it is answered in pieces, and set while more of that may be written.
        self._is_in_pieces, self._writable = False, asyncio.Event()
        self._writable.set()
        # Twisted would take the body apart for nobody.
        super().__init__(channel, queued, parsePOSTFormSubmission=False)

    def gotLength(self, length: int | None) -> None:  # noqa: N802  Twisted's
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  Twisted's
        if self.channel.is_refused:
            return
        if self.content.tell() + len(data) > limits.BODY:
            self.channel.refuse_body()
        else:
            self.content.write(data)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("more_body") and not self._is_in_pieces and self.channel is not None:
            self._is_in_pieces = True
            self.registerProducer(self, streaming=True)
        super().handle_reply(message)

    def finish(self) -> None:
        if self._is_in_pieces:
            self.unregisterProducer()
        super().finish()

    async def written(self) -> None:
        """Wait until whoever reads an answer in pieces has read enough of it; who reads nothing for long is let go."""
        try:
            async with asyncio.timeout(limits.STALLED):
                await self._writable.wait()
        except TimeoutError:
            if self.channel is not None:
                self.channel.transport.abortConnection()

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's
        self._writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's
        self._writable.set()

    stopProducing = resumeProducing  # noqa: N815  Twisted's


class BoundedChannel(http.HTTPChannel):
    """A connection that refuses a body that is too large, at its announcement or where it passes the limit; and a
    request that takes too long to come. Twisted bounds the lines before the body: 16 KB, 500 of them.
    """

    is_refused = False
    # Of Twisted, which has no types for these.
    transport: Any
    callLater: Any  # noqa: N815
    getPeer: Any  # noqa: N815
    setTimeout: Any  # noqa: N815
    # What the first line of the request asks for.
    _path: bytes = b""  # type: ignore[assignment]
    _deadline: Any = None

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's
        if self._deadline is None and not self._handlingRequest and not self.is_refused:
            self._deadline = self.callLater(limits.REQUEST_TIME, self._refuse_time)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:  # noqa: N802  Twisted's
        if self.length is not None and self.length > limits.BODY:
            self.refuse_body()
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's
        if not self.is_refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802  Twisted's
        if not self.is_refused:
            self._stop_clock()
            super().allContentReceived()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  Twisted's
        self._stop_clock()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def refuse_body(self) -> None:
        self._refuse(413, limits.body_complaint)

    def _refuse_time(self) -> None:
        self._deadline = None
        self._refuse(408, limits.time_complaint)

    def _refuse(self, status: int, complaint: Any) -> None:
        """Answer in words, and drop the rest of the request for a while: who is still sending it could not read the
        answer of a connection that is closed.
        """
        self.is_refused = True
        self._stop_clock()
        self.setTimeout(None)
        request = self.requests[-1] if self.requests else None
        peer = getattr(self.getPeer(), "host", "a local socket")
        logger.warning("A request from %s was refused: %s.", peer, http.RESPONSES[status].decode())
        self.transport.write(_answer(request, self._path, status, complaint))
        self.transport.loseWriteConnection()
        self._deadline = self.callLater(limits.DRAIN_TIME, self.transport.abortConnection)

    def _stop_clock(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None


def _answer(request: http.Request | None, path: bytes, status: int, complaint: Any) -> bytes:
    """A whole response, in the language of whoever asks: problem details for a program, a toast for a button, else a
    page.
    """
    headers = [] if request is None else list(request.requestHeaders.getAllRawHeaders())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(name.lower(), value) for name, values in headers for value in values],
    }
    asked = ASGIRequest(scope, BytesIO())
    with translation.override(get_language_from_request(asked)):
        content_type = "text/html; charset=utf-8"
        if path.startswith(PREFIX.encode()):
            content_type, body = CONTENT_TYPE, Problem(OF_CODE[status], complaint()).response().content
        elif asked.headers.get("HX-Request"):
            body = Toast("danger", complaint()).html.encode()
        else:
            body = render_to_string("refused.html", {"text": complaint()}).encode()
    lines = [
        f"HTTP/1.1 {status} {http.RESPONSES[status].decode()}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        f"Content-Security-Policy: {POLICY}",
        "Cache-Control: no-store",
        "Referrer-Policy: same-origin",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class BoundedHTTPFactory(HTTPFactory):  # type: ignore[misc]
    protocol = BoundedChannel

    def buildProtocol(self, addr: Any) -> BoundedChannel:  # noqa: N802  Twisted's
        channel: BoundedChannel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest  # type: ignore[assignment]
        return channel


class BoundedWebSocket(WebSocketProtocol):  # type: ignore[misc]
    """A socket that takes short messages, and sends long ones; Autobahn has one limit for both."""

    maxMessagePayloadSize: int  # noqa: N815

    def sendMessage(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802  Autobahn's
        incoming, self.maxMessagePayloadSize = self.maxMessagePayloadSize, limits.BOARD
        try:
            super().sendMessage(*args, **kwargs)
        finally:
            self.maxMessagePayloadSize = incoming

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803  Autobahn's
        if self.application_queue.qsize() >= limits.MESSAGES_WAITING:
            self.sendClose(POLICY_VIOLATION)
        else:
            super().onMessage(payload, isBinary)


class BoundedWebSocketFactory(WebSocketFactory):  # type: ignore[misc]
    protocol = BoundedWebSocket


class Server(Daphne):  # type: ignore[misc]
    """Daphne, with the panel's limits. An application that sends an answer in pieces waits for who reads it."""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        await super().handle_reply(protocol, message)
        if isinstance(protocol, BoundedRequest) and message.get("more_body"):
            await protocol.written()

    def __init__(self, **options: Any) -> None:
        super().__init__(
            websocket_handshake_timeout=30,
            websocket_connect_timeout=30,
            websocket_max_message_size=limits.MESSAGE,
            websocket_max_frame_size=limits.MESSAGE,
            **options,
        )

    # Daphne makes its factories when it starts to run, and accepts no others.

    @property
    def http_factory(self) -> BoundedHTTPFactory:
        return self._http_factory

    @http_factory.setter
    def http_factory(self, daphnes: HTTPFactory) -> None:
        self._http_factory = BoundedHTTPFactory(self)

    @property
    def ws_factory(self) -> BoundedWebSocketFactory:
        return self._ws_factory

    @ws_factory.setter
    def ws_factory(self, daphnes: WebSocketFactory) -> None:
        self._ws_factory = BoundedWebSocketFactory(self, server=self.server_name)
