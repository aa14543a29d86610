"""One AMI session of the demo without a socket: bytes in, answers out, and which events it wants.

The answers have the words and the order of Asterisk 22 (main/manager.c, apps/app_confbridge.c).

`session` is the session, `messages` what goes over the wire, `filters` which events a session wants, `registry` the
table of actions. All other modules answer actions, each those about one thing.
"""

from . import (  # noqa: F401 (each enters its actions into the table)
    bridges,
    channels,
    confbridge,
    config,
    core,
    database,
    dialplan,
    login,
    originate,
    parking,
    recordings,
    states,
    voicemail,
)
from .messages import ActionFields, Event, encode, event
from .originate import parse_caller_id
from .session import ManagerSession

__all__ = ["ActionFields", "Event", "ManagerSession", "encode", "event", "parse_caller_id"]
