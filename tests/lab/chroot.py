"""Builds, once for each version, a folder that holds a whole Asterisk: a small Debian with its package installed.

Debian 12 has no Asterisk of its own, so each version comes from the release that carries it and lives in its
own root folder. Two versions can be there at once, and nothing of the machine is changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VERSIONS = ("22", "16")
BUILD_TIMEOUT = 1800

APT_SOURCES = Path("/etc/apt")
DEBOOTSTRAP_SCRIPTS = Path("/usr/share/debootstrap/scripts")
# What apt and debootstrap need to reach the mirror in the way this machine does.
COPIED_IN = (
    "etc/resolv.conf",
    "etc/hosts",
    "etc/apt/auth.conf",
    "etc/apt/auth.conf.d",
    "etc/ssl/certs/ca-certificates.crt",
)


class LabUnavailableError(Exception):
    """This machine cannot build or run the lab; the text says why and what would help."""


@dataclass(frozen=True)
class Release:
    """Which Debian release carries a version, which debootstrap script knows how to unpack it, and which packages of it
    are Asterisk.
    """

    suite: str
    script: str
    packages: tuple[str, ...] = ("asterisk", "asterisk-modules")


# Debian 12's debootstrap has not heard of forky; sid's script unpacks it.
RELEASES = {
    "22": Release("forky", "sid"),
    "16": Release("bullseye", "bullseye", ("asterisk", "asterisk-modules", "asterisk-voicemail")),
}


def cache_directory() -> Path:
    """Where the chroots are kept between runs."""
    chosen = os.environ.get("PBXPANEL_LAB_DIR")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pbxpanel" / "lab"


def check_machine() -> None:
    """Raise LabUnavailableError when this process may not, or has not the tools to, run the lab."""
    if os.geteuid() != 0:
        raise LabUnavailableError(
            "The Asterisk lab needs root: it builds and enters a chroot. Run it as root or with sudo."
        )
    missing = [tool for tool in ("debootstrap", "chroot", "openssl", "sipp") if shutil.which(tool) is None]
    if missing:
        raise LabUnavailableError(
            f"The Asterisk lab needs {', '.join(missing)}: apt-get install debootstrap openssl sip-tester"
        )


def mirror_from(apt: Path = APT_SOURCES) -> str:
    """The machine's own mirror of the main Debian archive, read from its apt sources.

    Reads deb822 ``.sources`` files and one-line ``.list`` files. The archive is told from others (security updates,
    foreign repositories) by its path, ``/debian``.
    """
    folder = apt / "sources.list.d"
    files = [apt / "sources.list", *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))]
    for file in files:
        if not file.is_file():
            continue
        for address in _addresses(file):
            if address.rstrip("/").endswith("/debian"):
                return address
    raise LabUnavailableError(
        "No mirror of the main Debian archive (an address ending in /debian) is in the apt sources."
    )


def _addresses(file: Path) -> Iterator[str]:
    """Every repository address that an apt source file names."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if file.suffix == ".sources":
            field, _, value = line.partition(":")
            if field.strip().lower() == "uris":
                yield from value.split()
        elif line.startswith("deb "):
            yield from (word for word in line.split() if "://" in word)


def build(version: str) -> Path:
    """The chroot of an Asterisk version, built first if it is not there yet.

    The folder appears under its name only when it is complete, and one process at a time builds.

    Raises:
        LabUnavailableError: not root, a tool is missing, or the build failed.
    """
    check_machine()
    if version not in RELEASES:
        raise LabUnavailableError(f"No Asterisk {version} here; there is {' and '.join(VERSIONS)}.")
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    # What is installed anew when this says something else.
    root = cache / f"asterisk-{version}-{zlib.crc32(repr(RELEASES[version]).encode()):08x}"
    with _lock(cache / f"asterisk-{version}.lock"):
        if not root.is_dir():
            for left in cache.glob(f"asterisk-{version}.building-*"):
                shutil.rmtree(left, ignore_errors=True)
            half_built = Path(tempfile.mkdtemp(prefix=f"asterisk-{version}.building-", dir=cache))
            try:
                _debootstrap(RELEASES[version], half_built)
                _install(half_built, RELEASES[version].packages)
                half_built.chmod(0o755)
                half_built.rename(root)
            finally:
                shutil.rmtree(half_built, ignore_errors=True)
    return root


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _debootstrap(release: Release, root: Path) -> None:
    script = DEBOOTSTRAP_SCRIPTS / release.script
    _run(
        "debootstrap", "--variant=minbase", "--include=ca-certificates",
        release.suite, str(root), mirror_from(), str(script),
    )  # fmt: skip


def _install(root: Path, packages: tuple[str, ...]) -> None:
    for name in COPIED_IN:
        source, target = Path("/") / name, root / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    _copy_proxy(root)
    # No service of the package may start by itself in there.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    # A Release file past its date is normal for a mirror that stands still, and for old releases.
    _run("chroot", str(root), "apt-get", "-o", "Acquire::Check-Valid-Until=false", "update")
    _run("chroot", str(root), "apt-get", "install", "-y", "--no-install-recommends", *packages)
    _run("chroot", str(root), "apt-get", "clean")


def _copy_proxy(root: Path) -> None:
    """Give the chroot's apt the proxy settings of the machine's, whichever file they are in."""
    answer = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    wanted = [line for line in answer.splitlines() if line.startswith("Acquire::http") and "proxy" in line.lower()]
    if wanted:
        (root / "etc/apt/apt.conf.d").mkdir(parents=True, exist_ok=True)
        (root / "etc/apt/apt.conf.d/90lab").write_text("\n".join(wanted) + "\n")


def _run(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    environment["PATH"] = "/usr/local/sbin:/usr/sbin:/sbin:" + environment.get("PATH", "/usr/bin:/bin")
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=BUILD_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LabUnavailableError(f"{command[0]} did not end within {BUILD_TIMEOUT} seconds.") from None
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise LabUnavailableError(f"{' '.join(command[:4])} … failed ({done.returncode}):\n{tail}")
