"""The figures that `/metrics` shows, in Prometheus's terms.

A worker counts in `WORKER`, a web process in `WEB`. What a worker has counted it writes beside its PBX's row, so
any web process can show it, wherever the worker runs.
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]
WORKER, WEB = CollectorRegistry(), CollectorRegistry()
ProcessCollector(registry=WEB)
PlatformCollector(registry=WEB)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

EVENTS = Counter("panel_ami_events", "AMI events read, by name.", ["pbx", "event"], registry=WORKER)
DROPPED = Counter("panel_ami_events_dropped", "AMI events dropped unparsed.", ["pbx"], registry=WORKER)
FOLD_SECONDS = Counter("panel_fold_seconds", "Time spent folding events into the state.", ["pbx"], registry=WORKER)
FLUSH_SECONDS = Histogram(
    "panel_flush_seconds", "How long a tick's transaction took.", ["pbx"], buckets=_SECONDS, registry=WORKER
)
DRAW_SECONDS = Histogram(
    "panel_draw_seconds", "How long a tick's rows took to draw.", ["pbx"], buckets=_SECONDS, registry=WORKER
)
DIRTY_ROWS = Histogram(
    "panel_dirty_rows", "Rows that a tick wrote.", ["pbx"], buckets=(1, 10, 100, 1000, 10000), registry=WORKER
)
BATCHES = Counter("panel_batches", "Batches published, by result.", ["pbx", "result"], registry=WORKER)
LINK_UP = Gauge("panel_link_up", "Whether the link to Asterisk is up.", ["pbx"], registry=WORKER)
LINKS = Counter("panel_links", "How often the link came up.", ["pbx"], registry=WORKER)
DRIFT_CHECKS = Counter("panel_drift_checks", "Comparisons with a fresh snapshot.", ["pbx"], registry=WORKER)
DRIFT_FOUND = Counter("panel_drift_found", "Differences that were found and healed.", ["pbx"], registry=WORKER)
COMMANDS = Counter("panel_commands", "Commands taken, by verb and result.", ["pbx", "verb", "result"], registry=WORKER)

SOCKETS = Gauge("panel_sockets", "Browsers connected, by view.", ["view"], registry=WEB)
BOARDS = Counter("panel_boards", "Whole boards sent to browsers.", registry=WEB)
GAPS = Counter("panel_gaps_healed", "Gaps in what browsers get, each healed by fresh boards.", ["why"], registry=WEB)
for _why in ("number", "epoch", "queue", "silence", "layer", "language", "failure"):
    GAPS.labels(_why)

Samples = list[dict[str, Any]]


def of_pbx(pbx: str) -> Samples:
    """What this process's worker has counted of one PBX, as plain JSON values."""
    metrics = []
    for metric in WORKER.collect():
        samples = [[s.name, s.labels, s.value] for s in metric.samples if s.labels.get("pbx") == pbx]
        if samples:
            metrics.append({"name": metric.name, "text": metric.documentation, "type": metric.type, "samples": samples})
    return metrics


def start(pbx: str) -> None:
    """Let the figures of a PBX begin, at nought, so that they are there before anything happens."""
    for metric in (DROPPED, FOLD_SECONDS, FLUSH_SECONDS, DRAW_SECONDS, DIRTY_ROWS, LINK_UP, LINKS, DRIFT_CHECKS):
        metric.labels(pbx)
    DRIFT_FOUND.labels(pbx)


class OfWorkers(Collector):
    """Collects what the workers of these PBXs have counted, one metric for all of them."""

    def __init__(self, pbxs: Iterable[Samples]) -> None:
        self._pbxs = pbxs

    def collect(self) -> Iterable[Metric]:
        metrics: dict[str, Metric] = {}
        for pbx in self._pbxs:
            for values in pbx:
                metric = metrics.setdefault(values["name"], Metric(values["name"], values["text"], values["type"]))
                for name, labels, value in values["samples"]:
                    metric.add_sample(name, labels, value)
        return metrics.values()
