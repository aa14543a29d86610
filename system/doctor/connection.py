"""The way to Asterisk, step by step: the name, the port, who answers there, TLS, the login."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.utils.translation import gettext_noop

from engine.ami import actions, transports
from engine.ami.client import Session, check_version
from engine.ami.errors import AnswerTimeout, ConnectFailed, LinkLost, LoginRefused, NotAmi, TooOld

from .examination import Examination
from .report import Finding, Text, ok, problem

GREETING = b"Asterisk Call Manager/"
# How long one who does not speak first is listened to before he is asked something, in seconds.
_LISTEN = 2.0


async def name(examination: Examination) -> Finding:
    """Does the host's name resolve?"""
    host = examination.address.host
    try:
        async with asyncio.timeout(examination.patience):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, examination.address.port, type=socket.SOCK_STREAM
            )
    except (socket.gaierror, UnicodeError, TimeoutError):
        return problem(
            Text(gettext_noop("The name %(host)s cannot be resolved."), host=host),
            advice=[
                Text(gettext_noop("Look for a typing error in AMI_URL, at the panel's DNS, or write the IP address."))
            ],
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    return ok(
        Text(gettext_noop("%(host)s is %(addresses)s."), host=host, addresses=", ".join(addresses)), addresses=addresses
    )


async def port(examination: Examination) -> Finding:
    """Does somebody take a connection there?"""
    address, where = examination.address, examination.where
    try:
        async with asyncio.timeout(examination.patience):
            _reader, writer = await asyncio.open_connection(address.host, address.port)
    except ConnectionRefusedError:
        return problem(
            Text(gettext_noop("%(where)s refuses the connection: nothing listens there."), where=where),
            advice=[
                Text(
                    gettext_noop(
                        "Is Asterisk running? “manager show settings” on its console says whether AMI is enabled, "
                        "and where."
                    )
                ),
                Text(
                    gettext_noop(
                        "In [general] of manager.conf: enabled = yes, port, and bindaddr (127.0.0.1 answers that "
                        "machine alone; 0.0.0.0 answers all). For TLS: tlsenable and tlsbindaddr. Then “manager "
                        "reload”."
                    )
                ),
            ],
        )
    except TimeoutError:
        return problem(
            Text(
                gettext_noop("%(where)s does not answer within %(seconds)s s."),
                where=where,
                seconds=f"{examination.patience:g}",
            ),
            advice=[
                Text(
                    gettext_noop(
                        "A firewall drops the connection, or there is no such machine: look at the rules of both, "
                        "and at those between, for TCP port %(port)s."
                    ),
                    port=address.port,
                )
            ],
        )
    except OSError as error:
        return problem(
            Text(gettext_noop("No connection to %(where)s: %(reason)s."), where=where, reason=error.strerror or error),
            advice=[Text(gettext_noop("Look at the network between the panel and the PBX: routes, VPN, addresses."))],
        )
    examination.source = str(writer.get_extra_info("sockname")[0])
    peer = str(writer.get_extra_info("peername")[0])
    await _end(writer)
    return ok(
        Text(
            gettext_noop("%(where)s takes our connection, which comes from %(source)s."),
            where=where,
            source=examination.source,
        ),
        source=examination.source,
        peer=peer,
    )


async def tls(examination: Examination) -> Finding:
    """Is TLS spoken, by whom we trust?"""
    address, where = examination.address, examination.where
    try:
        transport = await transports.connect(address, asyncio.Protocol, timeout=examination.patience)
    except ConnectFailed as error:
        return await _why_no_tls(examination, error)
    certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    transport.abort()
    facts = _facts(x509.load_der_x509_certificate(certificate)) if certificate else {}
    return ok(Text(gettext_noop("%(where)s shows a certificate that is trusted."), where=where), **facts)


async def _why_no_tls(examination: Examination, error: ConnectFailed) -> Finding:
    """What the library says of it, and what the certificate, looked at without trusting it, tells beside."""
    address, where = examination.address, examination.where
    seen = Text(error.sentence, **error.parameters)
    der = await _certificate(examination)
    if der is None:
        if (line := await _first_words(examination)).startswith(GREETING):
            return problem(
                seen,
                Text(gettext_noop("What answers on %(where)s is AMI without TLS."), where=where),
                advice=[
                    Text(
                        gettext_noop(
                            "Write ami:// instead of amis://, or the port of "
                            "tlsbindaddr in manager.conf (5039 unless it "
                            "says otherwise)."
                        )
                    ),
                ],
                kind="plain",
            )
        return problem(
            seen,
            advice=[
                Text(
                    gettext_noop(
                        "Is this the port of tlsbindaddr in manager.conf (for HTTPS: in http.conf), with "
                        "tlsenable = yes and a readable tlscertfile?"
                    )
                )
            ],
            kind="no-tls",
            heard=line[:40].decode("utf-8", "replace"),
        )
    certificate = x509.load_der_x509_certificate(der)
    facts, now = _facts(certificate), datetime.fromtimestamp(examination.now(), UTC)
    if address.fingerprint:
        return problem(
            seen,
            advice=[
                Text(
                    gettext_noop(
                        "If the certificate was replaced on the PBX (“openssl x509 -noout -fingerprint -sha256 -in "
                        "FILE” there prints the same), pin the new one: fingerprint=sha256:%(fingerprint)s. If not, "
                        "somebody stands between."
                    ),
                    fingerprint=facts["fingerprint"],
                )
            ],
            kind="wrong-pin",
            **facts,
        )
    if now > certificate.not_valid_after_utc:
        return problem(
            Text(
                gettext_noop("The certificate of %(where)s has expired on %(date)s."), where=where, date=facts["until"]
            ),
            advice=[
                Text(
                    gettext_noop(
                        "Renew the certificate that tlscertfile of manager.conf names, then restart Asterisk, or "
                        "“manager reload” where it is new enough for that."
                    )
                )
            ],
            kind="expired",
            **facts,
        )
    if now < certificate.not_valid_before_utc:
        return problem(
            Text(
                gettext_noop("The certificate of %(where)s is valid only from %(date)s on."),
                where=where,
                date=facts["since"],
            ),
            advice=[Text(gettext_noop("Look at the clocks of both machines, or renew the certificate."))],
            kind="not-yet-valid",
            **facts,
        )
    if not _names(certificate, address.host):
        return problem(
            Text(
                gettext_noop("The certificate of %(where)s is made out for %(names)s, not for %(host)s."),
                where=where,
                names=", ".join(facts["names"]) or "—",
                host=address.host,
            ),
            advice=[
                Text(
                    gettext_noop(
                        "Write one of these names in AMI_URL, or have a certificate made with %(host)s among its "
                        "subject alternative names."
                    ),
                    host=address.host,
                )
            ],
            kind="wrong-name",
            **facts,
        )
    return problem(
        seen,
        Text(
            gettext_noop("It was issued by “%(issuer)s”. Its SHA-256 fingerprint is %(fingerprint)s."),
            issuer=facts["issuer"],
            fingerprint=facts["fingerprint"],
        ),
        advice=[
            Text(
                gettext_noop(
                    "Compare that fingerprint with the one of tlscertfile on the PBX. If it is the same, name "
                    "the CA's certificate in AMI_URL: amis://…?ca=/path/of/ca.pem. If it is another, somebody "
                    "stands between."
                )
            ),
        ],
        kind="not-trusted",
        **facts,
    )


async def greeting(examination: Examination) -> Finding:
    """Is it Asterisk's manager interface?"""
    address, where = examination.address, examination.where
    heard = await _first_words(examination, tls=address.scheme == "amis")
    if heard.startswith(GREETING):
        line = heard.partition(b"\r\n")[0].decode("utf-8", "replace")
        try:
            check_version(line.rpartition("/")[2])
        except TooOld as error:
            return _too_old(error, greeting=line)
        return ok(Text(gettext_noop("%(where)s greets with “%(heard)s”."), where=where, heard=line), greeting=line)
    shown = heard.splitlines()[0][:60].decode("utf-8", "replace").strip() if heard.strip() else ""
    here = Text(gettext_noop("AMI listens on port 5038 unless “port” in [general] of manager.conf says otherwise."))
    if heard.startswith(b"SSH-"):
        return problem(
            Text(gettext_noop("%(where)s is an SSH server: it greets with “%(heard)s”."), where=where, heard=shown),
            advice=[here],
            kind="ssh",
            heard=shown,
        )
    if heard:
        return problem(
            Text(gettext_noop("%(where)s is another program: it greets with “%(heard)s”."), where=where, heard=shown),
            advice=[here],
            kind="other",
            heard=shown,
        )
    # It waits for us to speak: a web server does, and whoever expects TLS.
    if address.scheme == "ami" and await _certificate(examination) is not None:
        return problem(
            Text(gettext_noop("%(where)s says nothing, but speaks TLS."), where=where),
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
    answer = await _first_words(examination, tls=address.scheme == "amis", say=b"GET / HTTP/1.0\r\n\r\n")
    if answer.startswith(b"HTTP/"):
        return problem(
            Text(gettext_noop("%(where)s is a web server."), where=where),
            advice=[
                here,
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
        Text(gettext_noop("%(where)s takes the connection and says nothing."), where=where),
        advice=[
            here,
            Text(
                gettext_noop(
                    "If the port is right: Asterisk closes a connection at once while authlimit (50) others have "
                    "not logged in yet, and says nothing while it hangs."
                )
            ),
        ],
        kind="silent",
    )


async def login(examination: Examination) -> Finding:
    """Does Asterisk let us in?"""
    address = examination.address
    try:
        session = await Session.open(address, examination.on_event, events="off", timeout=examination.patience)
    except LoginRefused as error:
        return _refused(examination, error)
    except (ConnectFailed, NotAmi) as error:  # only over HTTP: else the steps before have found it
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "AMI over HTTP takes “webenabled = yes” in [general] of manager.conf, and “enabled = yes” "
                        "(for HTTPS “tlsenable = yes”) in http.conf; “http show status” on Asterisk's console says "
                        "at which port, and under which paths."
                    )
                )
            ],
            kind="not-over-http",
        )
    except AnswerTimeout as error:
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "Asterisk is there and does not answer: is it busy, or stuck? See “core show channels count” "
                        "and its log."
                    )
                )
            ],
            kind="no-answer",
        )
    except LinkLost as error:
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "Asterisk ended the connection before the login was done: its log says why. Too many "
                        "connections that have not logged in (authlimit) are one reason."
                    )
                )
            ],
            kind="closed",
        )
    examination.session = session
    return ok(
        Text(gettext_noop("“%(user)s” has logged in."), user=address.username),
        user=address.username,
        greeting=session.greeting,
    )


