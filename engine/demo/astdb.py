"""The AstDB of the demo: a text for each name `/family/key`, as Asterisk 22 keeps it (main/db.c), in memory."""

import fnmatch
import re
import uuid
from collections.abc import Mapping


class AstDb:
    """All entries. Begins with these, by name; one that bears the PBX's own id is always there."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = {"/pbx/UUID": str(uuid.uuid4()), **entries}

    def get(self, family: str, key: str) -> str | None:
        return self._entries.get(f"/{family}/{key}")

    def put(self, family: str, key: str, value: str) -> None:
        self._entries[f"/{family}/{key}"] = value

    def delete(self, family: str, key: str) -> bool:
        """False where there is no such entry."""
        return self._entries.pop(f"/{family}/{key}", None) is not None

    def tree(self, family: str, key: str) -> list[tuple[str, str]]:
        """Name and value of the entry of this name and of all beneath it, by name; of all where no family is given.

        The name is a pattern of SQL's LIKE, and so `t` is also `T`, and `a_` is also `ab`.
        """
        prefix = "".join(f"/{part}" for part in (family, key) if part) if family else ""
        # As the shell writes such patterns: `fnmatch` makes of them what no pattern can keep busy for long.
        wildcards = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
        pattern = "".join(wildcards.get(character, character) for character in prefix)
        within = re.compile(fnmatch.translate(f"{pattern}/*"), re.IGNORECASE | re.ASCII)
        return sorted(entry for entry in self._entries.items() if within.match(f"{entry[0]}/"))

    def delete_tree(self, family: str, key: str) -> bool:
        """Deletes what `tree` finds. False where that is nothing."""
        names = [name for name, _value in self.tree(family, key)]
        for name in names:
            del self._entries[name]
        return bool(names)
