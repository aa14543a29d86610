"""One session of a client: it takes bytes, hands each action to whoever answers it, and passes events on."""

import logging
from collections.abc import Callable

from ..astdb import AstDb
from ..configuration import Configuration
from ..dialplan import Dialplan
from ..model import Channel, Fields
from ..model import IllegalTransition as Impossible
from .filters import EventFilter
from .messages import ActionFields, Event, encode, id_field
from .registry import ANSWERS, Refused

logger = logging.getLogger(__name__)

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
# The longest action that is taken, in bytes.
MAX_ACTION = 64 * 1024

_WITHOUT_LOGIN = ("login", "logoff", "challenge")
# Items of lists that bear the ActionID last.
_WITH_ID_LAST = ("ParkedCall", "DBGetResponse", "DBGetTreeResponse", "Status")


class ManagerSession:
    """One client. `send` takes the bytes for it, `close` ends it.

    `announce` hands an event to every session, `later` calls back after so many seconds.
    """

    def __init__(
        self,
        dialplan: Dialplan,
        astdb: AstDb,
        configuration: Configuration,
        credentials: tuple[str, str],
        started_at: float,
        *,
        send: Callable[[bytes], None],
        close: Callable[[], None],
        announce: Callable[[str, Fields], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self.dialplan, self.switch = dialplan, dialplan.switch
        self.astdb, self.configuration = astdb, configuration
        self.credentials, self.started_at = credentials, started_at
        self.close, self.announce, self.later = close, announce, later
        self.challenge = ""
        self.logged_in = False
        self.filter = EventFilter()
        # That of the action which is being answered.
        self.action_id = ""
        self._send = send
        self._buffer = bytearray()
        send(GREETING)

    def take_event(self, event: Event) -> None:
        """Pass an event on, if this session has logged in and wants it."""
        if self.logged_in and self.filter.lets_through(event):
            self._send(event.raw)

    def receive(self, data: bytes) -> None:
        """Take what was read and answer the actions that are now whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            text = self._buffer[:end].decode("utf-8", "replace").lstrip("\r\n")
            del self._buffer[: end + 4]
            if text:
                self._act(ActionFields(text))
        if len(self._buffer) > MAX_ACTION:
            self.close()

    def _act(self, action: ActionFields) -> None:
        self.action_id = action.get("ActionID")
        name = action.get("Action")
        answer = ANSWERS.get(name.lower())
        try:
            if not name:
                raise Refused("Missing action in request")
            if not self.logged_in and name.lower() not in _WITHOUT_LOGIN:
                raise Refused("Permission denied")
            if answer is None:
                raise Refused(f"Invalid/unknown command: {name}. Use Action: ListCommands to show available commands.")
            answer.run(self, action)
        except Refused as refusal:
            self.respond("Error", ("Message", str(refusal)))
        except Impossible as reason:
            # Asterisk has said by then that it will, and does what it can.
            logger.info("%s of the demo: %s", name, reason)

    # What those who answer actions need.

    def respond(self, response: str, *fields: tuple[str, str], action_id: str | None = None) -> None:
        """Answer the action that came last, or an earlier one by its ActionID."""
        own = self.action_id if action_id is None else action_id
        self._send(encode([("Response", response), *id_field(own), *fields]))

    def send_list(
        self, message: str, item: str, items: list[Fields], complete: str, ending: Fields | None = None
    ) -> None:
        """A list: the response, an event for each item, and the one that ends it (with `ending`)."""
        self._list(message, item, items, complete, ending)

    # By itself, so that the tests' histories can let a list name those who have just gone.
    def _list(self, message: str, item: str, items: list[Fields], complete: str, ending: Fields | None = None) -> None:
        self.respond("Success", ("EventList", "start"), ("Message", message))
        own = id_field(self.action_id)
        for fields in items:
            placed = [*fields, *own] if item in _WITH_ID_LAST else [*own, *fields]
            self._send(encode([("Event", item), *placed]))
        count = ("ListItems", str(len(items)))
        self._send(encode([("Event", complete), *own, ("EventList", "Complete"), count, *(ending or [])]))

    def channel(self, action: ActionFields, key: str, complaint: str) -> Channel:
        """The channel that this field of an action names."""
        channel = self.switch.channels.get(action.get(key))
        if channel is None:
            raise Refused(complaint)
        return channel
