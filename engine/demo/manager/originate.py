"""Originate: what the action asks for, and how its outcome is told."""

import re
from typing import TYPE_CHECKING

from ..dialplan import ANSWERED, Originate
from ..expressions import arguments
from ..model import NOBODY, UNKNOWN, Channel, Fields, Party
from .messages import ActionFields, id_field, is_yes
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

_SETTING = re.compile(r"(CONNECTEDLINE|CALLERID)\((num|name)(?:,i)?\)=(.*)")
_CALLER_ID = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^<"]*?))\s*(?:<(?P<number>[^>]*)>)?\s*')
_PHONE_NUMBER = re.compile(r"[0-9*#+]+")


@answers("Originate", "Originate a call.", "originate,all")
def originate(session: "ManagerSession", action: ActionFields) -> None:
    request = _parse(session, action)
    action_id = session.action_id
    is_async = is_yes(action.get("Async"))
    queued = ("Message", "Originate successfully queued")

    def outcome(reason: int, channel: Channel | None) -> None:
        if is_async:
            session.announce("OriginateResponse", _response(action_id, request, reason, channel))
        elif reason == ANSWERED:
            session.respond("Success", queued, action_id=action_id)
        else:
            session.respond("Error", ("Message", "Originate failed"), action_id=action_id)

    if is_async:
        session.respond("Success", queued)
    session.dialplan.originate(request, outcome)


def _parse(session: "ManagerSession", action: ActionFields) -> Originate:
    channel, extension, context = (action.get(key) for key in ("Channel", "Exten", "Context"))
    application, priority, timeout = (action.get(key) for key in ("Application", "Priority", "Timeout"))
    if not channel:
        raise Refused("Channel not specified")
    if priority and not priority.isdecimal():
        raise Refused("Invalid priority")
    if timeout and not timeout.isdecimal():
        raise Refused("Invalid timeout")
    if "/" not in channel:
        raise Refused("Invalid channel")
    if not application:
        if not (extension and context and priority):
            raise Refused("Originate with 'Exten' requires 'Context' and 'Priority'")
        if priority != "1" or not session.dialplan.exists(extension, context):
            raise Refused("Extension does not exist.")
    # A comma in a line begins another variable.
    assigned = [text for line in action.all("Variable") for text in arguments(line)]
    settings = tuple(filter(None, map(_parse_setting, assigned)))
    pairs = (text.partition("=") for text in assigned if _parse_setting(text) is None)
    variables = tuple((name, value) for name, equals, value in pairs if name and equals)
    return Originate(
        channel=channel,
        extension="" if application else extension,
        context=context,
        application=application,
        application_data=action.get("Data"),
        timeout=int(timeout) / 1000 if timeout else 30.0,
        caller=parse_caller_id(action.get("CallerID")),
        settings=settings,
        variables=variables,
        account_code=action.get("Account"),
        uniqueids=(action.get("ChannelId"), action.get("OtherChannelId")),
    )


def _parse_setting(variable: str) -> tuple[str, Party] | None:
    """`CONNECTEDLINE(num,i)=102` or `CALLERID(name)=Ben`; None for any other variable, of which no event tells."""
    match = _SETTING.fullmatch(variable)
    if match is None:
        return None
    return match[1], Party("", match[3]) if match[2] == "name" else Party(match[3], "")


def parse_caller_id(text: str) -> Party:
    """`"Zoë" <4711>`, `4711` or `Zoë` → number and name (main/callerid.c, ast_callerid_parse)."""
    match = _CALLER_ID.fullmatch(text)
    if match is None:
        return NOBODY
    name = re.sub(r"\\(.)", r"\1", match["quoted"]) if match["quoted"] is not None else match["bare"]
    if match["number"] is not None:
        return Party(match["number"], name)
    return Party(name, "") if _PHONE_NUMBER.fullmatch(name) else Party("", name)


def _response(action_id: str, request: Originate, reason: int, channel: Channel | None) -> Fields:
    where = (
        [("Application", request.application), ("Data", request.application_data)]
        if request.application
        else [("Context", request.context), ("Exten", request.extension)]
    )
    return [
        *id_field(action_id),
        ("Response", "Failure" if channel is None else "Success"),
        ("Channel", request.channel if channel is None else channel.name),
        *where,
        ("Reason", str(reason)),
        ("Uniqueid", request.uniqueids[0] or UNKNOWN if channel is None else channel.uniqueid),
        ("CallerIDNum", request.caller.number or UNKNOWN),
        ("CallerIDName", request.caller.name or UNKNOWN),
    ]
