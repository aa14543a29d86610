"""The pages about webhooks: which there are, what each is sent, and what became of it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Aggregate, Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.confirmation import password_confirmed
from accounts.identity import user_of
from eventlog.declarations import event_types
from web import toasts

from .delivering import send
from .formats import TEST_TYPE, Told
from .forms import WebhookForm
from .models import MANAGE, Delivery, Webhook
from .queue import Owners, Tried, Work, delivery_of, settle, work_of
from .sending import Result, Sender

# How many webhooks, and how many deliveries, a page shows.
PAGE, DELIVERIES = 50, 25

State = Delivery.State
may_manage = permission_required(MANAGE, raise_exception=True)


@require_GET
@may_manage
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """GET: the webhooks, and how they fare."""
    page = Paginator(Webhook.objects.select_related("owner"), PAGE).get_page(request.GET.get("page"))
    waiting, failed = (_of_each(page, Count("pk"), state=state) for state in (State.WAITING, State.FAILED))
    last = _of_each(page, Max("at"), state=State.DONE, number__isnull=False)
    for webhook in page:
        webhook.waiting, webhook.failed = waiting.get(webhook.pk, 0), failed.get(webhook.pk, 0)
        webhook.last = last.get(webhook.pk)
    context = {"page": page, "told": settings.EVENT_LOG_DAYS > 0}
    return render(request, "webhooks/webhooks.html", context)


def _of_each(webhooks: Iterable[Webhook], what: Aggregate, **which: Any) -> dict[int, Any]:
    """Key of a webhook → what all of its deliveries of this kind come to."""
    found = Delivery.objects.filter(webhook__in=[webhook.pk for webhook in webhooks], **which).order_by()
    return dict(found.values_list("webhook").annotate(what))


@require_http_methods(["GET", "POST"])
@may_manage
def new(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: one more, of which the answer shows the secret, and nothing ever again."""
    if request.method == "POST":
        return _save(request, Webhook(owner=user_of(request)))  # type: ignore[return-value]
    return render(request, "webhooks/form.html", {"form": WebhookForm()})


@require_http_methods(["GET", "POST"])
@may_manage
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the form. POST: changes it. Whoever does so is its owner from then on, who may see what it is sent."""
    webhook = get_object_or_404(Webhook, pk=pk)
    if request.method == "POST":
        return _save(request, webhook)  # type: ignore[return-value]
    return render(request, "webhooks/form.html", {"form": WebhookForm(instance=webhook), "webhook": webhook})


@password_confirmed
def _save(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    is_new = webhook.pk is None
    form = WebhookForm(request.POST, instance=webhook)
    if not form.is_valid():
        context = {"form": form, "webhook": None if is_new else get_object_or_404(Webhook, pk=webhook.pk)}
        return render(request, "webhooks/form.html", context, status=422)
    form.instance.owner = user_of(request)
    saved = form.save(commit=False)
    if is_new:
        saved.save()
        return _shown(request, saved, secret=saved.secret)
    # Of a row that changes meanwhile only what the form has.
    saved.save(update_fields=[*form.Meta.fields, "owner"])
    messages.success(request, _("%(webhook)s was saved.") % {"webhook": saved})
    return redirect("webhook", saved.pk)


@require_GET
@may_manage
def webhook_page(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: one webhook and its deliveries."""
    return _shown(request, get_object_or_404(Webhook, pk=pk))