def _refused(examination: Examination, error: LoginRefused) -> Finding:
    user, answer = examination.address.username, error.parameters.get("answer", "")
    seen = Text(gettext_noop("Asterisk refuses the login of “%(user)s”: %(answer)s."), user=user, answer=answer)
    if "in use" in answer.lower():
        return problem(
            seen,
            advice=[
                Text(
                    gettext_noop(
                        "This user may be logged in only once (allowmultiplelogin = no), and is: by the panel's "
                        "worker, or by another program. Give each program a user of its own, or set "
                        "allowmultiplelogin = yes."
                    )
                )
            ],
            kind="in-use",
        )
    return problem(
        seen,
        advice=[
            Text(
                gettext_noop(
                    "Asterisk says the same for a wrong user, a wrong secret and an address that it does not "
                    "permit; its log tells them apart:"
                )
            ),
            Text(
                gettext_noop(
                    "“tried to authenticate with nonexistent user '%(user)s'”: there is no [%(user)s] in "
                    "manager.conf, or “manager reload” is still to be done."
                ),
                user=user,
            ),
            Text(
                gettext_noop(
                    "“failed to pass IP ACL as '%(user)s'”: deny and permit in [%(user)s] shut us out. We come "
                    "from %(source)s (the line in the log has the address as Asterisk sees it): permit = "
                    "%(source)s."
                ),
                user=user,
                source=examination.source or "?",
            ),
            Text(
                gettext_noop(
                    "only “failed to authenticate as '%(user)s'”: the secret is another one. In AMI_URL, the "
                    "characters / ? # @ : %% of a secret are written as %%2F %%3F %%23 %%40 %%3A %%25."
                ),
                user=user,
            ),
        ],
        kind="refused",
        source=examination.source,
        user=user,
    )


