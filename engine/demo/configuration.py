"""The configuration files of the demo, in memory: read and changed as Asterisk 22 does (main/config.c, main/manager.c).

Of what is changed here, the global variables alone hold once it has been read anew.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Fields = list[tuple[str, str]]

FOLDER = "/etc/asterisk"

_HEADER = re.compile(r"\[([^]]+)\](?:\((.*)\))?")
# `catfilter="TEMPLATES=restrict,^type$=^user$"`, `inherit="one,other"`, `template`.
_OPTION = re.compile(r'(\w+)(?:="([^"]*)")?')


class Refused(Exception):
    """What an action cannot do; the text is Asterisk's."""


@dataclass(frozen=True, slots=True)
class Line:
    """`name = value`, which stands in the category itself or in one that it inherits from."""

    name: str
    value: str
    is_inherited: bool = False


@dataclass(slots=True)
class Category:
    """`[name](!,parents)`."""

    name: str
    is_template: bool = False
    parents: tuple[str, ...] = ()
    lines: list[Line] = field(default_factory=list)

    def fits(self, conditions: str) -> bool:
        """Whether it is among those that a filter names; templates are only where it says so."""
        templates = "exclude"
        for key, _, value in (condition.partition("=") for condition in conditions.split(",") if condition):
            if key == "TEMPLATES":
                templates = value
            elif not any(_matches(key, line.name) and _matches(value, line.value) for line in self.lines):
                return False
        return templates == "include" or self.is_template == (templates == "restrict")


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


class Configuration:
    """All files, by name; begins with these texts. `read_at` is when all of them were last read."""

    def __init__(self, texts: Mapping[str, str], read_at: float) -> None:
        self.files = {name: _parse(text) for name, text in texts.items()}
        self.read_at = read_at

    @property
    def variables(self) -> dict[str, str]:
        """The global variables of the dialplan, as its file has them."""
        sections = (one for one in self.files.get("extensions.conf", ()) if one.name == "globals")
        return {line.name: line.value for section in sections for line in section.lines}

    def read(self, file: str, category: str = "", conditions: str = "") -> list[Category]:
        """The categories of a file, or those of one name. Raises `KeyError` where there is no such file."""
        return [one for one in self.files[file] if one.name == (category or one.name) and one.fits(conditions)]

    def update(self, source: str, target: str, steps: Iterable[Mapping[str, str]]) -> None:
        """Carry out all steps of an UpdateConfig, or none. Raises `Refused`, or `KeyError` as `read` does."""
        changed = [Category(one.name, one.is_template, one.parents, list(one.lines)) for one in self.files[source]]
        for step in steps:
            _carry_out(changed, step)
        self.files[target] = _read_anew(changed)


def fields_of(categories: list[Category]) -> Fields:
    """As GetConfig tells of them."""
    found: Fields = []
    for at, category in enumerate(categories):
        found.append((f"Category-{at:06}", category.name))
        found += [(f"IsTemplate-{at:06}", "1")] if category.is_template else []
        found += [(f"Templates-{at:06}", ",".join(category.parents))] if category.parents else []
        for number, line in enumerate(category.lines):
            found.append((f"Line-{at:06}-{number:06}", f"{line.name}={line.value}"))
    return found


def json_of(categories: list[Category]) -> str:
    """As GetConfigJSON does; a name may be there twice."""

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    found = []
    for category in categories:
        pairs = ['"istemplate":1'] if category.is_template else []
        pairs += [f'"templates":{text(",".join(category.parents))}'] if category.parents else []
        pairs += [f"{text(line.name)}:{text(line.value)}" for line in category.lines]
        found.append(f"{text(category.name)}:{{{','.join(pairs)}}}")
    return f"{{{','.join(found)}}}"


def _parse(text: str) -> list[Category]:
    """A file's text; no comments behind a value, and nothing included."""
    found: list[Category] = []
    for line in filter(None, (line.partition(";")[0].strip() for line in text.splitlines())):
        header = _HEADER.fullmatch(line)
        if header is not None:
            options = [option.strip() for option in (header[2] or "").split(",") if option]
            parents = tuple(option for option in options if option != "!")
            found.append(Category(header[1], "!" in options, parents))
        else:
            name, _, value = line.partition("=")
            found[-1].lines.append(Line(name.strip(), value.removeprefix(">").strip()))
    return _read_anew(found)


def _read_anew(categories: list[Category]) -> list[Category]:
    """What is inherited as it is now; an own line that is the same there is not kept."""
    read: list[Category] = []
    for category in categories:
        parents = [parent for name in category.parents for parent in read if parent.name == name]
        inherited = [Line(line.name, line.value, is_inherited=True) for parent in parents for line in parent.lines]
        theirs = {(line.name, line.value) for line in inherited}
        own = [line for line in category.lines if not line.is_inherited and (line.name, line.value) not in theirs]
        read.append(Category(category.name, category.is_template, category.parents, inherited + own))
    return read


def _carry_out(categories: list[Category], step: Mapping[str, str]) -> None:
    action, name, value = step["Action"].lower(), step["Cat"], step["Value"].removeprefix(">")
    if not name:
        raise Refused("Category not specified")
    options: dict[str, str] = {match[1]: match[2] or "" for match in _OPTION.finditer(step["Options"])}
    conditions = options.get("catfilter", "")
    category = next((one for one in categories if one.name == name and one.fits(conditions)), None)
    if action == "newcat":
        parents = tuple(parent for parent in options.get("inherit", "").split(",") if parent)
        if category is not None:
            raise Refused("Create category did not complete successfully")
        if not {one.name for one in categories} >= set(parents):
            raise Refused("Template category not found")
        categories.append(Category(name, "template" in options, parents))
        return
    if action not in ("renamecat", "delcat", "emptycat", "update", "delete", "append", "insert"):
        raise Refused("Unknown action command")
    if category is None:
        raise Refused("Given category does not exist")
    if action == "delcat":
        categories.remove(category)
    elif action == "emptycat":
        category.lines.clear()
    elif action == "renamecat":
        category.name = value
    else:
        _change(category, action, step, value)


def _change(category: Category, action: str, step: Mapping[str, str], value: str) -> None:
    """One line of a category."""
    variable, match, number = step["Var"], step["Match"].lower(), step["Line"]
    lines, line = category.lines, Line(variable, value)
    at = int(number) if number.isdecimal() and len(number) < 9 else 0
    if not variable or (action == "insert" and not number):
        raise Refused("Problem with category, value, or line (if required)")
    if action == "append":
        lines.append(line)
    elif action == "insert":
        lines.insert(at, line)
    else:
        places = [
            place
            for place, old in enumerate(lines)
            if (place == at if number else old.name.lower() == variable.lower() and match in ("", old.value.lower()))
        ]
        if not places:
            raise Refused("Update did not complete successfully")
        lines[places[0] : places[0] + 1] = [line] if action == "update" else []
