"""Whether Asterisk's manager interface listens there, and its version; if not, what else."""

from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.client import check_version
from engine.ami.errors import TooOld

from . import versions
from .examination import Examination
from .listening import GREETING, first_words, presented_certificate
from .report import Finding, Text, ok, problem

# Where AMI listens, if not on this port.
_AMI_PORT = Text(gettext_noop("AMI listens on port 5038 unless “port” in [general] of manager.conf says otherwise."))


async def greeting(examination: Examination) -> Finding:
    """Is it Asterisk's manager interface?"""
    where = examination.where
    heard = await first_words(examination, tls=examination.address.scheme == "amis")
    if heard.startswith(GREETING):
        line = heard.partition(b"\r\n")[0].decode("utf-8", "replace")
        try:
            check_version(line.rpartition("/")[2])
        except TooOld as error:
            return _too_old(error, greeting=line)
        return ok(Text(gettext_noop("%(where)s greets with “%(heard)s”."), where=where, heard=line), greeting=line)
    if heard:
        return _another_program(where, heard)
    return await _silent(examination)


def _another_program(where: str, heard: bytes) -> Finding:
    """Finding of a side whose first words are not Asterisk's."""
    shown = heard.splitlines()[0][:60].decode("utf-8", "replace").strip() if heard.strip() else ""
    if heard.startswith(b"SSH-"):
        return problem(
            Text(gettext_noop("%(where)s is an SSH server: it greets with “%(heard)s”."), where=where, heard=shown),
            advice=[_AMI_PORT],
            kind="ssh",
            heard=shown,
        )
    return problem(
        Text(gettext_noop("%(where)s is another program: it greets with “%(heard)s”."), where=where, heard=shown),
        advice=[_AMI_PORT],
        kind="other",
        heard=shown,
    )


async def _silent(examination: Examination) -> Finding:
    """Finding of a side that waits for the panel to speak: a web server does, and a TLS server."""
    address, where = examination.address, examination.where
    if address.scheme == "ami" and await presented_certificate(examination) is not None:
        return problem(
            Text(gettext_noop("%(where)s sends no greeting, but speaks TLS."), where=where),
            advice=[
                Text(
                    gettext_noop(
                        "Write amis:// instead of ami:// in AMI_URL if it is the port of tlsbindaddr; else the port "
                        "of AMI. (A web server with HTTPS looks the same.)"
                    )
                )
            ],
            kind="tls",
        )
    answer = await first_words(examination, tls=address.scheme == "amis", say=b"GET / HTTP/1.0\r\n\r\n")
    if answer.startswith(b"HTTP/"):
        return problem(
            Text(gettext_noop("%(where)s is a web server."), where=where),
            advice=[
                _AMI_PORT,
                Text(
                    gettext_noop(
                        "If it is Asterisk's own (http.conf), AMI over HTTP is written "
                        "ami+http://user:secret@host:8088/rawman."
                    )
                ),
            ],
            kind="http",
        )
    return problem(
        Text(gettext_noop("%(where)s accepts the connection, but sends nothing."), where=where),
        advice=[
            _AMI_PORT,
            Text(
                gettext_noop(
                    "If the port is right: Asterisk closes a connection at once while authlimit (50) others have not "
                    "logged in yet, and sends nothing while it hangs."
                )
            ),
        ],
        kind="silent",
    )


async def version(examination: Examination) -> Finding | None:
    """`CoreSettings`: which Asterisk is it, and has it a known fault? None where that may not be queried."""
    if not examination.may("CoreSettings"):
        return None
    settings = (await examination.ask(actions.core_settings())).response
    found = settings.get("AsteriskVersion")
    try:
        check_version(settings.get("AMIversion"))
    except TooOld as error:
        return _too_old(error, version=found, ami=settings.get("AMIversion"))
    return versions.judge(examination, found, settings.get("AMIversion"))


def _too_old(error: TooOld, **facts: str) -> Finding:
    return problem(
        Text(error.sentence, **error.parameters),
        advice=[
            Text(gettext_noop("Upgrade Asterisk. The panel is tested with versions 16 and 22.")),
        ],
        kind="old",
        **facts,
    )
