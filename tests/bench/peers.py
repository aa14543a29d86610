"""`peers.py NAME FILE`, run by the Python of the peers: one of them reads the messages of a file.

Each runs its own code from the bytes read to an event with its fields, handed to a callback or to its queue.
"""

import io
import json
import logging
import sys
import threading
import time
from typing import Any

CHUNK = 65536


class Source:
    """A socket that hands out these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = iter(pieces)

    def recv(self, size: int) -> bytes:
        return next(self.pieces, b"")

    def close(self) -> None:
        """Nothing to close."""


def panoramisk(data: bytes) -> tuple[int, float]:
    from panoramisk.ami_protocol import AMIProtocol  # type: ignore[import-not-found, unused-ignore]
    from panoramisk.manager import Manager  # type: ignore[import-not-found, unused-ignore]

    seen = 0

    class Counting(Manager):  # type: ignore[misc, unused-ignore]
        def dispatch(self, event: Any) -> None:
            nonlocal seen
            seen += 1

    logging.disable()  # its debug messages would cost, were they formatted
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.factory, protocol.encoding = Counting(), "utf8"
    protocol.data_received(b"Asterisk Call Manager/11.0.0\r\n")
    protocol.queue.clear()
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    started = time.perf_counter()
    for piece in pieces:
        protocol.data_received(piece)
    return seen, time.perf_counter() - started


def pyst2(data: bytes) -> tuple[int, float]:
    from asterisk.manager import Event, Manager, ManagerMsg  # type: ignore[import-not-found, unused-ignore]

    seen = 0

    class AtOnce:
        """Its queue between two threads, without the threads: what comes is parsed as its other thread would."""

        def put(self, lines: list[str] | None) -> None:
            nonlocal seen
            if lines:
                seen += bool(Event(ManagerMsg(lines)).headers)

    manager = Manager()
    manager._sock = io.BufferedReader(io.BytesIO(data), CHUNK)
    manager._message_queue = AtOnce()
    manager._connected.set()
    manager._running.set()
    manager.title = "Asterisk Call Manager"
    started = time.perf_counter()
    manager._receive_data()  # until the bytes end
    return seen, time.perf_counter() - started


def asterisk_ami(data: bytes) -> tuple[int, float]:
    from asterisk.ami import AMIClient  # type: ignore[import-not-found, unused-ignore]

    seen = 0

    def count(event: Any, source: Any) -> None:
        nonlocal seen
        seen += 1

    client = AMIClient("127.0.0.1", 0, encoding="utf-8", encoding_errors="replace")
    client.add_event_listener(count)
    client.finished = threading.Event()
    size = client._buffer_size
    data = b"Asterisk Call Manager/11.0.0\r\n" + data
    client._socket = Source([data[start : start + size] for start in range(0, len(data), size)])
    started = time.perf_counter()
    client.listen()
    return seen, time.perf_counter() - started


PEERS = {"panoramisk": panoramisk, "pyst2": pyst2, "asterisk-ami": asterisk_ami}


def main() -> None:
    with open(sys.argv[2], "rb") as file:
        messages, seconds = PEERS[sys.argv[1]](file.read())
    print(json.dumps({"messages": messages, "seconds": seconds}))


if __name__ == "__main__":
    main()
