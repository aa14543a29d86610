"""Where a manager interface is and how to reach it: the AMI_URL, TCP and TLS. Over HTTP: `over_http`."""

import asyncio
import contextlib
import hashlib
import hmac
import math
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from .errors import ConnectFailed, gettext_noop

_DEFAULT_PORTS = {"ami": 5038, "amis": 5039, "ami+http": 8088, "ami+https": 8089}
_TLS = ("amis", "ami+https")
# Of a session after its login with a cookie, and of HTTP digest authentication with every request.
RAWMAN, ARAWMAN = "rawman", "arawman"

# What the kernel has not sent when a connection ends is dropped: no action may arrive after its time.
NO_LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
# How much a manager session reads at a time (main/manager.c, `inbuf`), in bytes.
_READ = 1024
# How much may be under way to it over TLS, in bytes of actions: with what TLS adds to them they fit into one segment of
# TCP, also of a tunnel.
_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class Address:
    """One manager interface, as an `AMI_URL` names it. The secret stays out of its text.

    `path` is that of AMI over HTTP. `ca` is a file; `fingerprint` the SHA-256 of the server's certificate in hex:
    with neither, the system's authorities vouch for it.
    """

    scheme: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    ca: str = ""
    path: str = ""
    fingerprint: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """`ami://user:secret@host:port`, `amis://…`, `ami+http://…/rawman` or `ami+https://…` → an address.

        User and secret are percent-decoded. With TLS, `?ca=/path/of/ca.pem` or `?fingerprint=sha256:AB:CD…` may
        follow. Raises `ValueError` with a sentence (without the secret) that says what is wrong.
        """
        form = (
            "write it as ami://user:secret@host:5038 (or amis:// for TLS, "
            "ami+http://…:8088/rawman or ami+https://…:8089/rawman for HTTP)"
        )
        try:
            parts = urlsplit(url)
        except ValueError:  # its text may hold the secret
            raise ValueError(f"it is no URL; {form}") from None
        try:
            port = parts.port
        except ValueError:  # what stands there may be part of a secret with a “/” in it
            raise ValueError(
                "its port is not a number of at most 65535, or a “/”, “?” or “#” in the secret is not written as "
                f"%2F, %3F or %23; {form}"
            ) from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"it begins with “{parts.scheme}”, not with {', '.join(_DEFAULT_PORTS)}; {form}")
        if not parts.hostname:
            raise ValueError(f"it names no host; {form}")
        if not parts.username or parts.password is None:
            raise ValueError(f"it names no user and secret; {form}")
        path = parts.path.rstrip("/")
        if (parts.scheme in ("ami", "amis") and path) or parts.fragment:
            raise ValueError(f"a “/” or “#” in the secret must be written as %2F or %23; {form}")
        if parts.scheme not in ("ami", "amis"):
            path = path or f"/{RAWMAN}"
            # What stands there may be part of a secret with a “/” in it.
            if not re.fullmatch(rf"(/[\w.~-]+)*/a?{RAWMAN}", path, re.ASCII):
                raise ValueError(
                    f"its path is not /{RAWMAN} or /{ARAWMAN} (with the prefix of http.conf before it, if there is "
                    f"one), or a “/” in the secret is not written as %2F; {form}"
                )
        options = parse_qs(parts.query, keep_blank_values=True)
        if options and (parts.scheme not in _TLS or set(options) - {"ca", "fingerprint"} or len(options) > 1):
            raise ValueError(
                "after the “?” only ca=/path/of/ca.pem or fingerprint=sha256:… may stand, "
                "and only for amis:// and ami+https://"
            )
        fingerprint = options.get("fingerprint", [""])[0].lower().removeprefix("sha256:").replace(":", "")
        if "fingerprint" in options and not re.fullmatch("[0-9a-f]{64}", fingerprint):
            raise ValueError(
                "its fingerprint is not “sha256:” and 64 hexadecimal digits, as "
                "“openssl x509 -noout -fingerprint -sha256 -in certificate.pem” prints them"
            )
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            username=unquote(parts.username),
            secret=unquote(parts.password),
            ca=options.get("ca", [""])[0],
            path=path,
            fingerprint=fingerprint,
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{self.username}@{self.netloc}{self.path}"

    def __repr__(self) -> str:
        return f"<Address {self}>"

    @property
    def netloc(self) -> str:
        """Host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_tls(self) -> bool:
        return self.scheme in _TLS

    @property
    def is_http(self) -> bool:
        return self.scheme not in ("ami", "amis")

    @property
    def is_digest(self) -> bool:
        """Whether each request over HTTP is authenticated by itself, so that nobody logs in."""
        return self.path.endswith(f"/{ARAWMAN}")


async def connect(
    address: Address, protocol_factory: Callable[[], asyncio.Protocol], *, timeout: float
) -> asyncio.Transport:
    """Open the socket. Raises `ConnectFailed` with a sentence that says what to check."""
    with explained(address):
        context = tls_context(address)
        async with asyncio.timeout(timeout):
            transport, _ = await asyncio.get_running_loop().create_connection(
                protocol_factory, address.host, address.port, ssl=context
            )
        transport.get_extra_info("socket").setsockopt(*NO_LINGER)
        return transport


def records(action: bytes) -> Iterator[bytes]:
    """An action in the pieces in which it has to be written over TLS: whole lines, of up to 1,024 bytes together.

    Of a longer TLS record Asterisk reads the beginning and then waits for the socket, which has nothing more.
    """
    record = b""
    for line in action.splitlines(keepends=True):
        if record and len(record) + len(line) > _READ:
            yield record
            record = b""
        record += line
    yield record


class Window:
    """How much of an AMI session may be under way: over TLS what fits into one segment of TCP, else anything.

    Asterisk ends a session when it finds part of a TLS record. A network passes on segments: one is there as a whole,
    but of the records of many actions that are sent at once some are cut, wherever a segment is full.
    """

    def __init__(self, address: Address) -> None:
        self._size = _WINDOW if address.scheme == "amis" else math.inf
        self._used = 0
        self._turn = asyncio.Lock()
        self._is_less = asyncio.Event()

    @contextlib.asynccontextmanager
    async def part(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for so many bytes, in turn; they are under way until its end. What is larger than
        the window goes alone.
        """
        async with self._turn:
            while self._used and self._used + size > self._size:
                self._is_less.clear()
                await self._is_less.wait()
            self._used += size
        try:
            yield
        finally:
            self._used -= size
            self._is_less.set()


