"""AMI over HTTP (main/manager.c, main/http.c): what a session writes is posted, what Asterisk answers is read.

`rawman` knows a session by its cookie, after a login; `arawman` by the nonce of HTTP digest authentication. Asterisk
keeps the events of a session until a `WaitEvent` fetches them. One that waits would have to be ended for each action,
and Asterisk may sleep for a second before it notices, or give events to either of two in an order that cannot be known
from outside. So none waits: events are fetched 20 times a second, 5 times when all is quiet, and before each
action that an event could have to do with.
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from urllib.parse import urlencode, urlsplit

import httpx

from .errors import AmiError, ConnectFailed, LinkLost, LoginRefused, MessageTooLarge, NotAmi, gettext_noop
from .transports import NO_LINGER, Address, explained, tls_context

# How often events are fetched, and how often when nothing has happened for so long, in seconds.
EVERY, QUIET_EVERY, QUIET_AFTER = 0.05, 0.2, 5.0
# How often it is checked that they are of the same session, where no cookie says so, in seconds.
CHECK_EVERY = 10.0
# Asterisk ends a connection that has been idle for 15 s (`session_keep_alive`).
_IDLE = 12.0
# The longest body that is read, in bytes, and how much of one is handed on at a time.
_LONGEST, _SLICE = 256 * 2**20, 64 * 2**10
# How long the logoff may take, in seconds.
_FAREWELL = 1.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_CHALLENGE = (("Action", "Challenge"), ("AuthType", "MD5"))
_WAIT_EVENT = (("Action", "WaitEvent"), ("Timeout", "0"))
# What goes by itself: no events need be fetched before it, and several are posted at a time.
_BY_ITSELF = re.compile(
    rb"Action: (Ping|DialplanExtensionAdd)\r\n|Action: Getvar\r\nActionID: [^\r]*\r\nVariable: DIALPLAN_EXISTS\("
)
_AT_ONCE = 10
_NO_MORE = b"Event: WaitEventComplete\r\n\r\n"
_MANSESSION = re.compile(r'mansession_id="?([0-9a-f]+)')
_FORGOTTEN = gettext_noop("Asterisk has ended our session.")


class Cookie(httpx.Auth):
    """Of `rawman`: the session is known by the cookie that comes with every answer.

    A request whose session Asterisk does not know gets another: `LinkLost`.
    """

    def __init__(self) -> None:
        self._session = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._session:
            request.headers["Cookie"] = f'mansession_id="{self._session}"'
        response = yield request
        if found := _MANSESSION.search(response.headers.get("Set-Cookie", "")):
            if self._session and found[1] != self._session:
                raise LinkLost(_FORGOTTEN)
            self._session = found[1]


class HttpTransport(asyncio.Transport):
    """Instead of a socket: posts each action that is written, hands answers and events to the protocol.

    One request after the other (but what goes by itself), so actions happen in order, and of an answer and an
    event the newer comes last, as on a socket.
    """

    def __init__(self, address: Address, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._address, self._client = address, client
        self._url = f"{'https' if address.is_tls else 'http'}://{address.netloc}{address.path}"
        self._actions = deque[bytes]()
        self._is_wanted = asyncio.Event()
        self._listening = self._closing = False
        # When events were fetched, when there were some or something was done, and when the session was made sure of.
        self._fetched_at = self._busy_at = self._checked_at = 0.0
        # A text that Asterisk makes once for each session.
        self._mark = b""
        self._protocol: asyncio.Protocol
        self._task: asyncio.Task[None]

    async def begin(self, timeout: float) -> None:
        """Begin a session on Asterisk's side, and see that it is AMI that answers."""
        self._mark = _field(await self._answer(_CHALLENGE, httpx.Timeout(timeout)), b"Challenge")
        if not self._mark:
            raise self._not_ami()

    def carry(self, protocol: asyncio.Protocol) -> None:
        """Work for this protocol until closed."""
        self._protocol = protocol
        self._task = asyncio.create_task(self._run())
        protocol.connection_made(self)

    def listen(self) -> None:
        """Fetch events from now on; Asterisk has queued them since the session began."""
        self._listening = True
        self._is_wanted.set()

    # What a transport of asyncio has.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """One action, as `Action.encode` writes it."""
        self._actions.append(bytes(data))
        self._is_wanted.set()

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        """End what is under way; what was not posted yet never is."""
        if not self._closing:
            self._closing = True
            self._task.cancel()

    # The work.

    async def _run(self) -> None:
        try:
            error = await self._work()
            self._closing = True
            self._protocol.connection_lost(error)
        finally:
            await self._leave()

    async def _work(self) -> Exception | None:
        """Until it fails; why."""
        try:
            while True:
                actions = await self._next_actions()
                by_itself = bool(actions) and _goes_by_itself(actions[0])
                if self._listening and (not by_itself or time.monotonic() - self._fetched_at >= self._every):
                    await self._fetch_events()
                for answer in await asyncio.gather(*(self._answer(_fields(action)) for action in actions)):
                    await self._hand_on(answer)
                if actions and not by_itself:
                    self._busy_at = time.monotonic()
        except httpx.TransportError as error:
            return _broken(error)
        except ConnectFailed as error:
            return LinkLost(error.sentence, **error.parameters)
        except Exception as error:  # whoever waits for an answer must learn of it, whatever it is
            return error

    async def _leave(self) -> None:
        """Tell Asterisk that it need not keep this session, and its events, any longer."""
        async with contextlib.aclosing(self._client):
            with contextlib.suppress(httpx.TransportError, AmiError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._post((("Action", "Logoff"),))

    @property
    def _every(self) -> float:
        return EVERY if time.monotonic() - self._busy_at < QUIET_AFTER else QUIET_EVERY

    async def _next_actions(self) -> list[bytes]:
        """One, or several that go at a time; none when it is time to fetch events."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every if self._listening else None):
                await self._is_wanted.wait()
        found: list[bytes] = []
        while self._actions and (not found or self._go_together(found)):
            found.append(self._actions.popleft())
        if not self._actions:
            self._is_wanted.clear()
        return found

    def _go_together(self, found: list[bytes]) -> bool:
        """Whether the next goes with these. With HTTP digest authentication requests are counted: each by itself."""
        both = _goes_by_itself(found[0]) and _goes_by_itself(self._actions[0])
        return both and len(found) < _AT_ONCE and not self._address.is_digest

    async def _fetch_events(self) -> None:
        events = self._events(await self._post(_WAIT_EVENT))
        self._fetched_at = time.monotonic()
        if events:
            self._busy_at = self._fetched_at
        await self._hand_on(events)
        if self._address.is_digest and self._fetched_at - self._checked_at >= CHECK_EVERY:
            # A nonce that Asterisk does not know any more is a new session, and nobody says so.
            if _field(await self._answer(_CHALLENGE), b"Challenge") != self._mark:
                raise LinkLost(_FORGOTTEN)
            self._checked_at = self._fetched_at

    def _events(self, body: bytes) -> bytes:
        """Of the answer to a WaitEvent."""
        head, _, events = body.partition(b"\r\n\r\n")
        if head.startswith(b"Response: Error"):
            words = _field(head, b"Message").decode("utf-8", "replace")
            raise LinkLost(gettext_noop("Asterisk has stopped sending events: %(answer)s."), answer=words)
        if not head.startswith(b"Response: ") or not events.endswith(_NO_MORE):
            raise self._not_ami()
        return events.removesuffix(_NO_MORE)

    async def _hand_on(self, body: bytes) -> None:
        """In slices, so that other tasks get their turn; even nothing is a sign of life."""
        for at in range(0, max(1, len(body)), _SLICE):
            self._protocol.data_received(body[at : at + _SLICE])
            await asyncio.sleep(0)

    async def _answer(self, fields: Sequence[tuple[str, str]], timeout: httpx.Timeout | None = None) -> bytes:
        """What an action is answered: a response, and perhaps a list."""
        body = await self._post(fields, timeout)
        if not body.startswith(b"Response: ") or not body.endswith(b"\r\n\r\n"):
            raise self._not_ami()
        return body

    async def _post(self, fields: Sequence[tuple[str, str]], timeout: httpx.Timeout | None = None) -> bytes:
        request = self._client.build_request(
            "POST",
            self._url,
            content=urlencode(fields).encode(),
            headers=_FORM,
            timeout=timeout or self._client.timeout,
        )
        body = bytearray()
        async with contextlib.aclosing(await self._client.send(request, stream=True)) as response:
            if response.status_code == 413:
                return _too_large(dict(fields).get("ActionID", ""))
            if response.status_code != 200:
                raise self._refusal(response)
            if not response.headers.get("Content-Type", "").startswith("text/plain"):
                raise self._not_ami()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST:
                    raise MessageTooLarge(
                        gettext_noop("Asterisk sent a message of more than %(limit)s bytes."), limit=_LONGEST
                    )
        return bytes(body)

    # What can be wrong.

    def _refusal(self, response: httpx.Response) -> AmiError:
        where, status = self._address.netloc, response.status_code
        if status in (401, 403):
            return LoginRefused(
                gettext_noop(
                    "Asterisk refuses the login of “%(user)s” (%(answer)s): "
                    "check the user, the secret, and the permitted addresses in its manager.conf."
                ),
                user=self._address.username,
                answer=f"HTTP {status}",
            )
        if status == 404:
            return ConnectFailed(
                gettext_noop(
                    "There is no AMI at %(path)s of %(where)s: it needs “webenabled = yes” in manager.conf, and if "
                    "http.conf has a “prefix”, the address needs it before the path."
                ),
                path=self._address.path,
                where=where,
            )
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            return ConnectFailed(
                gettext_noop("%(where)s redirects to “%(target)s”, which is not followed; give the address itself."),
                where=where,
                target=f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}"[:100],
            )
        return ConnectFailed(
            gettext_noop("%(where)s answers with HTTP status %(status)s; Asterisk's log may say why."),
            where=where,
            status=status,
        )

    def _not_ami(self) -> NotAmi:
        return NotAmi(
            gettext_noop("What %(where)s answers at %(path)s is not Asterisk's manager interface over HTTP."),
            where=self._address.netloc,
            path=self._address.path,
        )


async def connect(
    address: Address, protocol_factory: Callable[[], asyncio.Protocol], *, timeout: float
) -> HttpTransport:
    """Begin a session, not yet logged in (over `arawman` it is).

    Raises `ConnectFailed`, `NotAmi` or `LoginRefused` with a sentence that says what to look at.
    """
    http = httpx.AsyncHTTPTransport(
        # Without TLS it has nothing to verify; httpx would load all authorities for it.
        verify=tls_context(address) or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        socket_options=[NO_LINGER],
        limits=httpx.Limits(keepalive_expiry=_IDLE),
    )
    auth = httpx.DigestAuth(address.username, address.secret) if address.is_digest else Cookie()
    # Neither proxies nor passwords of this machine's environment. Each action has a time limit of its own.
    times = httpx.Timeout(None, connect=timeout)
    client = httpx.AsyncClient(transport=http, auth=auth, trust_env=False, timeout=times)
    transport = HttpTransport(address, client)
    try:
        with explained(address), _unwrapped(address):
            async with asyncio.timeout(2 * timeout):  # it is several requests
                await transport.begin(timeout)
    except BaseException:
        await client.aclose()
        raise
    transport.carry(protocol_factory())
    return transport


@contextlib.contextmanager
def _unwrapped(address: Address) -> Generator[None, None, None]:
    """Of httpx's errors while connecting the one of the socket or of TLS that caused it."""
    try:
        yield
    except httpx.ConnectError as error:
        raise _cause(error) from None
    except httpx.ConnectTimeout:
        raise TimeoutError from None
    except httpx.InvalidURL:
        raise UnicodeError from None
    except (httpx.TimeoutException, TimeoutError):
        raise ConnectFailed(
            gettext_noop("%(where)s accepts the connection, but does not answer over HTTP; is this the right port?"),
            where=address.netloc,
        ) from None
    except httpx.TransportError:
        raise NotAmi(
            gettext_noop(
                "%(where)s does not speak HTTP as Asterisk does; is this a port of its http.conf (with ami+https:// "
                "that for TLS, with ami+http:// the other)?"
            ),
            where=address.netloc,
        ) from None


def _cause(error: BaseException) -> BaseException:
    """The innermost of the errors that led to this one; of several at once (an address for each) the first."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif cause := error.__cause__ or error.__context__:
            error = cause
        else:
            return error


def _broken(error: httpx.TransportError) -> LinkLost:
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" in str(error):
        return LinkLost(gettext_noop("Asterisk closed the connection."))
    cause = _cause(error)
    return LinkLost(gettext_noop("The connection broke: %(reason)s."), reason=str(cause) or type(cause).__name__)


def _goes_by_itself(action: bytes) -> bool:
    """Whether it is about nothing of which events tell: the dialplan, or whether the link is alive."""
    return _BY_ITSELF.match(action) is not None


def _fields(action: bytes) -> list[tuple[str, str]]:
    pairs = (line.partition(": ") for line in action.decode().removesuffix("\r\n\r\n").split("\r\n"))
    return [(key, value) for key, _, value in pairs]


def _field(body: bytes, key: bytes) -> bytes:
    found = re.search(rb"\r\n" + key + rb": ([^\r\n]+)", body)
    return found[1] if found else b""


def _too_large(action_id: str) -> bytes:
    """What no form of Asterisk's holds it answers with a status; in the form of AMI."""
    return f"Response: Error\r\nActionID: {action_id}\r\nMessage: Request Entity Too Large\r\n\r\n".encode()
