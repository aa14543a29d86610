"""What the server on the port says and shows, trusted or not."""

import asyncio
import contextlib
import ssl

from engine.ami import transports
from engine.ami.errors import ConnectFailed

from .examination import Examination

# How AMI begins its first line.
GREETING = b"Asterisk Call Manager/"
# How long a side that does not speak first is listened to before it is asked something, in seconds.
_LISTEN = 2.0


class _Ear(asyncio.Protocol):
    """Receives the first line that the other side sends."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.enough = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if b"\n" in self.heard or len(self.heard) > 1000:
            self.enough.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.enough.set()


async def first_words(examination: Examination, *, tls: bool = False, say: bytes = b"") -> bytes:
    """The first line that the server there sends, by itself or in answer to `say`, over TLS or not.

    Empty where it is silent, or no connection can be made.
    """
    address, ear, loop = examination.address, _Ear(), asyncio.get_running_loop()
    try:
        if tls:
            transport = await transports.connect(address, lambda: ear, timeout=examination.patience)
        else:
            async with asyncio.timeout(examination.patience):
                transport, _ = await loop.create_connection(lambda: ear, address.host, address.port)
    except (ConnectFailed, OSError):
        return b""
    try:
        if say:
            transport.write(say)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_LISTEN, examination.patience)):
                await ear.enough.wait()
    finally:
        transport.abort()
    return bytes(ear.heard)


async def presented_certificate(examination: Examination) -> bytes | None:
    """The certificate that is shown there, trusted or not, as DER; None where nobody speaks TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(examination.patience):
            _reader, writer = await asyncio.open_connection(
                examination.address.host,
                examination.address.port,
                ssl=context,
                server_hostname=examination.address.host,
            )
    except OSError:  # TimeoutError and SSLError are among them
        return None
    certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await end(writer)
    return certificate


async def end(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
