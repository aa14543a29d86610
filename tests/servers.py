"""Real PostgreSQL, Redis, HAProxy and OpenLDAP servers for the tests."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.lab.asterisk import free_port, make_certificates

POSTGRESQL = "/usr/lib/postgresql"
# The example of docs/scaling.md, so that it is known to work.
HAPROXY_EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "haproxy.cfg"
# Whom PostgreSQL runs as where the tests run as root, which it refuses.
POSTGRES_USER = "postgres"


def _unavailable(sentence: str) -> NoReturn:
    """Skip loudly; a machine that checks the project may not look green because it could not check."""
    if os.environ.get("CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


class Server:
    """A server on a loopback port of its own, with its data in `folder`. It can be ended and started again there."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        self.port = free_port()
        self.process: subprocess.Popen[bytes]

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        try:
            while not self.is_ready():
                assert self.process.poll() is None, self.log.read_text(errors="replace")
                assert time.monotonic() < deadline, self.log.read_text(errors="replace")
                time.sleep(0.02)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; it may break off its connections. Does nothing when it has ended."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and the processes it has started as a crash would, with SIGKILL; returns when they are gone."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        deadline = time.monotonic() + 15
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline, f"processes of {pid} do not end"
            time.sleep(0.02)


class PostgreSQL(Server):
    """A cluster of its own, without a password. `database` makes an empty database there."""

    # Breaks off all connections.
    stop_signal = signal.SIGINT

    def __init__(self, binaries: Path, folder: Path, log: Path) -> None:
        super().__init__(folder, log)
        self.binaries = binaries
        self._number = 0
        self._data = folder / "data"
        # PostgreSQL refuses root; a name of its own makes no difference to it otherwise.
        self._as_user = ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--init-groups"]
        if os.geteuid() != 0:
            self._as_user = []
        self._run("initdb", "-D", str(self._data), "-U", "panel", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()

    def command(self) -> list[str]:
        return [
            *self._as_user, str(self.binaries / "postgres"), "-D", str(self._data), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off",
        ]  # fmt: skip

    def is_ready(self) -> bool:
        command = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def database(self) -> str:
        """A new, empty database; its DATABASE_URL."""
        self._number += 1
        name = f"panel{self._number}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "panel", name)
        return f"postgresql://panel@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self.binaries / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Redis(Server):
    """A redis-server that keeps nothing on disk."""

    def __init__(self, binary: str, folder: Path) -> None:
        super().__init__(folder, folder / "redis.log")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._binary = binary
        self.start()

    def command(self) -> list[str]:
        return [
            self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(self.folder),
        ]  # fmt: skip

    def is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class HAProxy(Server):
    """The proxy of docs/haproxy.cfg on `port` (of its own, unless given), before web processes.

    Over TLS with a `certificate` (one file, its key in it), else over plain HTTP.
    """

    def __init__(
        self,
        binary: str,
        folder: Path,
        web_ports: Sequence[int],
        port: int | None = None,
        certificate: Path | None = None,
    ) -> None:
        super().__init__(folder, folder / "haproxy.log")
        self.port = port or self.port
        self._binary = binary
        text = HAPROXY_EXAMPLE.read_text()
        if certificate is None:
            text = re.sub(r"bind .*", f"bind 127.0.0.1:{self.port}", text)
        else:
            text = re.sub(r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{self.port} ssl crt {certificate}", text)
        text = re.sub(r"\n    server .*", "", text)
        servers = "".join(f"    server web{web_port} 127.0.0.1:{web_port}\n" for web_port in web_ports)
        # One thread, as that is plenty.
        (folder / "haproxy.cfg").write_text(f"global\n    nbthread 1\n{text}{servers}")
        self.start()

    def command(self) -> list[str]:
        return [self._binary, "-db", "-f", str(self.folder / "haproxy.cfg")]

    def is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running_haproxy(
    folder: Path, web_ports: Sequence[int], port: int | None = None, certificate: Path | None = None
) -> Iterator[HAProxy]:
    """A real HAProxy before these web processes; where there is none the test skips loudly, and fails in CI."""
    binary = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        _unavailable("NOT TESTED BEHIND A PROXY: haproxy is missing (apt-get install haproxy).")
    server = HAProxy(binary, folder, web_ports, port, certificate)
    try:
        yield server
    finally:
        server.stop()


def postgresql_binaries() -> Path | None:
    """Where the programs of the newest PostgreSQL are; None where there is none."""
    found = sorted(Path(POSTGRESQL).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def postgresql_program(name: str, url: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's on a database to its end."""
    binaries = postgresql_binaries()
    assert binaries is not None
    command = [str(binaries / name), f"--dbname={url}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL; where there is none the test skips loudly, and fails in CI."""
    binaries = postgresql_binaries()
    if binaries is None:
        _unavailable(f"NOT TESTED ON POSTGRESQL: no initdb below {POSTGRESQL} (apt-get install postgresql).")
    with tempfile.TemporaryDirectory(prefix="panel-postgresql-") as name:
        folder = Path(name) / "cluster"
        folder.mkdir()
        if os.geteuid() == 0:
            Path(name).chmod(0o711)
            shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)
        server = PostgreSQL(binaries, folder, Path(name) / "postgresql.log")
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """A real Redis; where there is none the test skips loudly, and fails in CI."""
    binary = shutil.which("redis-server")
    if binary is None:
        _unavailable("NOT TESTED ON REDIS: redis-server is missing (apt-get install redis-server).")
    server = Redis(binary, folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL, shared by all tests that ask for it; each takes a database of its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """A real Redis of this test alone."""
    with running_redis(tmp_path) as server:
        yield server


class OpenLDAP(Server):
    """A slapd with people below `BASE`, on a port each for LDAP with StartTLS and for LDAPS; see `add`."""

    BASE, USER, PASSWORD = "dc=example,dc=org", "cn=panel,dc=example,dc=org", "a password: ä"

    def __init__(self, binary: str, folder: Path) -> None:
        super().__init__(folder, folder / "slapd.log")
        self.tls_port = free_port()
        self._binary = binary
        tls, data = folder / "tls", folder / "data"
        tls.mkdir()
        data.mkdir()
        make_certificates(tls)
        self.ca_file = tls / "ca.pem"
        (folder / "slapd.conf").write_text(self._configuration(tls, data))
        self.start()
        self.ldif(
            f"dn: {self.BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
            f"dn: ou=people,{self.BASE}\nobjectClass: organizationalUnit\nou: people\n"
        )

    def _configuration(self, tls: Path, data: Path) -> str:
        schema = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
        return (
            f"{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {self.folder}/pid\n"
            f"TLSCACertificateFile {self.ca_file}\nTLSCertificateFile {tls}/server.pem\n"
            f"TLSCertificateKeyFile {tls}/server.key\n"
            f"sizelimit size.soft=100 size.hard=100 size.pr=1000 size.prtotal=unlimited\n"
            f'database mdb\nsuffix "{self.BASE}"\nrootdn "{self.USER}"\nrootpw "{self.PASSWORD}"\n'
            f"directory {data}\nmaxsize 104857600\ndbnosync\naccess to * by * none\n"
        )

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def command(self) -> list[str]:
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        return [self._binary, "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", urls]

    def is_ready(self) -> bool:
        try:
            for port in (self.port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def ldif(self, text: str, program: str = "ldapadd") -> None:
        """Add, or with `ldapmodify` change, what a text in LDIF says."""
        command = [program, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", self.USER, "-w", self.PASSWORD]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def running_openldap(folder: Path) -> Iterator[OpenLDAP]:
    """A real OpenLDAP; where there is none the test skips loudly, and fails in CI."""
    binary = shutil.which("slapd", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None or shutil.which("ldapadd") is None:
        _unavailable("NOT TESTED WITH LDAP: slapd or ldapadd is missing (apt-get install slapd ldap-utils).")
    if importlib.util.find_spec("bonsai") is None:
        _unavailable("NOT TESTED WITH LDAP: bonsai is missing (pip install -r requirements-ldap.txt).")
    server = OpenLDAP(binary, folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def openldap(tmp_path: Path) -> Iterator[OpenLDAP]:
    """A real OpenLDAP of this test alone."""
    with running_openldap(tmp_path) as server:
        yield server
