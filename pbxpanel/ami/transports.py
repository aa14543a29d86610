"""Where a manager interface is and how to reach it: the AMI_URL, TCP and TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from .errors import ConnectFailed, gettext_noop

_DEFAULT_PORTS = {"ami": 5038, "amis": 5039}


@dataclass(frozen=True, slots=True)
class Address:
    """One manager interface, as an `AMI_URL` names it. The secret stays out of its text."""

    scheme: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    ca: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """`ami://user:secret@host:port` or `amis://…?ca=/path/of/ca.pem` → an address.

        User and secret are percent-decoded. Raises `ValueError` with a sentence (without the secret) that
        says what is wrong.
        """
        form = "write it as ami://user:secret@host:5038 (or amis:// for TLS)"
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
        if parts.scheme in ("ami+http", "ami+https"):
            raise ValueError(f"AMI over HTTP is not supported yet; {form}")
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"it begins with “{parts.scheme}”, not with ami:// or amis://; {form}")
        if not parts.hostname:
            raise ValueError(f"it names no host; {form}")
        if not parts.username or parts.password is None:
            raise ValueError(f"it names no user and secret; {form}")
        if parts.path not in ("", "/") or parts.fragment:
            raise ValueError(f"a “/” or “#” in the secret must be written as %2F or %23; {form}")
        options = parse_qs(parts.query, keep_blank_values=True)
        if set(options) - {"ca"} or (options and parts.scheme != "amis"):
            raise ValueError("after the “?” only ca=/path/of/ca.pem may stand, and only for amis://")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            username=unquote(parts.username),
            secret=unquote(parts.password),
            ca=options.get("ca", [""])[0],
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.username}@{host}:{self.port}"

    def __repr__(self) -> str:
        return f"<Address {self}>"


async def connect(
    address: Address, protocol_factory: Callable[[], asyncio.Protocol], *, timeout: float
) -> asyncio.Transport:
    """Open the socket. Raises `ConnectFailed` with a sentence that says what to look at."""
    where = f"{address.host}:{address.port}"
    try:
        context = _tls_context(address) if address.scheme == "amis" else None
        async with asyncio.timeout(timeout):
            transport, _ = await asyncio.get_running_loop().create_connection(
                protocol_factory, address.host, address.port, ssl=context
            )
        return transport
    except TimeoutError:
        raise ConnectFailed(
            gettext_noop("%(where)s does not answer; a firewall may drop the connection."), where=where
        ) from None
    except (socket.gaierror, UnicodeError):  # the second where it is no name at all
        raise ConnectFailed(gettext_noop("The name %(host)s cannot be resolved."), host=address.host) from None
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
        raise ConnectFailed(
            gettext_noop("%(where)s refuses the connection; is Asterisk running, with AMI enabled?"), where=where
        ) from None
    except OSError as error:
        raise ConnectFailed(
            gettext_noop("No connection to %(where)s: %(reason)s."), where=where, reason=error.strerror or error
        ) from None


def _tls_context(address: Address) -> ssl.SSLContext:
    """Verified by the system's CAs, or by the CA file that the address names; never unverified."""
    if not address.ca:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=address.ca)
    except FileNotFoundError:
        raise ConnectFailed(gettext_noop("The CA file %(file)s does not exist."), file=address.ca) from None
    except OSError:  # an SSLError too: it is not in PEM form
        raise ConnectFailed(
            gettext_noop("The CA file %(file)s cannot be read, or holds no certificate."), file=address.ca
        ) from None
