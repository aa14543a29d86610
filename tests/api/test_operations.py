"""Every operation as its description has it: its example is carried out, and refused to whoever has not its scopes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from api.operations import router
from api.operations import scopes as all_scopes
from api.service import description
from audit.models import AuditEntry
from engine.mirror import verbs
from eventlog.declarations import event_types
from tests.access import people
from tests.access.people import Asterisk, given

from .conftest import Makes, Program

pytestmark = pytest.mark.django_db


# The description takes a second to be made: not where tests are only collected.
NAMES = [str(operation.operation_id) for view in router.path_operations.values() for operation in view.operations]
# Of these the PBX is asked nothing.
WITHOUT_PBX = {"people", "contacts", "messages"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def named(name: str) -> tuple[str, str, dict[str, Any]]:
    return next(each for each in operations() if each[2]["operationId"] == name)


def test_each_operation_has_a_name_of_its_own() -> None:
    assert [operation["operationId"] for _method, _path, operation in operations()] == NAMES
    assert len(set(NAMES)) == len(NAMES)


def carry_out(program: Program, method: str, path: str, operation: dict[str, Any], **headers: str) -> Any:
    """Ask the example of an operation."""
    example = operation["x-example"]
    return program.ask(method, path.format(**example["path"]), example["body"], **headers)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_each_is_answered_as_it_is_described(
    name: str, administrator: Program, asterisk: Asterisk
) -> None:
    method, path, operation = named(name)
    response = carry_out(administrator, method, path, operation)
    assert response.status_code in operation["responses"], response.content
    assert set(operation["responses"][response.status_code]["headers"]) - set(response.headers) <= {
        "Link", "Idempotent-Replayed", "Location",
    }  # fmt: skip
    assert response.status_code < 300, response.content
    assert len(asterisk.commands) == (method != "GET" and operation["tags"][0] not in WITHOUT_PBX)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_all_that_is_needed(name: str) -> None:
    method, _path, operation = named(name)
    assert str(operation["summary"])
    assert str(operation["description"])
    assert {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"} == set(
        operation["x-example"]["path"]
    )
    assert {401, 403, 422, 429} <= set(operation["responses"])
    assert "RateLimit" in operation["responses"][403]["headers"]
    assert ("ETag" in operation["responses"].get(200, {}).get("headers", ())) == (method == "GET")
    assert ("Location" in operation["responses"].get(201, {}).get("headers", ())) == (method == "POST")
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        assert content["example"]


def test_a_token_needs_one_scope_of_each_operation(
    program: Makes, asterisk: Asterisk, subtests: pytest.Subtests
) -> None:
    """Without: refused, though the owner might. With that alone: done."""
    owner = people.person("Administrator")
    with_scope = {scope: program(owner, scope) for scope in all_scopes}
    for method, path, operation in operations():
        scopes = operation["x-scopes"]
        if not scopes["any"]:
            continue
        with subtests.test(operation=operation["operationId"]):
            needed = {*scopes["any"], *scopes["all"]}
            others = program(owner, *(all_scopes - set(scopes["any"])))
            response = carry_out(others, method, path, operation)
            assert (response.status_code, response.json()["type"]) == (403, "/api/v1/problems/scope-missing")
            for missing in scopes["all"]:
                response = carry_out(program(owner, *(needed - {missing})), method, path, operation)
                assert response.json()["type"] == "/api/v1/problems/scope-missing"
            assert asterisk.commands == []
            assert not AuditEntry.objects.exists()
            enough = program(owner, *needed) if scopes["all"] else with_scope[scopes["any"][0]]
            # Of `to-conference` the owner must be a moderator as well; see tests/conferences.
            if operation["operationId"] != "channel_to_conference":
                assert carry_out(enough, method, path, operation).status_code < 300
            asterisk.commands.clear()
            AuditEntry.objects.all().delete()


REFUSED_TOKENS: dict[str, tuple[dict[str, Any], dict[str, str], int, str]] = {
    "expired": ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, {}, 401, "token-invalid"),
    "revoked": ({"revoked_at": datetime(2026, 1, 1, tzinfo=UTC)}, {}, 401, "token-invalid"),
    "another secret": ({}, {"Authorization": f"Bearer pbxp_0123456789ab_{'0' * 64}"}, 401, "token-invalid"),
    "none": ({}, {"Authorization": ""}, 401, "token-missing"),
    "another address": ({"addresses": "192.0.2.0/24"}, {}, 403, "address-not-allowed"),
    "a page without its origin": ({}, {"Origin": "https://crm.example.org"}, 403, "origin-not-allowed"),
    "a page of another origin": (
        {"origins": "https://crm.example.org"}, {"Origin": "https://evil.example.org"}, 403, "origin-not-allowed",
    ),
    "no page": ({"origins": "https://crm.example.org"}, {}, 403, "origin-not-allowed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_TOKENS)
def test_a_token_that_does_not_work_asks_no_operation(
    case: str, program: Makes, asterisk: Asterisk, subtests: pytest.Subtests
) -> None:
    fields, headers, status, slug = REFUSED_TOKENS[case]
    mine = program(people.person("Administrator"), **fields)
    for method, path, operation in operations():
        with subtests.test(operation=operation["operationId"]):
            response = carry_out(mine, method, path, operation, **headers)
            assert (response.status_code, response.json()["type"]) == (status, f"/api/v1/problems/{slug}")
            assert "Access-Control-Allow-Origin" not in response
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


def test_a_scope_gives_nothing_that_the_owner_may_not(
    program: Makes, asterisk: Asterisk, subtests: pytest.Subtests
) -> None:
    nobody = program(people.person())
    for method, path, operation in operations():
        if not operation["x-scopes"]["any"]:
            continue
        with subtests.test(operation=operation["operationId"]):
            response = carry_out(nobody, method, path, operation)
            # Of what is their own whoever has put it there may have it back: only their permission to see is missing.
            assert response.status_code == 403, response.content
            assert response.json()["type"] == "/api/v1/problems/not-allowed"
            assert asterisk.commands == []


# Verbs with a view of their own, and the operation that asks each.
WITH_A_VIEW = {"pbx.originate": "place_call", "place.invite": "invite", "place.call-back": "call_back"}
# What somebody sets up with their own phone in the hand.
OF_THE_PROFILE = {"pbx.prove-phone", "pbx.try-answer"}


def test_every_verb_has_an_operation_but_those_of_the_system_pages_and_of_the_profile() -> None:
    found = {operation["operationId"] for _method, _path, operation in operations()}
    for name, verb in verbs.verbs.items():
        wanted = WITH_A_VIEW.get(name, "") if verb.view else name.replace(".", "_").replace("-", "_")
        if wanted:
            assert wanted in found, name
        else:
            assert verb.rule.permission.startswith("system.") or name in OF_THE_PROFILE, name


def test_a_verb_is_asked_in_the_name_of_the_owner_and_the_audit_trail_names_the_token(
    operator: Program, asterisk: Asterisk
) -> None:
    path = "/calls/main/1732451234.12/channels/1732451234.13/transfer"
    assert operator.ask("PUT", path, {"to": "+49 (30) 123"}).status_code == 204
    (command,) = asterisk.commands
    assert (str(command.verb), command.key, given(command)["to"]) == ("channel.transfer", "1732451234.13", "+4930123")
    entry = AuditEntry.objects.get()
    assert (entry.username, entry.via, entry.status) == ("anna", f"Shop ({operator.token.public_id})", "done")
    assert operator.written not in str(entry.__dict__)


def test_the_description_is_for_everybody_and_of_version_3_1() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert len(document["paths"]) > 60


def test_the_page_of_it_shows_each_operation_and_no_script_of_its_own() -> None:
    client = Client()
    client.force_login(people.person("Viewer"))
    html = client.get("/api/v1/docs").content.decode()
    for _method, _path, operation in operations():
        assert f'id="{operation["operationId"]}"' in html
    assert html.count("<script") == html.count("<script src=") + html.count('<script type="module" src=')
    assert "curl -X PUT" in html
    for name, event_type in event_types.items():
        assert f"<code>{name}</code>" in html
        assert event_type.meaning in html
    assert 'href="/api/v1/asyncapi.json"' in html
