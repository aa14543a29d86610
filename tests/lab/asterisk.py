"""A running Asterisk on loopback: its own folder, its own free ports, started when asked and gone when stopped."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, cast, get_args

from . import chroot
from .ami import Ami

HOST = "127.0.0.1"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0

CONFIGURATION = Path(__file__).parent / "conf"
# Inside the chroot.
RUN_FOLDER = "run/pbxpanel-lab"
# Below the ports that the kernel gives to outgoing connections, so that a port stays ours over a restart.
PORTS = range(12000, 32000)
# Above them; Asterisk takes the next one where an outgoing connection has one of these.
RTP_RANGE = range(33000, 60000)
RTP_PORTS = 400

# Extension -> the caller ID its endpoint is configured with; None: none at all.
CALLER_IDS: dict[str, str | None] = {
    "101": '"Anna Alpha" <101>',
    "102": '"Ben Beta" <102>',
    "103": None,
    "104": '"Dora Delta" <104>',
    "105": '"李雷" <105>',
    "106": '"Zoë Zürcher" <106>',
    "107": '"Gus Gamma" <107>',
    "108": '"Nobody Home" <108>',
    "109": '"Never Registered" <109>',
}
# No contact at all; and a contact at a port where nothing listens.
WITHOUT_CONTACT = "109"

Transport = Literal["tcp", "tls", "http", "https"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)
# How panels reach AMI in the tests.
TRANSPORT = cast(Transport, os.environ.get("PANEL_TRANSPORT", "tcp"))
if TRANSPORT not in TRANSPORTS:
    raise ValueError(f"PANEL_TRANSPORT is “{TRANSPORT}”; it must be one of {', '.join(TRANSPORTS)}.")

_taken: set[int] = set()
_numbers = itertools.count(1)


def own_share(ports: range) -> range:
    """What this process may take of a range of ports: those of pytest-xdist that run side by side have a share each."""
    number, count = _process_of_the_run()
    size = len(ports) // count
    return ports[number * size : (number + 1) * size]


def _process_of_the_run() -> tuple[int, int]:
    """The number of this process among those that pytest-xdist started, from 0, and how many they are."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), count


def free_port(*beside: int) -> int:
    """A port on loopback that nobody listens on, by TCP or UDP, and that this process has not given away yet.

    So are those that lie so far beside it.
    """
    ports = own_share(PORTS)
    for _ in range(1000):
        port = random.choice(ports)
        all_of_them = {port, *(port + further for further in beside)}
        if not all_of_them & _taken and all(map(is_free, all_of_them)):
            _taken.update(all_of_them)
            return port
    raise chroot.LabUnavailableError("No free port on 127.0.0.1.")


def give_back(*ports: int) -> None:
    """Ports that are not needed any more."""
    _taken.difference_update(ports)


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:  # connections of before that linger are nobody who listens
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True


# What its log says of what went wrong; and of a call that was made, unless somebody rings or has answered.
_COMPLAINT = re.compile(r"\] (?:NOTICE|WARNING|ERROR)\[|dial\.c: (?!Called )(?!.* (?:answered|is ringing)$)")


