"""What is secret in configuration, in steps of the dialplan and in what the CLI prints, and how that is shown."""

import re

MASK = "••••••"
# Names of which the value is a secret, in whichever file.
_SECRET = re.compile(
    r"secret|passw|passphrase|passcode|md5[_-]?cred|"
    r"(pass|pwd|token|credential|(api|access|account|encryption)[_-]?key)s?$|(^|_|-|admin|user|auth)pins?$",
    re.IGNORECASE,
)
# A secret behind a user: `user:secret@host`, also `user@domain:secret@host`, in a URL or alone.
_BEHIND_A_USER = re.compile(
    r"""((?:^|[\s/<;,"'=(])(?:sips?:)?(?!(?:sips?|mailto|im|pres|xmpp):)[^\s:@/]{1,200}(?:@[^\s:@/]{1,200})?:)(?!//)\S{1,1000}(?=@)"""
)
# `PWD=secret` of an ODBC connection, `Set(PIN=1234)`, `CONFBRIDGE(user,pin)=1234`.
_ASSIGNED = re.compile(r"(?<![\w-])([A-Za-z_][\w-]*(?:\([^()]*\))?)(\s*=>?\s*)(\{[^}]*\}|\"[^\"]*\"|[^\s;,&)\"]+)")
_PARTS_OF_A_NAME = re.compile(r"[(),]")
# Applications of the dialplan, and which of their arguments is a secret. A file or a variable that holds it is none.
_ARGUMENTS = re.compile(r"\b(Authenticate|DISA)[(!]([^,)!]+)", re.IGNORECASE)
_MEETME = re.compile(r"\b(MeetMe\([^,()]*,[^,()]*,)([^,)]+)", re.IGNORECASE)
_HOLDS_NO_SECRET = ("/", "$", "no-password")
# `password   : secret` of `pjsip show …`, and the like.
_PARAMETER = re.compile(r"(\s{0,40}([A-Za-z][\w -]{0,60}?)\s{0,40}[:=]\s{0,40})(\S.*)")


def is_secret(name: str) -> bool:
    """Whether the value of a line of this name is a secret, in whichever file."""
    return _SECRET.search(name.strip()) is not None


def masked_text(text: str) -> str:
    """Any text without what is secret in it by its position."""
    text = _BEHIND_A_USER.sub(rf"\1{MASK}", text)
    text = _ASSIGNED.sub(_masked_assignment, text)
    text = _ARGUMENTS.sub(_masked_argument, text)
    return _MEETME.sub(_masked_argument, text)


def _masked_assignment(found: re.Match[str]) -> str:
    name, equals, value = found.groups()
    is_kept = value.startswith("$") or not any(is_secret(part) for part in _PARTS_OF_A_NAME.split(name))
    return found[0] if is_kept else f"{name}{equals}{MASK}"


def _masked_argument(found: re.Match[str]) -> str:
    if found[2].strip().startswith(_HOLDS_NO_SECRET):
        return found[0]
    return found[0].removesuffix(found[2]) + MASK


def masked_output(line: str) -> str:
    """A line that the CLI printed, without what is secret in it."""
    found = _PARAMETER.fullmatch(line)
    if found and is_secret(found[2]) and not found[3].startswith("<"):  # `<Set>` of sip show peer
        return found[1] + MASK
    return masked_text(line)
