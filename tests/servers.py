"""Real PostgreSQL and Redis servers for the tests, and where the tests' own database lives."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from django.conf import settings

from tests.panel import free_port

POSTGRESQL = "/usr/lib/postgresql"
# Whom PostgreSQL runs as where the tests run as root, which it refuses.
POSTGRES_USER = "postgres"


def _unavailable(sentence: str) -> NoReturn:
    """Skip loudly; a machine that checks the project may not look green because it could not check."""
    if os.environ.get("CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests have SQLite in a file: threads that share one in memory lock each other out, without waiting."""
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 30
    while not is_ready():
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class PostgreSQL:
    """A cluster of its own, on loopback, without a password. `database` makes an empty database there."""

    def __init__(self, binaries: Path, folder: Path, log: Path) -> None:
        self.binaries, self.folder = binaries, folder
        self.port = free_port()
        self._number = 0
        self._data = folder / "data"
        # PostgreSQL refuses root; a name of its own makes no difference to it otherwise.
        self._as_user = ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--init-groups"]
        if os.geteuid() != 0:
            self._as_user = []
        self._run("initdb", "-D", str(self._data), "-U", "panel", "--auth=trust", "--encoding=UTF8", "--no-sync")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *self._as_user, str(binaries / "postgres"), "-D", str(self._data), "-p", str(self.port),
                    "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off",
                ],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            _wait(self.process, self._is_ready, log)
        except BaseException:
            self.stop()
            raise

    def database(self) -> str:
        """A new, empty database; its DATABASE_URL."""
        self._number += 1
        name = f"panel{self._number}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "panel", name)
        return f"postgresql://panel@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """Break off all connections and end."""
        _stop(self.process, signal.SIGINT)

    def _is_ready(self) -> bool:
        command = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self.binaries / program), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Redis:
    """A redis-server on a loopback port, which keeps nothing on disk. It can be stopped and started again."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._binary, self._folder = binary, folder
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        log = self._folder / "redis.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                    "--dir", str(self._folder),
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            _wait(self.process, self._is_ready, log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        _stop(self.process, signal.SIGTERM)

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL, shared by all tests that ask for it; each takes a database of its own."""
    found = sorted(Path(POSTGRESQL).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        _unavailable(f"NOT TESTED ON POSTGRESQL: no initdb below {POSTGRESQL} (apt-get install postgresql).")
    with tempfile.TemporaryDirectory(prefix="panel-postgresql-") as name:
        folder = Path(name) / "cluster"
        folder.mkdir()
        if os.geteuid() == 0:
            Path(name).chmod(0o711)
            shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)
        server = PostgreSQL(found[-1].parent, folder, Path(name) / "postgresql.log")
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """A real Redis of this test alone."""
    binary = shutil.which("redis-server")
    if binary is None:
        _unavailable("NOT TESTED ON REDIS: redis-server is missing (apt-get install redis-server).")
    server = Redis(binary, tmp_path)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
