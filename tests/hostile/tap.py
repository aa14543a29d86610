"""A wire between the panel and Asterisk that is listened to: every byte the panel sends is kept."""

import contextlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

from tests.lab.asterisk import HOST, Asterisk

# One line of an action, as Asterisk reads it.
_LINE = re.compile(rb"([A-Za-z]+): ([^\r\n\0]*)")

Fields = list[tuple[str, str]]


class Tap:
    """Listens on loopback, and passes on to Asterisk's AMI and back."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self._listener = socket.create_server((HOST, 0))
        self._sockets: list[socket.socket] = []
        self._sent: list[bytearray] = []
        self.url = asterisk.url("tcp").replace(f":{asterisk.ami_port}", f":{self._listener.getsockname()[1]}")

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):  # it may have been closed from the other side
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def actions(self) -> list[Fields]:
        """The actions sent so far, field by field, in order. Fails where the bytes are anything else."""
        found = []
        for sent in self._sent:
            blocks = bytes(sent).split(b"\r\n\r\n")
            assert blocks.pop() == b"", "an action is not whole"
            for block in blocks:
                fields: Fields = []
                for line in block.split(b"\r\n"):
                    parts = _LINE.fullmatch(line)
                    assert parts is not None, block
                    fields.append((parts[1].decode(), parts[2].decode()))
                found.append(fields)
        return found

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the end of the test
            while True:
                panel, _ = self._listener.accept()
                asterisk = socket.create_connection((HOST, self._asterisk.ami_port))
                self._sockets += [panel, asterisk]
                sent = bytearray()
                self._sent.append(sent)
                threading.Thread(target=_pump, args=(panel, asterisk, sent), daemon=True).start()
                threading.Thread(target=_pump, args=(asterisk, panel, None), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with contextlib.suppress(OSError):  # either side has gone
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
