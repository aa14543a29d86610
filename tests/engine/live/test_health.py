"""What `/healthz` and `/metrics` say, and to whom."""

from datetime import timedelta
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from engine import metrics
from engine.mirror.models import PBX
from pbxpanel import health
from tests.access import people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_layer() -> None:
    channel_layers.backends.clear()


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/healthz")
    return answer.status_code, answer.json()


def test_with_everything_up_healthz_answers_200() -> None:
    PBX.objects.create(name="main", link="up", event_at=timezone.now() - timedelta(seconds=3))
    status, health = ask()
    assert status == 200
    assert (health["status"], health["database"], health["layer"]) == ("ok", "ok", "ok")
    link = health["links"]["main"]
    assert (link["state"], link["worker"]) == ("up", "ok")
    assert 3 <= link["last_event_age"] < 30


@pytest.mark.parametrize("state", ["connecting", "down", "refused"])
def test_a_link_that_is_not_up_is_503(state: str) -> None:
    PBX.objects.create(name="main", link="up")
    PBX.objects.create(name="other", link=state)
    status, health = ask()
    assert status == 503
    assert health["status"] == "failed"
    assert health["links"]["other"] == health["links"]["other"] | {"state": state, "last_event_age": None}


def test_a_worker_that_is_gone_is_503() -> None:
    people.pbx(heard=timedelta(minutes=1))
    status, health = ask()
    assert (status, health["links"]["main"]["worker"]) == (503, "lost")


def test_a_panel_without_any_pbx_is_503() -> None:
    assert ask()[0] == 503


def test_a_layer_that_fails_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    people.pbx()

    async def failing() -> None:
        raise ConnectionError("no Redis")

    monkeypatch.setattr(health, "_send_to_myself", failing)
    status, said = ask()
    assert (status, said["layer"], said["links"]["main"]["state"]) == (503, "failed", "up")


def test_a_database_that_fails_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*fields: str) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(PBX.objects, "defer", failing)
    status, said = ask()
    assert (status, said["database"], said["links"]) == (503, "failed", {})


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Name and labels → value; fails where the text is not Prometheus's, or names a metric twice."""
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_the_figures_of_all_workers_stand_beside_those_of_this_process() -> None:
    for name in ("one", "two"):
        metrics.start(name)
        metrics.DRIFT_FOUND.labels(name).inc(3 if name == "one" else 4)
        metrics.EVENTS.labels(name, "Hangup").inc(7)
        PBX.objects.create(name=name, metrics=metrics.of_pbx(name))
    answer = Client().get("/metrics", headers={"host": "localhost"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    said = figures(answer.content.decode())
    assert said["panel_drift_found_total", (("pbx", "one"),)] == 3
    assert said["panel_drift_found_total", (("pbx", "two"),)] == 4
    assert said["panel_ami_events_total", (("event", "Hangup"), ("pbx", "two"))] == 7
    assert said["panel_gaps_healed_total", (("why", "number"),)] >= 0
    assert said["process_resident_memory_bytes", ()] > 0


def test_the_figures_are_there_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*fields: str, **options: bool) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(PBX.objects, "values_list", failing)
    assert b"process_resident_memory_bytes" in Client().get("/metrics", headers={"host": "localhost"}).content


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "192.0.2.7"}, False),
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, False),
        ({"HTTP_FORWARDED": "for=192.0.2.7"}, False),
        ({"HTTP_VIA": "1.1 proxy"}, False),
        # A proxy that adds nothing, and passes on the name by which it was asked.
        ({"HTTP_HOST": "testserver"}, False),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer right"}, True),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer wrong"}, False),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer "}, False),
    ],
)
def test_who_may_have_the_figures(headers: dict[str, str], allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "right")
    asked = {"HTTP_HOST": "localhost:8000", **headers}
    assert Client().get("/metrics", **asked).status_code == (200 if allowed else 403)  # type: ignore[arg-type]


def test_without_a_token_an_empty_one_opens_nothing() -> None:
    headers = {"REMOTE_ADDR": "192.0.2.7", "HTTP_AUTHORIZATION": "Bearer "}
    assert Client().get("/metrics", **headers).status_code == 403  # type: ignore[arg-type]


@pytest.mark.parametrize(("role", "allowed"), [("Administrator", True), ("Operator", False), ("Viewer", False)])
def test_from_elsewhere_an_administrator_has_them(role: str, allowed: bool) -> None:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.force_login(people.person(role, "somebody"))
    assert client.get("/metrics").status_code == (200 if allowed else 403)
