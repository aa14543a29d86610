"""Which AMI event changes the state of an extension, of a device, of a presence or of a mailbox, and how.

Source: main/manager.c, main/devicestate.c, main/presencestate.c, main/manager_mwi.c, apps/app_voicemail.c.
"""

from engine.ami import actions
from engine.ami.protocol import Message
from engine.mirror.registry import first_snapshot_step, on, refreshes, snapshot_step
from engine.mirror.sanitize import clean, clean_name, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .models import Device, Extension, Mailbox, Presence

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


def fold_mailbox(state: State, number: str, context: str, new: str, old: str) -> str:
    """Make the row of a mailbox equal to what is said of it; returns its key."""
    if not number:
        return ""
    key, table = f"{number}@{context}", state.table(Mailbox)
    values = {"new": _number(new), "old": _number(old)}
    row = table.get(key)
    if row is None:
        table.add(key, number=number, context=context, **values)
    else:
        table.change(row, **values)
    return key


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


@on("MessageWaiting", required=frozenset(("Privilege", "Mailbox", "Waiting")))
def messages_wait(state: State, event: Message) -> None:
    number, _at, context = exact(event.get("Mailbox")).rpartition("@")
    # Where nobody counts them, there is none or at least one.
    fold_mailbox(state, number, context, event.get("New") or event.get("Waiting"), event.get("Old"))


@on("Reload")
def reloaded(state: State, event: Message) -> None:
    """Hints and mailboxes may have come and gone; no event tells it."""
    state.request("extensions", "")
    state.request("mailboxes", "")


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


@first_snapshot_step
async def list_mailboxes(snapshot: Snapshot) -> None:
    """`VoicemailUsersList`: every mailbox. Asterisk counts the files of each, so it is not asked every minute."""
    state, known, named = snapshot.state, snapshot.known(Mailbox), set[str]()

    def fold(event: Message) -> None:
        number, context = exact(event.get("VoiceMailbox")), exact(event.get("VMContext"))
        named.add(fold_mailbox(state, number, context, event.get("NewMessageCount"), event.get("OldMessageCount")))

    answer = await snapshot.list(actions.voicemail_users_list(), fold)
    # Where there is none, and where Asterisk has no voicemail, that is an error.
    if not answer.is_denied:
        snapshot.sweep(Mailbox, known, named)


@refreshes("extensions")
async def relist_extensions(snapshot: Snapshot, key: str) -> None:
    await list_extensions(snapshot)


@refreshes("devices")
async def relist_devices(snapshot: Snapshot, key: str) -> None:
    await list_devices(snapshot)


@refreshes("mailboxes")
async def relist_mailboxes(snapshot: Snapshot, key: str) -> None:
    await list_mailboxes(snapshot)
