"""Faults made for real: manager users of our own in a running Asterisk, ports where something else listens."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from engine.ami.transports import Address
from engine.mirror import dialplan
from system.doctor.engine import examine
from system.doctor.examination import Wanted
from system.doctor.report import Report, Result
from system.doctor.requirements import read_classes, write_classes
from tests.lab.asterisk import Asterisk, free_port

USER = "doctor"


def look(address: Address | str, wanted: Wanted | None = None, **options: object) -> Report:
    """An examination that does not wait longer than a test need."""
    found = Address.parse(address) if isinstance(address, str) else address
    return examine(found, "main", wanted, **{"patience": 2.0, "echo": 1.5, **options})


def result(report: Report, id: str) -> Result:
    found = report.result(id)
    assert found is not None, f"{id} is not among {[one.id for one in report.results]}"
    return found


def words(found: Result) -> str:
    return " ".join(map(str, (*found.finding.seen, *found.finding.advice)))


def untried(report: Report) -> list[str]:
    """The ids of what was not put, since another failed."""
    return [one.id for one in report.results if one.finding.facts.get("after")]


@contextlib.contextmanager
def manager_user(asterisk: Asterisk, *lines: str, read: str = "", write: str = "") -> Iterator[Address]:
    """A manager user with these lines in its stanza; by default it has the classes that the panel asks for."""
    file = asterisk.folder / "etc/manager.conf"
    before = file.read_text()
    stanza = [f"secret = {asterisk.secret}", f"read = {read or ','.join(read_classes())}"]
    stanza += [f"write = {write or ','.join(write_classes())}", *lines]
    file.write_text("\n".join([before, f"[{USER}]", *stanza, ""]))
    asterisk.cli("manager reload")
    try:
        yield Address("ami", "127.0.0.1", asterisk.ami_port, USER, asterisk.secret)
    finally:
        file.write_text(before)
        asterisk.cli("manager reload")


@contextlib.contextmanager
def changed(asterisk: Asterisk, name: str, text: str, command: str) -> Iterator[None]:
    """A configuration file with another text, which this command of the CLI reads."""
    file = asterisk.folder / "etc" / name
    before = file.read_text()
    file.write_text(text)
    asterisk.cli(command)
    try:
        yield
    finally:
        file.write_text(before)
        asterisk.cli(command)


@contextlib.contextmanager
def without_module(asterisk: Asterisk, name: str) -> Iterator[None]:
    """A module that is not loaded."""
    asterisk.cli(f"module unload {name}")
    try:
        yield
    finally:
        asterisk.cli(f"module load {name}")


def with_extensions(asterisk: Asterisk, lines: str = "") -> contextlib.AbstractContextManager[None]:
    """The panel's extensions in extensions.conf, as the doctor gives them to paste; or other lines."""
    before = (asterisk.folder / "etc/extensions.conf").read_text()
    pasted = lines or dialplan.stanza(dialplan.lasting)
    return changed(asterisk, "extensions.conf", f"{before}\n{pasted}", "dialplan reload")


@contextlib.contextmanager
def greeting_server(words: bytes) -> Iterator[int]:
    """A port where somebody says this, once for each connection, or answers with it to the first that it receives."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    ended = threading.Event()
    asks_first = words.startswith(b"HTTP/")

    def serve() -> None:
        links = []
        while not ended.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                link, _ = listener.accept()
                links.append(link)
                link.settimeout(1)
                if asks_first and not link.recv(1000).startswith(b"GET "):
                    link.close()  # as a web server does with what is no request
                    continue
                link.sendall(words)
        for link in links:
            link.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        ended.set()
        thread.join(5)
        listener.close()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no connection: its queue is full, so the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def url(port: int, scheme: str = "ami") -> str:
    return f"{scheme}://panel:secret@127.0.0.1:{port}"


def closed_port() -> int:
    return free_port()
