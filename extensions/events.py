"""Which AMI event changes the state of an extension, of a device or of a presence, and how.

Source: main/manager.c, main/devicestate.c, main/presencestate.c.
"""

from engine.ami import actions
from engine.ami.protocol import Message
from engine.mirror.registry import on, refreshes, snapshot_step
from engine.mirror.sanitize import clean, clean_name, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .models import Device, Extension, Presence

# Devices that nobody watches and that would pile up, each with a name of its own: channels of these technologies (most
# Asterisk does not remember either, some it remembers for good), and conferences, which are mirrored as such.
TRANSIENT = (
    "Local/", "CBAnn/", "CBRec/", "Announcer/", "Recorder/", "Surrogate/", "AsyncGoto/", "Message/", "confbridge:"
)  # fmt: skip


def fold_extension(state: State, event: Message) -> str:
    """Make the row of an extension equal to this event; returns its key. One whose hint was removed goes."""
    extension, context = exact(event.get("Exten")), exact(event.get("Context"))
    table, key = state.table(Extension), f"{extension}@{context}"
    code = _code(event.get("Status"))
    if not extension or code < 0:
        table.remove(key)
        return ""
    values = {
        "hint": clean(event.get("Hint"), 500),
        "state": code,
        "text": clean(event.get("StatusText"), 80),
    }
    row = table.get(key)
    if row is None:
        table.add(key, extension=extension, context=context, **values)
    else:
        table.change(row, **values)
    return key


def _code(text: str) -> int:
    """`Status` of an ExtensionStatus; -1 and -2 say that the hint is gone."""
    return int(text) if text.removeprefix("-").isdecimal() else -1


@on("ExtensionStatus", required=frozenset(("Privilege", "Exten", "Context", "Hint", "Status", "StatusText")))
def extension_changes(state: State, event: Message) -> None:
    fold_extension(state, event)


@on("DeviceStateChange", required=frozenset(("Privilege", "Device", "State")))
def device_changes(state: State, event: Message) -> None:
    name, table = exact(event.get("Device")), state.table(Device)
    row = table.get(name)
    if row is not None:
        table.change(row, state=clean(event.get("State"), 32))
    elif name and not name.startswith(TRANSIENT):
        state.request("devices", "")  # only the list tells whether it is one that Asterisk remembers


def fold_presence(state: State, event: Message) -> str:
    """Make the row of a presence equal to this event; returns its key."""
    key, table = exact(event.get("Presentity")), state.table(Presence)
    if not key:
        return ""
    values = {
        "state": clean(event.get("Status"), 20),
        "subtype": clean_name(event.get("Subtype"), 80),
        "message": clean_name(event.get("Message"), 200),
    }
    row = table.get(key)
    if row is None:
        table.add(key, **values)
    else:
        table.change(row, **values)
    return key


@on("PresenceStateChange", required=frozenset(("Privilege", "Presentity", "Status", "Subtype", "Message")))
def presence_changes(state: State, event: Message) -> None:
    fold_presence(state, event)


@on("Reload")
def reloaded(state: State, event: Message) -> None:
    """Hints may have come and gone; no event tells it."""
    state.request("extensions", "")


@snapshot_step
async def list_extensions(snapshot: Snapshot) -> None:
    """`ExtensionStateList`: every hint and its state."""
    state, known, named = snapshot.state, snapshot.known(Extension), set[str]()
    answer = await snapshot.list(actions.extension_state_list(), lambda event: named.add(fold_extension(state, event)))
    if answer.ok:
        snapshot.sweep(Extension, known, named)


@snapshot_step
async def list_devices(snapshot: Snapshot) -> None:
    """`DeviceStateList`: every device whose state Asterisk remembers."""
    table, known, named = snapshot.state.table(Device), snapshot.known(Device), set[str]()

    def fold(event: Message) -> None:
        name, now = exact(event.get("Device")), clean(event.get("State"), 32)
        row = table.get(name)
        if not name or name.startswith(TRANSIENT):
            return
        if row is None:
            table.add(name, state=now)
        else:
            table.change(row, state=now)
        named.add(name)

    answer = await snapshot.list(actions.device_state_list(), fold)
    if answer.ok:
        snapshot.sweep(Device, known, named)


@snapshot_step
async def list_presences(snapshot: Snapshot) -> None:
    """`PresenceStateList`: every presence that Asterisk remembers."""
    state, known, named = snapshot.state, snapshot.known(Presence), set[str]()
    answer = await snapshot.list(actions.presence_state_list(), lambda event: named.add(fold_presence(state, event)))
    if answer.ok:
        snapshot.sweep(Presence, known, named)


@refreshes("extensions")
async def relist_extensions(snapshot: Snapshot, key: str) -> None:
    await list_extensions(snapshot)


@refreshes("devices")
async def relist_devices(snapshot: Snapshot, key: str) -> None:
    await list_devices(snapshot)
