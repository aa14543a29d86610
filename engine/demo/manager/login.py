"""Actions about the session itself: login and logoff, which events it wants, which actions there are."""

import functools
import hashlib
import hmac
import random
import time
from typing import TYPE_CHECKING

from .filters import CLASSES, parse_mask
from .messages import ActionFields, event
from .registry import ANSWERS, Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

# Whoever guesses secrets has to wait for each answer.
FAILED_LOGIN_SECONDS = 1.0


@answers("Challenge", "Generate Challenge for MD5 Auth.", "<none>")
def challenge(session: "ManagerSession", action: ActionFields) -> None:
    if action.get("AuthType").upper() != "MD5":
        raise Refused("Must specify AuthType")
    session.challenge = str(random.SystemRandom().randrange(10**8, 10**9))
    session.respond("Success", ("Challenge", session.challenge))


@answers("Login", "Login Manager.", "<none>")
def login(session: "ManagerSession", action: ActionFields) -> None:
    if session.logged_in:
        session.respond("Success", ("Message", "Already authenticated"))
        return
    if not _is_right(session, action):
        session.later(FAILED_LOGIN_SECONDS, functools.partial(_refuse, session, session.action_id))
        return
    session.logged_in = True
    mask = parse_mask(action.get("Events"))
    session.filter.mask = CLASSES if mask is None else mask
    session.respond("Success", ("Message", "Authentication accepted"))
    moments = (("Uptime", session.started_at), ("LastReload", session.configuration.read_at))
    past = [(name, str(int(session.switch.now() - moment))) for name, moment in moments]
    booted = [*past, ("Status", "Fully Booted")]
    session.take_event(event("FullyBooted", booted))


def _is_right(session: "ManagerSession", action: ActionFields) -> bool:
    """Whether user and secret are right, or user and the answer to the challenge."""
    username, secret = session.credentials
    if action.get("AuthType").upper() == "MD5":
        text = f"{session.challenge}{secret}".encode()
        expected, given = hashlib.md5(text, usedforsecurity=False).hexdigest(), action.get("Key")
        right = bool(session.challenge) and hmac.compare_digest(expected.encode(), given.encode())
    else:
        right = hmac.compare_digest(secret.encode(), action.get("Secret").encode())
    return right and action.get("Username") == username


def _refuse(session: "ManagerSession", action_id: str) -> None:
    session.respond("Error", ("Message", "Authentication failed"), action_id=action_id)
    session.close()


@answers("Logoff", "Logoff Manager.", "<none>")
def logoff(session: "ManagerSession", action: ActionFields) -> None:
    session.respond("Goodbye", ("Message", "Thanks for all the fish."))
    session.close()


@answers("Ping", "Keepalive command.", "<none>")
def ping(session: "ManagerSession", action: ActionFields) -> None:
    session.respond("Success", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))


@answers("Events", "Control Event Flow.", "<none>")
def events(session: "ManagerSession", action: ActionFields) -> None:
    mask = parse_mask(action.get("EventMask"))
    if mask is None:
        raise Refused("Invalid event mask")
    session.filter.mask = mask
    session.respond("Success", ("Events", "On" if mask else "Off"))


@answers("Filter", "Dynamically add filters for the current manager session.", "system,all")
def add_filter(session: "ManagerSession", action: ActionFields) -> None:
    if action.get("Operation").lower() != "add":
        raise Refused("Unknown operation")
    if not session.filter.add(action.get("Filter")):
        raise Refused("Filter was formatted incorrectly.  Check the syntax of the filter given.")
    session.respond("Success", ("Message", "Success"))


@answers("ListCommands", "List available manager commands.", "<none>")
def list_commands(session: "ManagerSession", action: ActionFields) -> None:
    commands = sorted(ANSWERS.values(), key=lambda answer: answer.name)
    described = [(answer.name, f"{answer.synopsis}  (Priv: {answer.privilege})") for answer in commands]
    session.respond("Success", *described)
