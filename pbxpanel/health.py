"""What machines ask of the panel: whether it works (`/healthz`), and its figures (`/metrics`)."""

import asyncio
import hmac
import logging
import os
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from engine import metrics
from engine.mirror.models import PBX

logger = logging.getLogger(__name__)

# What a machine calls itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# How long the channel layer may take for one message to itself, in seconds.
LAYER_TIMEOUT = 2.0


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """GET, anybody: JSON that tells how the database, the channel layer and each link are; 503 if one is not well.

    `{"status": "ok", "database": "ok", "layer": "ok", "links": {"main": {"state": "up", "worker": "ok",
    "since": "2026-…Z", "last_event_age": 0.8}}}`; ages are in seconds, null before the first event.
    """
    health: dict[str, Any] = {"status": "ok", "database": "ok", "layer": _layer(), "links": {}}
    try:
        pbxs = list(PBX.objects.defer("metrics"))
    except (DatabaseError, InterfaceError) as error:
        logger.error("The database failed: %s", error)
        health["database"], pbxs = "failed", []
    now = timezone.now()
    for pbx in pbxs:
        health["links"][pbx.name] = {
            "state": pbx.link,
            "worker": "lost" if pbx.worker_lost else "ok",
            "since": pbx.link_since.isoformat(),
            "last_event_age": round((now - pbx.event_at).total_seconds(), 1) if pbx.event_at else None,
        }
    if health["database"] != "ok" or health["layer"] != "ok" or not pbxs or not all(pbx.is_up for pbx in pbxs):
        health["status"] = "failed"
    return JsonResponse(health, status=200 if health["status"] == "ok" else 503, headers={"Cache-Control": "no-store"})


def _layer() -> str:
    try:
        async_to_sync(_send_to_myself)()
    except Exception:  # whatever the layer's backend raises
        logger.exception("The channel layer failed.")
        return "failed"
    return "ok"


async def _send_to_myself() -> None:
    layer = get_channel_layer()
    async with asyncio.timeout(LAYER_TIMEOUT):
        channel = await layer.new_channel()
        await layer.send(channel, {"type": "health"})
        await layer.receive(channel)


@login_not_required
@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """GET: the figures of this web process and of all workers, as Prometheus reads them.

    For whoever asks from this machine itself and through no proxy, shows METRICS_TOKEN as a bearer token, or is
    logged in and may see the PBXs.
    """
    if not (_is_local(request) or _has_token(request) or request.user.has_perm("mirror.view_pbx")):
        return HttpResponseForbidden(
            "These figures are for METRICS_TOKEN, or an administrator.\n", content_type="text/plain"
        )
    text = generate_latest(metrics.WEB)
    try:
        of_workers = metrics.OfWorkers(list(PBX.objects.values_list("metrics", flat=True)))
    except (DatabaseError, InterfaceError) as error:  # the figures of this process are there all the same
        logger.error("The database failed: %s", error)
    else:
        registry = CollectorRegistry()
        registry.register(of_workers)
        text += generate_latest(registry)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _is_local(request: HttpRequest) -> bool:
    """Whether this machine itself asks, by its own name. A proxy on it says so, or passes on the name that it was asked
    by, or both.
    """
    forwarded = any(name.startswith(("X-Forwarded-", "Forwarded", "X-Real-", "Via")) for name in request.headers)
    name = urlsplit(f"//{request.get_host()}").hostname
    return request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and name in LOOPBACK and not forwarded


def _has_token(request: HttpRequest) -> bool:
    token = os.environ.get("METRICS_TOKEN", "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())
