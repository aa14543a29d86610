"""Where webhooks may be sent: to public addresses, and to what the setting WEBHOOK_NETWORKS allows besides.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
"""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The longest address that a webhook may have.
LONGEST = 1000
# Of IPv6 only this is in use in public; of that, what stands for IPv4 addresses, is for documents, or private.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]


class BadAddress(ValueError):
    """No webhook can be sent there; a sentence says why, and what to do."""


def is_allowed(address: Address) -> bool:
    """Whether anything may be sent to this address."""
    allowed = (network for network in settings.WEBHOOK_NETWORKS if network.version == address.version)
    return is_public(address) or any(address in network for network in allowed)


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could have this address, and no machine that is near."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def check(url: str) -> None:
    """Whether a webhook can have this URL. What its host's name stands for is known only when it is sent.

    Raises `BadAddress`.
    """
    if len(url) > LONGEST:
        raise BadAddress(_("This address is too long: at most %(most)d characters are accepted.") % {"most": LONGEST})
    if any(character.isspace() or not character.isprintable() for character in url) or not url.isascii():
        raise BadAddress(_("Write the address in ASCII and without spaces: encode what is something else."))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadAddress(_("This is no address of the web: write one such as https://crm.example.org/hook.")) from None
    if parts.scheme not in ("http", "https"):
        raise BadAddress(_("Begin the address with https:// or http://: nothing else can be sent to."))
    if not host or port == 0:
        raise BadAddress(_("This is no address of the web: write one such as https://crm.example.org/hook."))
    if "@" in parts.netloc:
        raise BadAddress(_("Leave the user name and password out of the address: the signature says who sends."))
    if "#" in url:
        raise BadAddress(_("Leave out what follows “#”: it is never sent."))
    _check_host(host)


def _check_host(host: str) -> None:
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name
    if not is_allowed(address):
        raise BadAddress(refusal(host))


def refusal(host: str) -> str:
    """That nothing is sent to this host, in words."""
    return _(
        "%(detail)s is not a public address. An administrator of the server can allow it by the setting "
        "WEBHOOK_NETWORKS."
    ) % {"detail": host}
