"""Numbers as other programs write them: which kind each is, and how it is typed here."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

# So many digits at most are an extension, where nobody says what a number is.
EXTENSION = 6
_TEL = re.compile(r"tel:([^;]*)(?:;(?:.*;)?ext=([^;]*))?.*", re.IGNORECASE | re.DOTALL)


def sorted_out(numbers: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """Numbers, and whether each is a mobile one → by field what is typed of them; fields of none are left out."""
    found: dict[str, list[str]] = {}
    for written, is_mobile in numbers:
        number, extension = _parts(written)
        if extension:
            found.setdefault("extension", []).append(extension)
        if not number:
            continue
        kind = "mobile" if is_mobile else "extension" if is_extension(number) else "outside"
        found.setdefault(kind, []).append(number)
    return {kind: ", ".join(several) for kind, several in found.items()}


def is_extension(number: str) -> bool:
    """Whether a number is as short as that of a phone of the house."""
    return number.isascii() and number.isdecimal() and len(number) <= EXTENSION


def _parts(written: str) -> tuple[str, str]:
    """A number, and an extension that it names (RFC 3966)."""
    if found := _TEL.fullmatch(written):
        return unquote(found[1]).strip(), unquote(found[2] or "").strip()
    # An area code in brackets.
    return re.sub(r"^\(([^()]*)\)\s*", r"\1 ", written.strip()), ""
