"""Which endpoints are telephones of the house: those that a hint names."""

from collections.abc import Collection
from dataclasses import dataclass

from engine.mirror.registry import when_added, when_changed, when_removed
from engine.mirror.state import State

from .models import Extension


@dataclass(slots=True)
class Telephones:
    """The endpoints that the hints of a PBX name; None: to be found out anew, since a hint has changed."""

    endpoints: frozenset[str] | None = None


def telephones(state: State) -> frozenset[str]:
    """The endpoints that are telephones: `PJSIP/101`."""
    known = state.memory(Telephones)
    if known.endpoints is None:
        hints = (row.hint.partition(",")[0] for row in state.table(Extension).rows.values())
        known.endpoints = frozenset(device for hint in hints for device in hint.split("&"))
    return known.endpoints


@when_added(Extension)
@when_removed(Extension)
def extension_comes_or_goes(state: State, row: Extension) -> None:
    state.memory(Telephones).endpoints = None


@when_changed(Extension, "hint")
def hint_changes(state: State, row: Extension, fields: Collection[str]) -> None:
    state.memory(Telephones).endpoints = None