@require_GET
@may_manage
def deliveries(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the deliveries alone, which a page asks for while one of them is on its way."""
    webhook = get_object_or_404(Webhook, pk=pk)
    return render(request, "webhooks/_deliveries.html", {"webhook": webhook, **_deliveries_of(request, webhook)})


def _shown(request: HttpRequest, webhook: Webhook, **more: Any) -> HttpResponse:
    viewer = Owners().viewer(webhook.owner_id)
    may = viewer.permissions if viewer is not None else frozenset[str]()
    types = [event_types[name] for name in webhook.types if name in event_types]
    context = {
        "webhook": webhook,
        "types": [(found.name, _(found.meaning)) for found in types],
        # Of some rooms they may see what is told all the same.
        "unseen": [found.name for found in types if found.permission not in may],
        "told": settings.EVENT_LOG_DAYS > 0,
        **_deliveries_of(request, webhook),
        **more,
    }
    return render(request, "webhooks/webhook.html", context)


def _deliveries_of(request: HttpRequest, webhook: Webhook) -> dict[str, Any]:
    state = request.GET.get("state", "")
    found = webhook.deliveries.all()
    if state in State.values:
        found = found.filter(state=state)
    page = Paginator(found, DELIVERIES).get_page(request.GET.get("page"))
    soon = timezone.now() + timedelta(seconds=1)
    on_its_way = any(one.state == State.WAITING and one.next_at and one.next_at <= soon for one in page)
    return {
        "page": page,
        "state": state,
        "states": State.choices,
        "on_its_way": on_its_way and webhook.enabled,
        "days": settings.EVENT_LOG_DAYS,
    }


@require_POST
@may_manage
def change_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: a new secret, which this answer shows; the one before signs for another day."""
    return _changed_secret(request, get_object_or_404(Webhook, pk=pk))  # type: ignore[return-value]


@password_confirmed
def _changed_secret(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    return _shown(request, webhook, secret=webhook.change_secret())


@require_POST
@may_manage
def forget_old_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: the former secret does not sign any more."""
    get_object_or_404(Webhook, pk=pk).forget_old_secret()
    messages.success(request, _("Only the new secret signs now."))
    return redirect("webhook", pk)


@require_POST
@may_manage
def turn(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: turns it on or off (`on`)."""
    webhook = get_object_or_404(Webhook, pk=pk)
    if request.POST.get("on"):
        webhook.turn_on()
        messages.success(
            request, _("%(webhook)s was turned on: it is sent what happens from now on.") % {"webhook": webhook}
        )
    else:
        webhook.turn_off(Webhook.Off.USER)
        messages.success(request, _("%(webhook)s was turned off: nothing is sent any more.") % {"webhook": webhook})
    return redirect("webhook", pk)


@require_POST
@may_manage
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: sends a test at once, whether it is turned on or not, and says what came of it."""
    webhook = get_object_or_404(Webhook, pk=pk)
    now = timezone.now()
    told = Told("", None, TEST_TYPE, "", now, '{"text": "This is a test of PBX Panel."}')
    delivery = delivery_of(webhook, told, in_order=False, give_up_at=now)
    delivery.save()
    work = work_of(webhook, delivery)
    settle([Tried(work, timezone.now(), async_to_sync(_sent_alone)(work))])
    delivery.refresh_from_db()
    return _shown(request, get_object_or_404(Webhook, pk=pk), tested=delivery)


async def _sent_alone(work: Work) -> Result:
    async with Sender.open() as sender:
        return await send(sender, work)


@require_POST
@may_manage
def send_again(request: HttpRequest, pk: int, delivery: int) -> HttpResponse:
    """POST: has an event sent again, with the same id."""
    found = get_object_or_404(Delivery, pk=delivery, webhook=pk)
    if not found.send_again():
        return toasts.refused(
            request, _("This cannot be sent now: turn the webhook on first, or wait for what comes before it."), 409
        )
    messages.success(request, _("It is sent again now."))
    return redirect("webhook", pk)


@require_http_methods(["GET", "POST"])
@may_manage
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: the question. POST: deletes it, and all that is kept of its deliveries."""
    webhook = get_object_or_404(Webhook, pk=pk)
    if request.method == "POST":
        webhook.delete()
        messages.success(request, _("%(webhook)s was deleted.") % {"webhook": webhook})
        return redirect("webhooks")
    return render(request, "webhooks/delete.html", {"webhook": webhook})
