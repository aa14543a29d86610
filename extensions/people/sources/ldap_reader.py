"""A program of its own that reads people from an LDAP server: wanted on its input as JSON, told on its output as JSON.

The LDAP library waits within C, for ever and with all other threads of its process, where a server accepts a connection
and is silent. So nobody waits for it but this program, which whoever has started it can end.

Wanted: `url`, `starttls`, `ca`, `user`, `password`, `base`, `filter`, `attributes`, `most`. Told: either `entries`,
each with its `key` and its attributes in small letters, bytes in base64; or `reason`, a word, and `detail`.
"""

import base64
import json
import sys
import uuid
from typing import Any

# How many entries are asked for at a time, and how long one answer may take, in seconds.
PAGE, PATIENCE = 500, 20.0
# What is no text.
BINARY = ("jpegPhoto", "thumbnailPhoto", "objectGUID")


def main() -> None:
    told = read(json.load(sys.stdin))
    json.dump(told, sys.stdout)


def read(wanted: dict[str, Any]) -> dict[str, Any]:
    """What there is, or why not."""
    try:
        import bonsai
    except ImportError as error:
        return {"reason": "library", "detail": str(error)}
    reasons = [
        (bonsai.AuthenticationError, "login"),
        (bonsai.TimeoutError, "silent"),
        (bonsai.NoSuchObjectError, "base"),
        (bonsai.errors.InvalidDN, "base"),
        (bonsai.errors.SizeLimitError, "limit"),
        (bonsai.ConnectionError, "connection"),
    ]
    try:
        return {"entries": _entries(bonsai, wanted)}
    except bonsai.LDAPError as error:
        reason = next((word for kind, word in reasons if isinstance(error, kind)), "other")
        return {"reason": reason, "detail": str(error)}


def _entries(bonsai: Any, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    client = bonsai.LDAPClient(wanted["url"], wanted["starttls"])
    client.set_cert_policy("demand")
    if wanted["ca"]:
        client.set_ca_cert(wanted["ca"])
    if wanted["user"]:
        client.set_credentials("SIMPLE", user=wanted["user"], password=wanted["password"])
    client.set_raw_attributes(list(BINARY))
    # A referral leads to another server, to which the password is not sent.
    client.set_server_chase_referrals(False)
    client.set_ignore_referrals(True)
    found: list[dict[str, Any]] = []
    with client.connect(timeout=PATIENCE) as connection:
        entries = connection.paged_search(
            wanted["base"], bonsai.LDAPSearchScope.SUB, wanted["filter"],
            attrlist=[*wanted["attributes"], "objectGUID", "entryUUID"], timeout=PATIENCE, page_size=PAGE,
        )  # fmt: skip
        for entry in entries:
            if len(found) >= wanted["most"]:
                raise bonsai.errors.SizeLimitError(f"More than {wanted['most']} entries match the filter.")
            found.append(_plain(entry))
    return found


def _plain(entry: Any) -> dict[str, Any]:
    attributes = {name.lower(): list(entry[name]) for name in entry if name.lower() != "dn"}
    guid = next(iter(attributes.pop("objectguid", [])), b"")
    key = str(uuid.UUID(bytes_le=guid)) if len(guid) == 16 else next(iter(attributes.pop("entryuuid", [])), "")
    told = {name: [_text(value) for value in values] for name, values in attributes.items()}
    return {"key": str(key or entry.dn), **told}


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    main()
