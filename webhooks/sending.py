"""One try: a webhook is sent to where its host's name stands for at this moment, if that may be.

The address that was checked is the one that is connected to: nothing looks the name up a second time. A redirect is
not followed, a proxy that the environment names is not used, and of an answer only its beginning is read.
"""

import asyncio
import contextlib
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import certifi
import httpcore
from django.utils.http import parse_http_date_safe

from .addresses import Address, is_allowed
from .models import Delivery

Error = Delivery.Error

# How long a try may take, in seconds.
TIME_LIMIT = 15.0
# So much of an answer is read, in bytes, and kept, in characters.
READ, KEPT = 4096, 1000
# How many connections there are at a time, and how long one that is not used is kept, in seconds.
CONNECTIONS, KEEP_ALIVE = 100, 10.0
# How long until the next address of a host is tried, in seconds.
NEXT_ADDRESS_AFTER = 4.0
# How many names are looked up at a time; what looks them up cannot be broken off.
LOOKUPS = 16

# The addresses of a host, as `socket.getaddrinfo` finds them. Raises `OSError`.
LookUp = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try: the status of the answer, if there was one, and its beginning; else what went wrong."""

    status: int | None = None
    answer: str = ""
    error: str = ""
    detail: str = ""
    # For how long the receiver wants to be left alone, in seconds.
    retry_after: float = 0.0

    @property
    def is_done(self) -> bool:
        return not self.error


class NotAllowed(Exception):
    """Nothing is sent to this address."""


class NoAddress(Exception):
    """The name stands for no address."""


def look_up(host: str) -> list[str]:
    """The addresses that a name stands for now. Blocks."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


class Names:
    """Looks names up, each but once at a time, so that one whose server does not answer holds up no other."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        # Not the threads of the event loop: the database is asked in those.
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="names")
        self._asked: dict[str, asyncio.Future[Iterable[str]]] = {}

    async def allowed(self, host: str) -> list[Address]:
        """The addresses of a host to which anything may be sent. Raises `NoAddress` or `NotAllowed`."""
        try:
            found = [ipaddress.ip_address(host)]
        except ValueError:
            found = [ipaddress.ip_address(text) for text in await self._addresses(host)]
        allowed = [address for address in found if is_allowed(address)]
        if not allowed:
            raise NotAllowed(str(found[0]))
        return allowed

    async def _addresses(self, host: str) -> Iterable[str]:
        if host not in self._asked:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host)
            self._asked[host] = asked
            asked.add_done_callback(lambda _: self._asked.pop(host))
        try:
            # Whoever waits no longer leaves it to the others.
            return await asyncio.shield(self._asked[host])
        except (OSError, UnicodeError):
            raise NoAddress(host) from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to a host by an address of it that is allowed."""

    def __init__(self, names: Names) -> None:
        self._names, self._network = names, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the host's addresses, one after another. Raises `httpcore.ConnectError`, and what `Names` raises."""
        *others, last = await self._names.allowed(host)
        connect = partial(
            self._network.connect_tcp, port=port, local_address=local_address, socket_options=socket_options
        )
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await connect(str(address), timeout=NEXT_ADDRESS_AFTER)
        return await connect(str(last), timeout=timeout)


class Sender:
    """Sends webhooks over connections of its own. Use `Sender.open`."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, time_limit: float) -> None:
        self._pool, self._time_limit = pool, time_limit

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, look_up: LookUp = look_up, time_limit: float = TIME_LIMIT) -> AsyncIterator["Sender"]:
        names = Names(look_up)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=CheckedNetwork(names),
        )
        try:
            async with pool:
                yield cls(pool, time_limit)
        finally:
            names.close()

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Result:
        """Send it once. Whatever goes wrong is in the result."""
        try:
            async with asyncio.timeout(self._time_limit):
                return await self._send(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            return Result(error=Error.TIMEOUT, detail=f"{self._time_limit:g}")
        except NotAllowed as error:
            return Result(error=Error.ADDRESS, detail=str(error))
        except NoAddress:
            return Result(error=Error.NAME)
        except httpcore.ConnectError as error:
            is_tls = isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError)
            return Result(error=Error.TLS if is_tls else Error.CONNECT, detail=_reason(error)[:200])
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            return Result(error=Error.PROTOCOL)

    async def _send(self, url: str, headers: Mapping[str, str], body: str) -> Result:
        content = body.encode()
        sent = [*headers.items(), ("Content-Length", str(len(content)))]
        async with self._pool.stream("POST", url, headers=sent, content=content) as response:
            return result_of(response.status, await _beginning(response), _retry_after(response.headers))


def result_of(status: int, answer: str, retry_after: float = 0.0) -> Result:
    """What an answer means: done is what the receiver says it has taken."""
    if 200 <= status < 300:
        return Result(status, answer)
    if 300 <= status < 400:
        return Result(status, answer, Error.REDIRECT)
    if status == 410:
        return Result(status, answer, Error.GONE)
    return Result(status, answer, Error.STATUS, str(status), retry_after)


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """What the header `Retry-After` asks for, in seconds: a number of them, or a date (RFC 9110, section 10.2.3)."""
    text = {name.lower(): value for name, value in headers}.get(b"retry-after", b"").decode("ascii", "replace")
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    at = parse_http_date_safe(text)
    return max(0.0, at - time.time()) if at is not None else 0.0


async def _beginning(response: httpcore.Response) -> str:
    read = b""
    async for part in response.aiter_stream():
        read += part
        if len(read) >= READ:
            break
    # No null character: PostgreSQL stores none.
    return read[:READ].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:KEPT]


def _reason(error: BaseException) -> str:
    """What was at the bottom of it."""
    below = error.__cause__ or error.__context__
    if below is not None:
        return _reason(below)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)  # asyncio has put a sentence of its own in its place
    return str(error)


@cache  # to read them takes the event loop some 25 ms, and each PBX has a sender
def tls() -> ssl.SSLContext:
    """Trusts whom this machine trusts, and whom Mozilla does."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
