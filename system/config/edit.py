"""From what somebody typed to the fields of one `UpdateConfig`, and to what the file must hold after it.

What Asterisk does with each step is followed here line by line, since most of its steps go by name and value and not
by place: one that would reach another line or another category than the one meant is not taken. Source: handle_updates
in main/manager.c; ast_variable_update, does_category_match and ast_config_text_file_save2 in main/config.c.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from audit.models import SUBJECT_SIZE
from engine import limits

from .file import (  # fmt: skip
    VALUE_SIZE,
    Category,
    Line,
    Malformed,
    Reading,
    Typed,
    check_category_name,
    masked,
    named,
    written,
)

# Lines of one action that Asterisk takes; these are needed beside the updates: Action, ActionID, SrcFilename,
# DstFilename, PreserveEffectiveContext, and one to spare.
FIELDS = limits.CONFIG_STEPS
# What of a category's line can stand in a regular expression as it is, but for the dot.
_PLAIN = re.compile(r"[A-Za-z0-9_/@:. -]+")
_MARK = "~pbxpanel"


@dataclass(frozen=True, slots=True)
class Edit:
    """What one category is to be. `at` is its place in the reading; None for a new one.

    Of one that is there the template flag and the parents stay as they are: Asterisk cannot change them.
    """

    at: int | None
    name: str
    lines: Sequence[Typed] = ()
    delete: bool = False
    is_template: bool = False
    parents: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """What is to be written: the fields of `UpdateConfig`, what the file holds then, and the steps in words."""

    before: Reading
    updates: list[tuple[str, str]] = field(default_factory=list)
    after: tuple[Category, ...] = ()
    steps: list[str] = field(default_factory=list)
    # For the audit trail, which keeps all of it: in English and without secrets.
    subject: str = ""

    @property
    def promise(self) -> Reading:
        return replace(self.before, categories=self.after)

    @property
    def differences(self) -> "list[Difference]":
        return differences(self.before.categories, self.after)


class Wrong(Malformed):
    """What cannot be done to one category; `at` is its place, None for a new one."""

    def __init__(self, at: int | None, text: str) -> None:
        super().__init__(text)
        self.at = at


@dataclass(slots=True)
class _InMemory:
    """A category as Asterisk has it in memory while it carries out the steps."""

    was: int | None
    name: str
    is_template: bool
    parents: tuple[str, ...]
    # Its lines with those inherited, which are the first; and from whom it has them.
    lines: list[Line]
    inherited: int
    bases: "list[_InMemory]"

    @property
    def own(self) -> list[Line]:
        return self.lines[self.inherited :]


def plan(file: str, reading: Reading, edits: Sequence[Edit]) -> Plan:
    """How to make a file what somebody typed. Raises `Wrong` with the reason where it cannot be done for certain."""
    return _Planner(file, reading).plan(edits)


class _Planner:
    def __init__(self, file: str, reading: Reading) -> None:
        self.file, self.reading = file, reading
        self.made = Plan(reading)
        self.count = 0
        self.categories: list[_InMemory] = []
        self.notes: list[str] = []
        for at, category in enumerate(reading.categories):
            bases = [base for name in category.parents if (base := self._base(name))]
            lines, inherited = list(category.lines), len(category.inherited)
            of = _InMemory(at, category.name, category.is_template, category.parents, lines, inherited, bases)
            self.categories.append(of)

    def plan(self, edits: Sequence[Edit]) -> Plan:
        known = [(edit, self.categories[edit.at]) for edit in edits if edit.at is not None]
        for edit, category in known:
            if not edit.delete:
                self._lines(edit, category)
        for edit, category in known:
            if not edit.delete and edit.name != category.name:
                self._rename(edit, category)
        for edit, category in known:
            if edit.delete:
                self._delete(edit, category)
        for edit in edits:
            if edit.at is None:
                self._add(edit)
        self.made.subject = f"{self.file}: {'; '.join(self.notes)}"
        if len(self.made.updates) > FIELDS or len(self.made.subject) > SUBJECT_SIZE:
            raise Wrong(
                None,
                _("These are more changes than Asterisk accepts at a time. Write some of them first, then the others."),
            )
        self.made.after = tuple(self._read_anew())
        return self.made

    def _base(self, name: str) -> _InMemory | None:
        return next((other for other in self.categories if other.name.lower() == name.lower()), None)

    def _heirs(self, category: _InMemory) -> list[str]:
        return [heir.name for heir in self.categories if any(base is category for base in heir.bases)]

    # Steps.

    def _step(self, action: str, category: _InMemory, options: Sequence[str] = (), **fields: str) -> None:
        number = f"{self.count:06}"
        self.made.updates += [(f"Action-{number}", action), (f"Cat-{number}", category.name)]
        self.made.updates += [(f"{name}-{number}", value) for name, value in fields.items()]
        if options:
            self.made.updates.append((f"Options-{number}", ",".join(options)))
        self.count += 1

    def _one(self, category: _InMemory) -> list[str]:
        """The options with which a step reaches this category and no other of its name. Raises `Wrong`."""
        name = category.name.lower()
        # Without a filter Asterisk leaves templates out; with this one, all others.
        rivals = [
            other
            for other in self.categories
            if other is not category and other.name.lower() == name and other.is_template == category.is_template
        ]
        conditions = ["TEMPLATES=restrict"] if category.is_template else []
        if rivals:
            taken = {line for rival in rivals for line in rival.lines}
            free = [line for line in category.lines if line not in taken and all(map(_PLAIN.fullmatch, line))]
            if not free:
                text = _(
                    "There are several %(name)s, and this one cannot be told from the others: edit it in the file."
                )
                raise Wrong(category.was, text % {"name": f"[{category.name}]"})
            key, value = min(free, key=lambda line: line[0].lower() != "type")
            conditions.append(f"^{_escaped(key)}$=^{_escaped(value)}$")
        return [f'catfilter="{",".join(conditions)}"'] if conditions else []

    def _check_place(self, edit: Edit, category: _InMemory, adds: bool) -> None:
        """An included file is written as well, but what is added to a category of it lands in the wrong file."""
        source = self.reading.source_of(self.reading.categories[edit.at or 0])
        if source is not None:
            text = _("%(name)s is in %(source)s, which is included here: edit it there.")
            raise Wrong(edit.at, text % {"name": f"[{category.name}]", "source": source.path})
        if adds and self.reading.included is not None and not self.reading.is_known:
            unread = [other.path for other in self.reading.included if other.categories is None]
            text = _(
                "Nothing can be added here: the file may include %(source)s, which cannot be read by itself, so it is "
                "unknown in which of the two the new lines would end up."
            )
            raise Wrong(edit.at, text % {"source": ", ".join(unread)})

    def _lines(self, edit: Edit, category: _InMemory) -> None:
        old, new = category.own, [typed.line for typed in edit.lines]
        if old == new:
            return
        title = self.reading.categories[category.was or 0].title
        opcodes = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
        adds = any(b_end - b > a_end - a for kind, a, a_end, b, b_end in opcodes if kind != "equal")
        self._check_place(edit, category, adds)
        if not new and len(old) > 1:
            self._step("EmptyCat", category, self._one(category))
            category.lines, category.inherited = [], 0
            self.made.steps.append(_("Empty %(name)s") % {"name": title})
            self.notes.append(f"emptied {title}")
            return
        at = category.inherited
        for kind, a, a_end, b, b_end in opcodes:
            if kind == "equal":
                at += a_end - a
                continue
            pairs = min(a_end - a, b_end - b)
            for typed in edit.lines[b : b + pairs]:
                self._change(category, at, typed, title)
                at += 1
            for _number in range(a_end - a - pairs):
                self._remove(category, at, title)
            for typed in edit.lines[b + pairs : b_end]:
                self._insert(category, at, typed, title)
                at += 1

    def _change(self, category: _InMemory, at: int, typed: Typed, title: str) -> None:
        name, value = category.lines[at]
        reached = next(
            place
            for place, (key, text) in enumerate(category.lines)
            if key.lower() == name.lower() and (not value or text.lower() == value.lower())
        )
        if typed.name.lower() == name.lower() and reached == at and len(value.encode()) <= VALUE_SIZE:
            match = {"Match": value} if value else {}
            fields = {"Var": typed.name, "Value": _value(typed, arrow=typed.arrow), **match}
            self._step("Update", category, self._one(category), **fields)
            category.lines[at] = typed.line
        else:
            last = at == len(category.lines) - 1
            self._step("Delete", category, self._one(category), Var=name, Line=str(at))
            del category.lines[at]
            self._put(category, at, typed, append=last)
        if typed.name == name:
            self.made.steps.append(_("Change %(line)s in %(name)s") % {"line": name, "name": title})
        else:
            words = {"line": name, "new": typed.name, "name": title}
            self.made.steps.append(_("Rename %(line)s to %(new)s in %(name)s") % words)
        self._note("-", title, (name, value))
        self._note("+", title, typed.line)

    def _remove(self, category: _InMemory, at: int, title: str) -> None:
        line = category.lines[at]
        self._step("Delete", category, self._one(category), Var=line[0], Line=str(at))
        del category.lines[at]
        self.made.steps.append(_("Delete %(line)s from %(name)s") % {"line": line[0], "name": title})
        self._note("-", title, line)

    def _insert(self, category: _InMemory, at: int, typed: Typed, title: str) -> None:
        self._put(category, at, typed, append=at == len(category.lines))
        self.made.steps.append(_("Add %(line)s to %(name)s") % {"line": typed.name, "name": title})
        self._note("+", title, typed.line)

    def _put(self, category: _InMemory, at: int, typed: Typed, *, append: bool) -> None:
        # Asterisk must not insert behind the last line: it would forget that it is the last.
        value = _value(typed, arrow=typed.arrow and append)
        if append:
            self._step("Append", category, self._one(category), Var=typed.name, Value=value)
        else:
            # An insertion is always written with "=", which means the same.
            self._step("Insert", category, self._one(category), Var=typed.name, Value=value, Line=str(at))
        category.lines.insert(at, typed.line)

    def _rename(self, edit: Edit, category: _InMemory) -> None:
        _check_name(edit.at, edit.name)
        self._check_place(edit, category, adds=False)
        if heirs := self._heirs(category):
            # Asterisk would leave the old name with them, and then not read the file any more.
            text = _("%(name)s cannot be renamed: %(heirs)s inherit from it.")
            raise Wrong(edit.at, text % {"name": f"[{category.name}]", "heirs": ", ".join(heirs)})
        if any(edit.name.lower() == parent.lower() for other in self.categories for parent in other.parents):
            text = _("Others already inherit from %(name)s: choose another name.")
            raise Wrong(edit.at, text % {"name": f"[{edit.name}]"})
        self._step("RenameCat", category, self._one(category), Value=edit.name)
        words = {"name": f"[{category.name}]", "new": f"[{edit.name}]"}
        self.made.steps.append(_("Rename %(name)s to %(new)s") % words)
        self.notes.append(f"renamed [{category.name}] to [{edit.name}]")
        category.name = edit.name

    def _delete(self, edit: Edit, category: _InMemory) -> None:
        self._check_place(edit, category, adds=False)
        if heirs := self._heirs(category):
            text = _("%(name)s cannot be deleted: %(heirs)s inherit from it.")
            raise Wrong(edit.at, text % {"name": f"[{category.name}]", "heirs": ", ".join(heirs)})
        self._step("DelCat", category, self._one(category))
        title = self.reading.categories[category.was or 0].title
        self.made.steps.append(_("Delete %(name)s") % {"name": title})
        self.notes.append(f"deleted {title}")
        self.categories = [other for other in self.categories if other is not category]

    def _add(self, edit: Edit) -> None:
        _check_name(None, edit.name)
        bases = []
        for parent in edit.parents:
            base = self._base(parent)
            if base is None or not base.is_template:
                text = _("There is no template %(name)s to inherit from.")
                raise Wrong(None, text % {"name": f"[{parent}]"})
            bases.append(base)
        inherited = [line for base in bases for line in base.lines]
        # Steps go by name: until it has its lines, one whose name there is already goes by another.
        first = edit.name
        if self._base(first):
            first = f"{first.encode()[:60].decode(errors='ignore')}{_MARK}{self.count}"
        of = _InMemory(None, first, edit.is_template, edit.parents, inherited, len(inherited), bases)
        options = ["template"] if edit.is_template else []
        if edit.parents:
            options.append(f'inherit="{",".join(edit.parents)}"')
        self._step("NewCat", of, options)
        self.categories.append(of)
        title = f"[{edit.name}]"
        self.made.steps.append(_("New category %(name)s") % {"name": title})
        self.notes.append(f"new {title}")
        for typed in edit.lines:
            self._insert(of, len(of.lines), typed, title)
        if of.name != edit.name:
            self._step("RenameCat", of, self._one(of), Value=edit.name)
            of.name = edit.name

    def _note(self, sign: str, title: str, line: Line) -> None:
        self.notes.append(f"{title} {sign}{written(masked(self.file, line))}")

    # What is read afterwards.

    def _read_anew(self) -> Iterator[Category]:
        """The file as it reads then: an own line that is the same in a parent is not written."""
        read: list[Category] = []
        for of in self.categories:
            theirs = {(name.lower(), value) for base in of.bases for name, value in base.lines}
            own = tuple(line for line in of.own if (line[0].lower(), line[1]) not in theirs)
            parents = [named(read, name) for name in of.parents]
            inherited = tuple(line for parent in parents if parent for line in parent.lines)
            read.append(Category(of.name, of.is_template, of.parents, inherited, own))
        yield from read


def _value(typed: Typed, *, arrow: bool) -> str:
    """As `UpdateConfig` takes it: a `>` before it says that the line is written with `=>`."""
    return f">{typed.value}" if arrow or typed.value.startswith(">") else typed.value


def _escaped(text: str) -> str:
    return text.replace(".", "[.]")


def _check_name(at: int | None, name: str) -> None:
    try:
        check_category_name(name)
    except Malformed as error:
        raise Wrong(at, str(error)) from None


# The difference, as it is shown.


@dataclass(frozen=True, slots=True)
class Difference:
    """One category that changes: its header, and its lines with `+`, `-` or a space before each."""

    header: str
    lines: list[tuple[str, str]]
    # Whether only that changes which it inherits.
    is_inherited: bool = False


def differences(before: Sequence[Category], after: Sequence[Category]) -> list[Difference]:
    """Every category that is not the same, in order; its own lines, and those inherited where nothing else changes."""
    found = []
    matcher = difflib.SequenceMatcher(a=[_key(c) for c in before], b=[_key(c) for c in after], autojunk=False)
    for kind, a, a_end, b, b_end in matcher.get_opcodes():
        if kind == "equal":
            pairs: list[tuple[Category | None, Category | None]] = list(
                zip(before[a:a_end], after[b:b_end], strict=True)
            )
        else:
            olds, news = list(before[a:a_end]), list(after[b:b_end])
            pairs = [(old, _counterpart(old, olds, news)) for old in olds]
            met = [new for _old, new in pairs if new is not None]
            pairs += [(None, new) for new in news if not any(new is other for other in met)]
        found += [_difference(old, new) for old, new in pairs if not _same(old, new)]
    return found


def _key(category: Category) -> tuple[str, bool, tuple[str, ...], str]:
    return category.name, category.is_template, category.parents, category.kind


def _counterpart(old: Category, olds: Sequence[Category], news: Sequence[Category]) -> Category | None:
    """What an old category has become: that of its name and type, of its name, or of its lines."""
    of_name = [new for new in news if new.name == old.name]
    if len(of_name) == 1 and sum(other.name == old.name for other in olds) == 1:
        return of_name[0]
    return next((new for new in news if new.own == old.own and new.own and new.name != old.name), None)


def _same(old: Category | None, new: Category | None) -> bool:
    return old == new or (old is not None and new is not None and old.header == new.header and old.lines == new.lines)


def _difference(old: Category | None, new: Category | None) -> Difference:
    if old and new and old.own == new.own and old.header == new.header:
        return Difference(new.header, _lines_of(old.inherited, new.inherited), is_inherited=True)
    lines = _lines_of(old.own if old else (), new.own if new else ())
    headers = [("-", old.header)] if old else []
    headers += [("+", new.header)] if new else []
    shown = (new or old).header  # type: ignore[union-attr]  # one of the two there is
    if old and new and old.header == new.header:
        return Difference(shown, lines)
    return Difference(shown, [*headers, *lines])


def _lines_of(old: Sequence[Line], new: Sequence[Line]) -> list[tuple[str, str]]:
    """A unified difference with three lines around what changes."""
    texts = list(map(written, old)), list(map(written, new))
    changed = difflib.unified_diff(*texts, lineterm="", n=3)
    # The first three say of which files, and from where.
    return [(line[0], line[1:]) for line in list(changed)[3:]]
