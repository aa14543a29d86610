"""What a certificate says: who issued it, for whom, and for how long."""

import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes


def facts_of(certificate: x509.Certificate) -> dict[str, Any]:
    """Issuer, subject, alternative names, first and last day (YYYY-MM-DD) and SHA-256 fingerprint, as text."""
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


def is_for(certificate: x509.Certificate, host: str) -> bool:
    """Whether the certificate is issued for this host: by its IP address, its name or a wildcard of its domain."""
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


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