@contextlib.contextmanager
def explained(address: Address) -> Iterator[None]:
    """What fails within it while a connection is opened becomes a `ConnectFailed`."""
    where = f"{address.host}:{address.port}"
    try:
        yield
    except TimeoutError:
        raise ConnectFailed(
            gettext_noop("%(where)s does not answer; a firewall may drop the connection."), where=where
        ) from None
    except (socket.gaierror, UnicodeError):  # the second where it is no name at all
        raise ConnectFailed(gettext_noop("The name %(host)s cannot be resolved."), host=address.host) from None
    except WrongFingerprint as error:
        raise ConnectFailed(
            gettext_noop(
                "The TLS certificate of %(where)s is not the pinned one: its fingerprint is %(presented)s, but "
                "fingerprint=%(expected)s is expected. Write the new one only if you know that it was replaced."
            ),
            where=where,
            presented=_shown(error.presented),
            expected=_shown(address.fingerprint),
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(
            gettext_noop("The TLS certificate of %(where)s is not trusted: %(reason)s."),
            where=where,
            reason=error.verify_message,
        ) from None
    except ssl.SSLError as error:
        raise ConnectFailed(
            gettext_noop("TLS with %(where)s failed (%(reason)s); is this the TLS port?"),
            where=where,
            reason=error.reason,
        ) from None
    except ConnectionRefusedError:
        if address.is_http:
            raise ConnectFailed(
                gettext_noop(
                    "%(where)s refuses the connection; is Asterisk running, with “enabled = yes” (for HTTPS "
                    "“tlsenable = yes”) and this port in its http.conf?"
                ),
                where=where,
            ) from None
        raise ConnectFailed(
            gettext_noop("%(where)s refuses the connection; is Asterisk running, with AMI enabled?"), where=where
        ) from None
    except OSError as error:
        raise ConnectFailed(
            gettext_noop("No connection to %(where)s: %(reason)s."), where=where, reason=error.strerror or error
        ) from None


class WrongFingerprint(ssl.SSLError):
    """The server's certificate is another than the pinned one."""

    def __init__(self, presented: str) -> None:
        super().__init__("the certificate is another than the pinned one")
        self.presented = presented


def tls_context(address: Address) -> ssl.SSLContext | None:
    """None without TLS. Verified by the pinned fingerprint, the CA file or the system's CAs; never unverified."""
    if not address.is_tls:
        return None
    if address.fingerprint:
        return _pinned_context(address.fingerprint)
    if not address.ca:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=address.ca)
    except FileNotFoundError:
        raise ConnectFailed(gettext_noop("The CA file %(file)s does not exist."), file=address.ca) from None
    except OSError:  # an SSLError too: it is not in PEM form
        raise ConnectFailed(
            gettext_noop("The CA file %(file)s cannot be read, or contains no certificate."), file=address.ca
        ) from None


def _pinned_context(fingerprint: str) -> ssl.SSLContext:
    class Pinned(ssl.SSLObject):
        """Its handshake, before which nothing of ours is sent, fails unless the certificate is the pinned one."""

        def do_handshake(self) -> None:
            super().do_handshake()
            presented = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(presented, fingerprint):
                raise WrongFingerprint(presented)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # by its authorities; the handshake verifies it by itself
    context.sslobject_class = Pinned
    return context


def _shown(fingerprint: str) -> str:
    """`sha256:AB:CD…`, as openssl prints it and an address may say it."""
    pairs = (fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2))
    return "sha256:" + ":".join(pairs).upper()
