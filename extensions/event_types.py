"""What others are told of extensions."""

from collections.abc import Collection

from django.utils.translation import gettext_noop

from engine.mirror.registry import when_changed
from engine.mirror.state import State
from eventlog.declarations import INTEGER, STRING, EventType, Field, declare
from eventlog.telling import tell

from .models import Extension

EXTENSION_STATE = declare(
    EventType(
        "extension.state",
        gettext_noop("The state of an extension with a hint has changed."),
        (
            Field("id", STRING, "Extension and context.", "101@internal"),
            Field("pbx", STRING, "The PBX.", "main"),
            Field("extension", STRING, "The extension.", "101"),
            Field("context", STRING, "Its context.", "internal"),
            Field("hint", STRING, "The devices that it stands for, as the dialplan names them.", "PJSIP/101"),
            Field("state", STRING, "Its state in Asterisk's words, several joined by “&”.", "InUse&Ringing"),
            Field(
                "code",
                INTEGER,
                "The same as Asterisk's number, a sum: 0 idle, 1 in use, 2 busy, 4 unavailable, 8 ringing, 16 on hold.",
                9,
            ),
        ),
        permission="system.see_states",
    )
)


@when_changed(Extension, "state", "text")
def state_changes(state: State, row: Extension, fields: Collection[str]) -> None:
    data = {
        "id": row.address,
        "pbx": state.pbx,
        "extension": row.extension,
        "context": row.context,
        "hint": row.hint,
        "state": row.text,
        "code": row.state,
    }
    tell(state, EXTENSION_STATE, row.address, data)
