"""Where a request comes from: origins of web pages, and addresses."""

import ipaddress
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def origin_of(text: str) -> str:
    """An origin as a browser writes it in its `Origin` header; empty for what is none (RFC 6454, section 6.2)."""
    try:
        parts = urlsplit(text.strip().lower())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        return ""
    if "@" in parts.netloc or any(character.isspace() for character in host):
        return ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def network_of(text: str) -> Network | None:
    """The range of addresses that is meant; None for what is none."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def is_within(address: str, networks: list[str]) -> bool:
    """Whether an address is in one of these ranges."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(network is not None and found in network for network in map(network_of, networks))
