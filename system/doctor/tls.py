"""Whether a side that the panel trusts speaks TLS; if not, why not."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from django.utils.translation import gettext_noop

from engine.ami import transports
from engine.ami.errors import ConnectFailed

from .certificates import facts_of, is_for
from .examination import Examination
from .listening import GREETING, first_words, presented_certificate
from .report import Finding, Text, ok, problem


async def tls(examination: Examination) -> Finding:
    """Is TLS spoken there, by a side that is trusted?"""
    address, where = examination.address, examination.where
    try:
        transport = await transports.connect(address, asyncio.Protocol, timeout=examination.patience)
    except ConnectFailed as error:
        return await _why_no_tls(examination, error)
    certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    transport.abort()
    facts = facts_of(x509.load_der_x509_certificate(certificate)) if certificate else {}
    return ok(Text(gettext_noop("%(where)s presents a trusted certificate."), where=where), **facts)


async def _why_no_tls(examination: Examination, error: ConnectFailed) -> Finding:
    """What the library says about it, and what the certificate shows, read without trusting it."""
    seen = Text(error.sentence, **error.parameters)
    der = await presented_certificate(examination)
    if der is None:
        return await _not_spoken(examination, seen)
    return _not_trusted(examination, seen, x509.load_der_x509_certificate(der))


async def _not_spoken(examination: Examination, seen: Text) -> Finding:
    """No certificate is presented there: is it AMI without TLS, or something else?"""
    where = examination.where
    if (line := await first_words(examination)).startswith(GREETING):
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


def _not_trusted(examination: Examination, seen: Text, certificate: x509.Certificate) -> Finding:
    """What is wrong with the certificate: the pin first, then its time, its names, and at last its issuer."""
    facts, now = facts_of(certificate), datetime.fromtimestamp(examination.now(), UTC)
    if examination.address.fingerprint:
        return _wrong_pin(seen, facts)
    if now > certificate.not_valid_after_utc:
        return _expired(examination.where, facts)
    if now < certificate.not_valid_before_utc:
        return _not_yet_valid(examination.where, facts)
    if not is_for(certificate, examination.address.host):
        return _wrong_name(examination, facts)
    return _unknown_issuer(seen, facts)


def _wrong_pin(seen: Text, facts: dict[str, Any]) -> Finding:
    return problem(
        seen,
        advice=[
            Text(
                gettext_noop(
                    "If the certificate was replaced on the PBX (“openssl x509 -noout -fingerprint -sha256 -in FILE” "
                    "there prints the same), pin the new one: fingerprint=sha256:%(fingerprint)s. If not, somebody "
                    "may be intercepting the connection."
                ),
                fingerprint=facts["fingerprint"],
            )
        ],
        kind="wrong-pin",
        **facts,
    )


def _expired(where: str, facts: dict[str, Any]) -> Finding:
    return problem(
        Text(gettext_noop("The certificate of %(where)s has expired on %(date)s."), where=where, date=facts["until"]),
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


def _not_yet_valid(where: str, facts: dict[str, Any]) -> Finding:
    return problem(
        Text(
            gettext_noop("The certificate of %(where)s is valid only from %(date)s on."),
            where=where,
            date=facts["since"],
        ),
        advice=[Text(gettext_noop("Check the clocks of both machines, or renew the certificate."))],
        kind="not-yet-valid",
        **facts,
    )


def _wrong_name(examination: Examination, facts: dict[str, Any]) -> Finding:
    return problem(
        Text(
            gettext_noop("The certificate of %(where)s is issued for %(names)s, not for %(host)s."),
            where=examination.where,
            names=", ".join(facts["names"]) or "—",
            host=examination.address.host,
        ),
        advice=[
            Text(
                gettext_noop(
                    "Write one of these names in AMI_URL, or have a certificate issued with %(host)s among its "
                    "subject alternative names."
                ),
                host=examination.address.host,
            )
        ],
        kind="wrong-name",
        **facts,
    )


def _unknown_issuer(seen: Text, facts: dict[str, Any]) -> Finding:
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
                    "Compare that fingerprint with the one of tlscertfile on the PBX. If it is the same, name the "
                    "CA's certificate in AMI_URL: amis://…?ca=/path/of/ca.pem. If it differs, somebody may be "
                    "intercepting the connection."
                )
            ),
        ],
        kind="not-trusted",
        **facts,
    )