class _Ear(asyncio.Protocol):
    """Hears the first line that the other side says."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.enough = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if b"\n" in self.heard or len(self.heard) > 1000:
            self.enough.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.enough.set()


async def _first_words(examination: Examination, *, tls: bool = False, say: bytes = b"") -> bytes:
    """What whoever listens there says first, or to what we say; nothing where he is silent."""
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


async def _certificate(examination: Examination) -> bytes | None:
    """The certificate that is shown there, trusted or not; None where nobody speaks TLS."""
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
    await _end(writer)
    return certificate


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _facts(certificate: x509.Certificate) -> dict[str, Any]:
    names = _alternative_names(certificate)
    found: list[str] = []
    if names is not None:
        found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return {
        "issuer": certificate.issuer.rfc4514_string(),
        "subject": certificate.subject.rfc4514_string(),
        "names": found,
        "since": f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        "until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
    }


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Whether the certificate is made out for this host: by its IP address, its name or a wildcard of its domain."""
    names = _alternative_names(certificate)
    if names is None:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    _first, _dot, domain = host.lower().partition(".")
    return host.lower() in known or f"*.{domain}" in known


async def version(examination: Examination) -> Finding | None:
    """Which Asterisk it is. None where that may not be asked."""
    if not examination.may("CoreSettings"):
        return None
    settings = (await examination.ask(actions.core_settings())).response
    found = settings.get("AsteriskVersion")
    try:
        check_version(settings.get("AMIversion"))
    except TooOld as error:
        return _too_old(error, version=found, ami=settings.get("AMIversion"))
    return ok(
        Text(gettext_noop("Asterisk %(version)s, AMI %(ami)s."), version=found, ami=settings.get("AMIversion")),
        version=found,
        ami=settings.get("AMIversion"),
    )


def _too_old(error: TooOld, **facts: str) -> Finding:
    return problem(
        Text(error.sentence, **error.parameters),
        advice=[
            Text(gettext_noop("Upgrade Asterisk. The panel is tested with versions 16 and 22.")),
        ],
        kind="old",
        **facts,
    )
