"""The settings that come from the environment, each checked: a wrong value fails at start with a sentence."""

import ipaddress
import os
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import phonenumbers
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from engine.ami.transports import Address

SHORTEST_KEY = 32
# What LDAP can tell of a person.
LDAP_FIELDS = ("name", "department", "title", "email", "extension", "mobile", "outside", "note", "tags", "photo")

_YES, _NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")

# A server that cannot be reached, or has vanished without a word, fails within seconds: libpq's own times are minutes.
# (Seconds, but for tcp_user_timeout, which is in milliseconds.)
_POSTGRESQL_PATIENCE = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}


def flag(name: str, default: bool) -> bool:
    """An environment variable that says yes or no."""
    text = os.environ.get(name)
    if text is None:
        return default
    if text.strip().lower() in _YES:
        return True
    if text.strip().lower() in _NO:
        return False
    raise ImproperlyConfigured(f"{name} is “{text}”; it must be yes or no.")


def number(name: str, default: int) -> int:
    """An environment variable that holds a whole number, 0 or more."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{name} is “{text}”; it must be a whole number, 0 or more.")
    return int(text)


def words(name: str, default: list[str]) -> list[str]:
    """An environment variable that lists words, separated by commas or spaces."""
    text = os.environ.get(name)
    return default if text is None else text.replace(",", " ").split()


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """An environment variable that lists ranges of addresses, separated by commas or spaces."""
    found = []
    for word in words(name, default=[]):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} has “{word}”, which is no range of addresses ({error}); write it as 10.0.0.0/8 or fd00::/8."
            ) from None
    return found


def text(name: str) -> str:
    """An environment variable that holds any text; empty where it is not set."""
    return os.environ.get(name, "").strip()


def ldap_url(name: str) -> str:
    """An environment variable that is the URL of an LDAP server; empty where it is not set."""
    url = text(name)
    if url and (urlsplit(url).scheme not in ("ldap", "ldaps") or not urlsplit(url).hostname):
        raise ImproperlyConfigured(f"{name} is “{url}”; write it as ldaps://ldap.example.org or ldap://….")
    return url


def attributes(name: str) -> dict[str, list[str]]:
    """An environment variable that says which attributes hold a field: `name=cn mobile=mobile,pager`."""
    found = {}
    for word in os.environ.get(name, "").split():
        field, separator, names = word.partition("=")
        if not separator or field not in LDAP_FIELDS:
            fields = ", ".join(LDAP_FIELDS)
            raise ImproperlyConfigured(f"{name} has “{word}”; write field=attribute, of the fields {fields}.")
        found[field] = [attribute for attribute in names.split(",") if attribute]
    return found


def sentences(name: str) -> list[str]:
    """An environment variable that holds sentences, with a `|` between."""
    return [sentence for part in os.environ.get(name, "").split("|") if (sentence := part.strip())]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail server, how it is spoken to, and the address from which is sent."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    sender: str = ""


# Scheme → the usual port.
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail(name: str, sender_name: str) -> Mail:
    """An environment variable that is the URL of a mail server, and one with the sender; without it, no mail server.

    `smtp://` is without TLS, `smtp+tls://` begins it by STARTTLS, and `smtps://` is TLS from the start.
    """
    url = os.environ.get(name, "").strip()
    if not url:
        return Mail()
    form = "write it as smtps://user:password@host, or with smtp+tls:// (STARTTLS) or smtp:// (no TLS)"
    try:
        parts = urlsplit(url)
        port = parts.port
        if parts.path not in ("", "/"):
            raise ValueError
    except ValueError:  # its text may hold the password
        raise ImproperlyConfigured(
            f"{name} is no URL, or its port is no number (a “/” in the password is written as %2F); {form}."
        ) from None
    if parts.scheme not in _MAIL_PORTS:
        raise ImproperlyConfigured(f"{name} begins with something else than smtp, smtp+tls or smtps; {form}.")
    if not parts.hostname:
        raise ImproperlyConfigured(f"{name} names no host; {form}.")
    sender = os.environ.get(sender_name, "").strip()
    try:
        ((_name, address),) = getaddresses([sender])
        validate_email(address)
    except (ValueError, ValidationError):
        raise ImproperlyConfigured(
            f"{sender_name} is “{sender}”; with {name} it must be the address from which e-mail is sent, such as "
            "PBX Panel <panel@example.org>."
        ) from None
    return Mail(
        host=parts.hostname,
        port=port or _MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+tls",
        tls=parts.scheme == "smtps",
        sender=sender,
    )


def astdb_keys(name: str, default: str, kinds: Collection[str]) -> dict[str, str]:
    """An environment variable that says under which names the AstDB has things: `dnd=DND/{} always=CF/{}`, where `{}`
    stands for an extension.
    """
    found = {}
    for word in words(name, default=default.split()):
        kind, _equals, key = word.partition("=")
        family, _slash, rest = key.partition("/")
        if kind not in kinds or not family or "{" in family or rest.count("{}") != 1 or len(key.encode()) > 100:
            raise ImproperlyConfigured(
                f"{name} has “{word}”; write it as dnd=DND/{{}}, where {{}} stands for the extension. "
                f"What can be named: {', '.join(kinds)}."
            )
        found[kind] = key
    return found


def choice(name: str, default: str, choices: Collection[str]) -> str:
    """An environment variable that is one of these words."""
    text = os.environ.get(name, "").strip().lower() or default
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is “{text}”; it must be one of: {', '.join(choices)}.")
    return text


def country(name: str) -> str:
    """An environment variable that names a country by its two letters (ISO 3166); empty where it is not set."""
    text = os.environ.get(name, "").strip().upper()
    if text and text not in phonenumbers.SUPPORTED_REGIONS:
        raise ImproperlyConfigured(f"{name} is “{text}”; it must be the two letters of a country, such as DE or CN.")
    return text


def secret_key(file: Path, *, lenient: bool) -> str:
    """SECRET_KEY, or the key that `make` has put into `file`; `lenient` takes one that could be guessed, too."""
    key = os.environ.get("SECRET_KEY", "")
    if not key and file.exists():
        key = file.read_text().strip()
    advice = "give it a long random text of its own (`make` writes one into var/secret_key)"
    if not key:
        raise ImproperlyConfigured(f"SECRET_KEY is not set: {advice}.")
    if not lenient and len(key) < SHORTEST_KEY:
        raise ImproperlyConfigured(f"SECRET_KEY has {len(key)} characters and needs {SHORTEST_KEY} or more: {advice}.")
    if not lenient and key.startswith("django-insecure"):
        raise ImproperlyConfigured(f"SECRET_KEY begins with “django-insecure”, so others know it: {advice}.")
    return key


def addresses() -> dict[str, Address]:
    """AMI_URL → the PBXs by name; empty when it is unset (then the demo PBX serves).

    One bare URL is the PBX `main`; several are written `name=url`, separated by spaces.
    """
    found: dict[str, Address] = {}
    for word in os.environ.get("AMI_URL", "").split():
        name, separator, url = word.partition("=")
        if not separator or set(name) & set("/:@"):  # the “=” stands within the URL, perhaps in its secret
            name, url = "main", word
        if not name.replace("_", "").isalnum() or not name.isascii() or len(name) > 32:
            raise ImproperlyConfigured(
                f"AMI_URL names a PBX “{name[:40]}”; use up to 32 of the letters a–z, digits and “_”."
            )
        if name in found:
            raise ImproperlyConfigured(f"AMI_URL names the PBX “{name}” twice; write name=url for each.")
        try:
            found[name] = Address.parse(url)
        except ValueError as error:
            raise ImproperlyConfigured(f"AMI_URL is wrong: {error}.") from None
    return found


def database(default: Path) -> dict[str, Any]:
    """DATABASE_URL → Django's settings for one database: PostgreSQL, or SQLite (the default) in WAL mode."""
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{default}"
    form = "write it as postgresql://user:password@host:5432/name or sqlite:////path/of/file"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text may hold the password
        raise ImproperlyConfigured(
            f"DATABASE_URL is no URL, or its port is no number (a “/” in the password is written as %2F); {form}."
        ) from None
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) or str(default),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    if parts.scheme in ("postgres", "postgresql"):
        if not parts.path.strip("/"):
            raise ImproperlyConfigured(f"DATABASE_URL names no database; {form}.")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(port or ""),
            "OPTIONS": {**_POSTGRESQL_PATIENCE, **dict(parse_qsl(parts.query))},
            "CONN_HEALTH_CHECKS": True,
        }
    raise ImproperlyConfigured(f"DATABASE_URL begins with “{parts.scheme}”; {form}.")


def channel_layer() -> dict[str, Any]:
    """REDIS_URL → Django's settings for the channel layer: Redis, or this process's memory (the default)."""
    url = os.environ.get("REDIS_URL", "")
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 5000}}
    try:
        scheme, _port = urlsplit(url).scheme, urlsplit(url).port
    except ValueError:  # its text may hold the password
        raise ImproperlyConfigured(
            "REDIS_URL is no URL, or its port is no number; write it as redis://:password@host:6379/0."
        ) from None
    if scheme not in ("redis", "rediss", "unix"):
        raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
    # Only here: a panel of one process starts without the library.
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff

    # channels_redis waits 5 s at Redis for a message: the connection must be more patient than that. A connection
    # that broke while it was idle is opened again.
    host = {"address": url, "socket_timeout": 20, "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), 3)}
    return {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [host], "capacity": 5000, "expiry": 30},
    }
