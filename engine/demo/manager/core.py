"""Actions about the PBX as a whole: its settings, how it is doing, and its console."""

import time
from typing import TYPE_CHECKING

from .. import cli
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

AMI_VERSION, ASTERISK_VERSION = "11.0.0", "22.10.1"


@answers("CoreSettings", "Show PBX core settings (version etc).", "system,reporting,all")
def core_settings(session: "ManagerSession", action: ActionFields) -> None:
    session.respond(
        "Success",
        ("AMIversion", AMI_VERSION),
        ("AsteriskVersion", ASTERISK_VERSION),
        ("SystemName", ""),
        ("CoreMaxCalls", "0"),
        ("CoreMaxLoadAvg", "0.000000"),
        ("CoreRunUser", ""),
        ("CoreRunGroup", ""),
        ("CoreMaxFilehandles", "0"),
        ("CoreRealTimeEnabled", "No"),
        ("CoreCDRenabled", "Yes"),
        ("CoreHTTPenabled", "Yes"),
        ("SoundsSearchCustomDir", "No"),
    )


@answers("CoreStatus", "Show PBX core status variables.", "system,reporting,all")
def core_status(session: "ManagerSession", action: ActionFields) -> None:
    started, reloaded = map(time.localtime, (session.started_at, session.configuration.read_at))
    session.respond(
        "Success",
        ("CoreStartupDate", time.strftime("%Y-%m-%d", started)),
        ("CoreStartupTime", time.strftime("%H:%M:%S", started)),
        ("CoreReloadDate", time.strftime("%Y-%m-%d", reloaded)),
        ("CoreReloadTime", time.strftime("%H:%M:%S", reloaded)),
        ("CoreCurrentCalls", str(cli.active_calls(session.switch))),
        ("CoreProcessedCalls", str(session.switch.calls_processed)),
    )


@answers("Command", "Execute Asterisk CLI Command.", "command,all")
def command(session: "ManagerSession", action: ActionFields) -> None:
    line = action.get("Command").strip()
    if not line:
        raise Refused("No command provided")
    output = cli.run(line, session.dialplan, session.configuration, session.started_at, ASTERISK_VERSION)
    response = "Success" if output is not None else "Error"
    lines = output if output is not None else cli.failure(line)
    follows = ("Message", "Command output follows")
    session.respond(response, follows, *(("Output", text) for text in lines or [""]))
