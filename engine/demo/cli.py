"""The few lines of Asterisk's console that the demo knows, printed as Asterisk 22 prints them."""

from . import functions
from .configuration import FOLDER, Configuration
from .dialplan import SYNOPSES, Dialplan
from .model import UNKNOWN, Channel, HiddenChannel, Member
from .switch import Switch

MODULES = {
    "app_confbridge.so": "Conference Bridge Application",
    "pbx_config.so": "Text Extension Configuration",
    "res_musiconhold.so": "Music On Hold Resource",
}
"""The modules that read their files anew, and what each is."""

# Which module has loaded a file.
_LOADED_BY = {"extensions.conf": "pbx_config", "musiconhold.conf": "res_musiconhold"}
# How the names of the contexts are asked for: what “dialplan show” can go on with.
_CONTEXTS_ASKED = '_command matchesarray "dialplan show " ""'
_UNITS = (("year", 31_536_000), ("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def run(
    line: str, dialplan: Dialplan, configuration: Configuration, started_at: float, version: str
) -> list[str] | None:
    """What a command prints; None where there is no such command, or it fails."""
    switch, words = dialplan.switch, line.split()
    seconds, since_reload = (int(switch.now() - moment) for moment in (started_at, configuration.read_at))
    if line == _CONTEXTS_ASKED:
        # The first word is what all others have in common.
        return [" ".join(["", *dialplan.contexts, "chanvar", "globals", "_EOF_"])]
    match words:
        case ["core", "show", "version"]:
            return [f"Asterisk {version} (the demo of PBX Panel)"]
        case ["core", "show", "uptime"]:
            return [f"System uptime: {uptime(seconds)}", f"Last reload: {uptime(since_reload)}"]
        case ["core", "show", "uptime", "seconds"]:
            return [f"System uptime: {seconds}", f"Last reload: {since_reload}"]
        case ["core", "show", "calls"]:
            return _call_counts(switch)
        case ["core", "show", "function", name] if name in functions.KNOWN:
            return ["", f"  -= Info about Function '{name}' =- ", "", "[Synopsis]", functions.KNOWN[name], ""]
        case ["core", "show", "applications"]:
            return _application_lines()
        case ["moh", "show", "classes"]:
            return _music_lines(configuration)
        case ["module", "show"]:
            return _module_lines()
        case ["config", "list"]:
            files = sorted(configuration.files)
            return [f"{_LOADED_BY.get(file, 'core'):<20} {f'{FOLDER}/{file}':<50}" for file in files]
        case ["dialplan", "show", "globals"]:
            # The newest first.
            lines = [f"   {name}={value}" for name, value in reversed(dialplan.variables.items())]
            return [*lines, "", f"    -- {len(lines)} variable(s)"]
        case ["core", "show", "channels"]:
            heading = f"{'Channel':<64} {'Location':<32} {'State':<7} {'Application(Data)':<30}"
            lines = [*map(_hidden_line, switch.hidden()), *map(_channel_line, switch.channels.values())]
            return [heading, *lines, *_channel_counts(switch)]
        case ["core", "show", "channels", "count"]:
            return _channel_counts(switch)
        case ["core", "show", "channels", "concise"]:
            hidden = [_concise_hidden(channel, switch.now()) for channel in switch.hidden()]
            return [*hidden, *(_concise(channel, switch.now()) for channel in switch.channels.values())]
        case ["mixmonitor", "list", name]:
            return _recording_lines(switch, name)
        case ["confbridge", "list"]:
            return _conference_lines(switch)
        case ["confbridge", "list", name]:
            return _member_lines(switch, name)
    return None


def _recording_lines(switch: Switch, name: str) -> list[str]:
    channel = switch.channels.get(name)
    if channel is None:
        return [f"No channel matching '{name}' found."]
    heading = ["MixMonitor ID\tFile\tReceive File\tTransmit File", "=" * 73]
    return [*heading, *(f"{one.id}\t{one.path.rpartition('.')[0]}\t\t" for one in channel.recordings)]


def failure(line: str) -> list[str]:
    """What Asterisk says to a line that it does not know, or to one that fails."""
    words = line.split()
    if words[:3] == ["core", "show", "function"] and len(words) == 4:
        return ["No function by that name registered.", f"Command '{line}' failed."]
    known = 2 if words[:2] in (["core", "show"], ["confbridge", "list"]) else 0
    topic = " ".join(words[: known + 2])
    return [f"No such command '{line}' (type 'core show help {topic}' for other possible commands)"]


def uptime(seconds: int) -> str:
    """`1 hour, 2 minutes, 3 seconds`; what is zero is left out."""
    found = []
    for unit, length in _UNITS:
        number, seconds = divmod(seconds, length)
        if number:
            found.append(f"{number} {unit}{'' if number == 1 else 's'}")
    return ", ".join(found)


def active_calls(switch: Switch) -> int:
    """Calls as Asterisk counts them: every channel that runs the dialplan, not those that were dialled."""
    return sum(channel.application not in ("AppDial", "AppDial2") for channel in switch.channels.values())


def duration(seconds: float) -> str:
    """`HH:MM:SS`."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _module_lines() -> list[str]:
    heading = f"{'Module':<30} {'Description':<40} {'Use Count':<10} {'Status':<11} {'Support Level':>13}"
    lines = [f"{name:<30} {what:<40} {0:<10} {'Running':<11} {'core':>13}" for name, what in MODULES.items()]
    return [heading, *lines, f"{len(lines)} modules loaded"]


def _application_lines() -> list[str]:
    lines = [f"  {name:>20}: {synopsis} " for name, synopsis in SYNOPSES.items()]
    heading, ending = "Registered Asterisk Applications", f"{len(lines)} Applications Registered"
    return [f"    -= {heading} =-", *lines, f"    -= {ending} =-"]


def _music_lines(configuration: Configuration) -> list[str]:
    found = []
    for category in configuration.files.get("musiconhold.conf", ()):
        if category.name != "general":
            values = {line.name: line.value for line in category.lines}
            if not {"mode", "directory"} <= values.keys():
                continue  # which Asterisk leaves out
            found += [f"Class: {category.name}", f"\tMode: {values['mode']}", f"\tDirectory: {values['directory']}"]
    return found


def _channel_line(channel: Channel) -> str:
    location = f"{channel.extension}@{channel.context}:{channel.priority}" if channel.extension else "(None)"
    application = f"{channel.application}({channel.application_data})"[:30]
    return f"{channel.name:<64} {location:<32} {channel.state.value[1]:<7} {application:<30}"


def _hidden_line(channel: HiddenChannel) -> str:
    return f"{channel.name:<64} {'s@default:1':<32} {'Up':<7} {'(None)':<30}"


def _concise_hidden(channel: HiddenChannel, now: float) -> str:
    seconds = int(now - channel.created_at)
    return f"{channel.name}!default!s!1!Up!(None)!!!!!3!{seconds}!{channel.bridge}!{channel.uniqueid}"


def _channel_counts(switch: Switch) -> list[str]:
    channels = len(switch.channels) + len(switch.hidden())
    return [f"{channels} active channel{'' if channels == 1 else 's'}", *_call_counts(switch)]


def _call_counts(switch: Switch) -> list[str]:
    calls, processed = active_calls(switch), switch.calls_processed
    return [
        f"{calls} active call{'' if calls == 1 else 's'}",
        f"{processed} call{'' if processed == 1 else 's'} processed",
    ]


def _concise(channel: Channel, now: float) -> str:
    return "!".join(
        (
            channel.name,
            channel.context,
            channel.extension,
            str(channel.priority),
            channel.state.value[1],
            channel.application,
            channel.application_data,
            channel.caller.number,
            channel.account_code,
            "",
            "3",
            str(int(now - channel.created_at)),
            channel.bridge.id if channel.bridge else "",
            channel.uniqueid,
        )
    )


def _conference_lines(switch: Switch) -> list[str]:
    return [
        "Conference Bridge Name           Users  Marked Locked Muted",
        "================================ ====== ====== ====== =====",
        *(
            f"{room.name:<32} {len(room.members):>6} {sum(m.marked for m in room.members):>6} "
            f"{'Yes' if room.locked else 'No':<6} No"
            for room in switch.conferences.values()
        ),
    ]


def _member_lines(switch: Switch, name: str) -> list[str]:
    conference = switch.conferences.get(name)
    if conference is None:
        return [f"No conference bridge named '{name}' found!"]
    return [
        "Channel                        Flags  User Profile     Bridge Profile   Menu             CallerID",
        " ".join("=" * width for width in (30, 6, 16, 16, 16, 16)),
        *map(_member_line, conference.members),
    ]


def _member_line(member: Member) -> str:
    flags = ("AM" if member.admin else "") + ("m" if member.muted else "")
    number = member.channel.caller.number or UNKNOWN
    profiles = f"{member.user_profile:<16} {member.bridge_profile:<16} {member.menu:<16}"
    return f"{member.channel.name:<30} {flags:<6} {profiles} {number}"
