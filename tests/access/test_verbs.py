"""Nothing of a verb is left out: it has its place on a page, its demo, its test, and its permission its groups."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.urls import get_resolver
from django.utils import translation

from accounts import permissions
from engine.demo.manager import registry as demo
from engine.mirror import verbs
from engine.mirror.verbs import Verb, permission
from pbxpanel.management.commands.managerconf import with_classes
from system.doctor.requirements import stanza

ROOT = Path(settings.BASE_DIR)
TEMPLATES = {path: path.read_text() for path in sorted((ROOT / "templates").rglob("*.html"))}
TESTS = {path: path.read_text() for path in sorted((ROOT / "tests").rglob("*.py"))}
ALL = [pytest.param(verb, id=str(verb)) for verb in verbs.verbs.values()]
# Of versions of Asterisk that the demo does not stand for.
ELSEWHERE = {"ChangeMonitor", "Monitor", "PauseMonitor", "StopMonitor", "UnpauseMonitor"}


def used(view: str) -> str:
    """What a template writes to get the address of a view."""
    return rf"{{% url ['\"]{view}['\"][^%]*"


@pytest.mark.parametrize("verb", ALL)
def test_each_has_a_place_on_a_page(verb: Verb[Any, Any]) -> None:
    wanted = used(verb.view) if verb.view else rf'{{% verb_button "{verb}"'
    elsewhere = used(f"{verb.target.name}-command") + rf"'{verb.path}'"
    # One's own phone is proven by the form of the page of that name, and a toast offers to wait for whoever is busy.
    if verb.view != "profile" and str(verb) != "pbx.camp-on":
        assert any(re.search(f"{wanted}|{elsewhere}", text) for text in TEMPLATES.values())
    if verb.view:
        assert verb.view in get_resolver().reverse_dict


@pytest.mark.parametrize("verb", ALL)
def test_each_is_named_by_a_test(verb: Verb[Any, Any]) -> None:
    words = [f'"{verb}"', f'"{verb.name}"', f"/{verb.path}/", f'"{verb.path}"']
    if verb.handler is not None:
        handler, module = verb.handler.__name__, verb.handler.__module__.rpartition(".")[2]
        words += [f"{handler}.", f"{module}.{handler}"]
    assert any(word in text for path, text in TESTS.items() if path != Path(__file__) for word in words)


@pytest.mark.parametrize("verb", ALL)
def test_the_demo_answers_what_each_sends(verb: Verb[Any, Any]) -> None:
    known = {answer.name for answer in demo.ANSWERS.values()}
    assert (verb.actions or set()) - ELSEWHERE <= known


@pytest.mark.parametrize("verb", ALL)
def test_the_doctor_knows_what_each_needs(verb: Verb[Any, Any]) -> None:
    assert verb.feature is not None or not (verb.actions or set()) - ELSEWHERE - {"Getvar"}


@pytest.mark.parametrize("verb", ALL)
def test_each_has_a_label_in_chinese(verb: Verb[Any, Any]) -> None:
    with translation.override("zh-hans"):
        assert re.search(r"[\u4e00-\u9fff]", verbs.label_of(verb.name))


# Permissions and groups.


def groups_with(name: str) -> set[str]:
    app_label, _dot, codename = name.partition(".")
    found = Permission.objects.get(content_type__app_label=app_label, codename=codename)
    return set(found.group_set.values_list("name", flat=True))


@pytest.mark.django_db
def test_a_new_installation_has_each_permission_with_its_groups() -> None:
    assert {name: groups_with(name) for name in verbs.permissions} == {
        name: set(declared.groups) for name, declared in verbs.permissions.items()
    }


@pytest.mark.django_db
def test_every_permission_that_a_verb_asks_for_exists() -> None:
    known = {f"{found.content_type.app_label}.{found.codename}" for found in Permission.objects.all()}
    rules = [verb.rule for verb in verbs.verbs.values()]
    asked = {name for rule in rules for name in (rule.permission, rule.own, *rule.also) if name}
    assert asked <= known


@pytest.mark.django_db
def test_a_new_permission_goes_to_its_groups_once_and_stays_with_whoever_has_it_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verbs, "permissions", {})
    name = permission("calls.channel", "pause", "Can pause", ("Operator", "Moderator", "Long gone"))
    permissions.make_declared("default")
    assert groups_with(name) == {"Operator", "Moderator"}
    Group.objects.get(name="Moderator").permissions.remove(Permission.objects.get(codename="pause"))
    permission("calls.channel", "pause", "Can pause members", ("Operator", "Moderator"))
    permissions.make_declared("default")
    permissions.name_as_declared(apps.get_app_config("calls"), "default")
    assert groups_with(name) == {"Operator"}
    assert Permission.objects.get(codename="pause").name == "Can pause members"


# What stands in the documents.

DOCUMENTS = ("README.md", "docs/conferences.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_documents_name_the_classes_that_the_manager_user_needs(document: str) -> None:
    """If this fails: `make docs`."""
    text = (ROOT / document).read_text()
    assert with_classes(text) == text


def test_a_document_is_written_with_the_classes_of_today(tmp_path: Path) -> None:
    document = tmp_path / "manager.md"
    document.write_text("Read:\n\n    read = call\n    write = all\n    writetimeout = 5000\n")
    said = io.StringIO()
    call_command("managerconf", str(document), stdout=said)
    lines = [line.strip() for line in stanza("panel", "").splitlines() if line.startswith(("read", "write"))]
    assert [line.strip() for line in document.read_text().splitlines()[2:]] == lines
    assert said.getvalue() == f"{document} was written.\n"
    call_command("managerconf", str(document), stdout=said)
    assert said.getvalue() == f"{document} was written.\n"


def test_a_document_without_such_lines_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "manager.md"
    document.write_text("read = call\n")
    with pytest.raises(CommandError, match="has no lines"):
        call_command("managerconf", str(document))
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("managerconf", str(tmp_path / "missing.md"))


def test_the_lines_for_manager_conf_are_printed() -> None:
    said = io.StringIO()
    call_command("managerconf", "--user", "desk", "--source", "192.0.2.7", stdout=said)
    assert said.getvalue() == stanza("desk", "192.0.2.7")