class Asterisk:
    """One instance of a version. ``start()`` returns when it takes calls and an AMI login succeeds.

    Args:
        version: "22" or "16".
        ports: fixed ports by name (``ami``, ``amis``, ``http``, ``https``, ``sip``, ``trunk``); others are free ones.
    """

    def __init__(self, version: str = "22", ports: Mapping[str, int] | None = None) -> None:
        fixed = dict(ports or {})

        def port(name: str) -> int:
            return fixed.get(name) or free_port()

        self.version = version
        self.host = HOST
        self.ami_port = port("ami")
        self.amis_port = port("amis")
        self.http_port = port("http")
        self.https_port = port("https")
        self.sip_port = port("sip")
        self.trunk_port = port("trunk")
        self.phone_ports = {number: free_port() for number in CALLER_IDS if number != WITHOUT_CONTACT}
        self.user = "panel"
        self.secret = secrets.token_hex(12)
        self.limited_user = "limited"
        self._process: subprocess.Popen[bytes] | None = None
        self._root: Path | None = None
        # The owner's pid is in the name: that is how a later lab knows what a killed one left behind.
        self._inside = f"/{RUN_FOLDER}/{os.getpid()}-{next(_numbers)}"

    @property
    def root(self) -> Path:
        """The chroot, built on first use."""
        if self._root is None:
            self._root = chroot.build(self.version)
        return self._root

    @property
    def folder(self) -> Path:
        """This instance's folder, seen from outside the chroot."""
        return self.root / self._inside.lstrip("/")

    @property
    def configuration(self) -> str:
        """The path of asterisk.conf, seen from inside the chroot."""
        return f"{self._inside}/etc/asterisk.conf"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the AMI and HTTPS certificate."""
        return self.folder / "tls/ca.pem"

    @property
    def ports(self) -> dict[Transport, int]:
        """Where AMI is offered."""
        return {"tcp": self.ami_port, "tls": self.amis_port, "http": self.http_port, "https": self.https_port}

    def url(self, transport: Transport, *, user: str = "", path: str = "rawman") -> str:
        """The panel's AMI_URL over this transport; `path` is `rawman` or `arawman` over HTTP."""
        scheme = {"tcp": "ami", "tls": "amis", "http": "ami+http", "https": "ami+https"}[transport]
        path = f"/{path}" if transport in ("http", "https") else ""
        ca = f"?ca={self.ca_file}" if transport in ("tls", "https") else ""
        return f"{scheme}://{user or self.user}:{self.secret}@{HOST}:{self.ports[transport]}{path}{ca}"

    @property
    def ami_url(self) -> str:
        """Over the transport of `PANEL_TRANSPORT`, TCP unless it says another."""
        return self.url(TRANSPORT)

    @property
    def limited_url(self) -> str:
        """As a user who may read call events and use reporting actions, and nothing else."""
        return self.url(TRANSPORT, user=self.limited_user)

    @property
    def listener_url(self) -> str:
        """As a user who may read call events and use no action that needs a privilege."""
        return self.url(TRANSPORT, user="listener")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """What Asterisk has logged so far."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "log/messages.log").read_text(encoding="utf-8", errors="replace")
        return ""

    def __enter__(self) -> Asterisk:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is fully booted. Does nothing when it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        _sweep(self.root / RUN_FOLDER, self.root)
        self._write_configuration()
        with (self.folder / "log/output.log").open("ab") as output:
            self._process = subprocess.Popen(
                ["chroot", str(self.root), "asterisk", "-C", self.configuration, "-f", "-n"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            )  # fmt: skip
        (self.folder / "pid").write_text(str(self._process.pid))
        try:
            self._wait_until_booted()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it and remove its folder."""
        self._end(signal.SIGTERM)
        if self._root is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a crash would: no goodbye to anybody. Its folder stays, so it can be started again."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again on the same ports with the same database, as a maintenance restart does."""
        self._end(signal.SIGTERM)
        self.start()

    def cli(self, command: str) -> str:
        """What a command prints on Asterisk's console."""
        done = subprocess.run(
            ["chroot", str(self.root), "asterisk", "-C", self.configuration, "-rx", command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=30, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb", "TZ": "UTC"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"asterisk -rx {command!r}: {done.stdout}{done.stderr}")
        return done.stdout

    def ami(self, user: str | None = None, timeout: float = 10.0) -> Ami:
        """A session of the lab's own small client."""
        return Ami(self.ami_port, user or self.user, self.secret, timeout)

    def channels(self) -> list[str]:
        """The names of the channels that are up now."""
        return [line.split("!")[0] for line in self.cli("core show channels concise").splitlines() if "!" in line]

    def story(self) -> str:
        """What it is doing, for a test that failed: its channels, its last complaints, and the end of its log."""
        try:
            channels = self.cli("core show channels concise") if self.pid else "stopped"
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            channels = str(error)
        # A variable of the lab's dialplan that is empty is no complaint.
        complaints = [line for line in self.log.splitlines() if _COMPLAINT.search(line) and "BASE64_" not in line][-15:]
        parts = [f"Asterisk {self.version}: {channels.strip() or 'no channel'}", *complaints, self.log[-1500:].strip()]
        return "\n".join(parts)

    def quiet(self, timeout: float = 30.0) -> None:
        """Hang up whatever is up, and wait until it is gone: so that one test leaves nothing to the next.

        Raises TimeoutError, which tells what Asterisk says of the channels, when they do not end.
        """
        deadline = time.monotonic() + timeout
        while self.channels():
            if time.monotonic() > deadline:
                channels = self.cli("core show channels verbose")
                raise TimeoutError(f"channels do not end:\n{channels}\n{self.log[-3000:]}")
            self.cli("channel request hangup all")
            time.sleep(0.05)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT)

    def _wait_until_booted(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                output = (self.folder / "log/output.log").read_text(errors="replace")
                raise RuntimeError(f"Asterisk {self.version} ended at its start:\n{output[-3000:]}")
            with contextlib.suppress(OSError), self.ami() as session:
                # AMI answers before every module is loaded; this event says that all are.
                session.event("FullyBooted")
                return
            time.sleep(0.05)
        raise TimeoutError(f"Asterisk {self.version} did not come up in {START_TIMEOUT:.0f} s:\n{self.log[-3000:]}")

    def _write_configuration(self) -> None:
        for name in ("etc", "lib/keys", "spool/monitor", "spool/tmp", "run", "log", "cache", "tls", "moh", "moh-tone"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        rtp_start = random.choice(own_share(RTP_RANGE)[:-RTP_PORTS:2])
        values = {
            "RUN": self._inside,
            "MODULES": self._module_folder(),
            "SECRET": self.secret,
            "AMI_PORT": self.ami_port,
            "AMIS_PORT": self.amis_port,
            "HTTP_PORT": self.http_port,
            "HTTPS_PORT": self.https_port,
            "SIP_PORT": self.sip_port,
            "TRUNK_PORT": self.trunk_port,
            "RTP_START": rtp_start,
            "RTP_END": rtp_start + RTP_PORTS,
            "PHONES": "\n".join(self._phone(number) for number in CALLER_IDS),
        }
        for file in CONFIGURATION.glob("*.conf"):
            text = file.read_text(encoding="utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", str(value))
            (self.folder / "etc" / file.name).write_text(text, encoding="utf-8")
        # Four seconds of quiet hum, so that music on hold has something to play.
        (self.folder / "moh/hum.ulaw").write_bytes(bytes([0xFF, 0x7F, 0x7E, 0xFE] * 8000))
        # The same at 2,000 Hz, loud.
        (self.folder / "moh-tone/tone.ulaw").write_bytes(bytes([0xFF, 0xA0, 0x7F, 0x20] * 8000))
        if not self.ca_file.exists():
            make_certificates(self.folder / "tls")

    def _module_folder(self) -> str:
        for module in self.root.glob("usr/lib/**/asterisk/modules/app_confbridge.so"):
            return f"/{module.parent.relative_to(self.root)}"
        raise chroot.LabUnavailableError(f"{self.root} holds no Asterisk modules; remove it and it is built again.")

    def _phone(self, number: str) -> str:
        caller_id, port = CALLER_IDS[number], self.phone_ports.get(number)
        endpoint = [f"[{number}](phone)", f"aors = {number}"]
        if caller_id:
            endpoint.append(f"callerid = {caller_id}")
        aor = [f"[{number}](aor)"]
        if port:
            aor.append(f"contact = sip:{number}@{HOST}:{port}")
        return "\n".join([*endpoint, *aor])


def make_certificates(folder: Path) -> None:
    """An authority of the lab's own, and a server certificate signed by it for 127.0.0.1 and localhost."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=PBX Panel lab",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "server.ext").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
        "-extfile", "server.ext", "-out", "server.pem",
    )  # fmt: skip


def _sweep(folder: Path, root: Path) -> None:
    """End and remove the instances whose owner is gone: what a killed test run left behind."""
    for left in folder.glob("*-*"):
        owner = left.name.partition("-")[0]
        if not owner.isdigit() or Path(f"/proc/{owner}").exists():
            continue
        with contextlib.suppress(OSError, ValueError):
            pid = int((left / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            # The number may belong to somebody else by now.
            if f"/{RUN_FOLDER}/{left.name}/" in command:
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(left, ignore_errors=True)
