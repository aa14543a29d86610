"""The pages of messages: those for me, those that I have taken, and the form by which one is taken."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.identity import user_of
from engine import limits
from web import toasts

from ..people.finding import MOST as MOST_FOUND
from ..people.finding import matching
from ..people.models import Person
from .forms import MessageForm, typed_for
from .fragments import TAKEN, TO_ME, context_of
from .models import READ, TAKE, Message, changed_by
from .taking import STEPS, TooMany, go, possible_for, send_again, sentences, take, unreachable

_CALLED = ("caller_name", "caller_number")


@require_safe
@permission_required(READ, raise_exception=True)
def to_me(request: HttpRequest) -> HttpResponse:
    """GET: what others took for me; `page` counts from 1, and the first is live."""
    return _page(request, TO_ME)


@require_safe
@permission_required(TAKE, raise_exception=True)
def taken(request: HttpRequest) -> HttpResponse:
    """GET: what I took for others, and what became of it; `page` counts from 1."""
    return _page(request, TAKEN)


def _page(request: HttpRequest, box: str) -> HttpResponse:
    context = context_of(user_of(request), box, request.GET.get("page", ""))
    live = {"live_view": "messages", "view_key": box} if box == TO_ME and context["page"].number == 1 else {}
    return render(request, "extensions/messages/messages.html", {**context, **live})


@require_safe
@permission_required(READ, raise_exception=True)
def part(request: HttpRequest) -> HttpResponse:
    """GET: the list of a `box` alone, which a page asks for while an e-mail of it is on its way."""
    return _list(request)


def _list(request: HttpRequest) -> HttpResponse:
    box = TAKEN if request.GET.get("box") == TAKEN else TO_ME
    context = context_of(user_of(request), box, request.GET.get("page", ""))
    return render(request, "extensions/messages/_list.html", context)


@require_POST
@permission_required(READ, raise_exception=True)
def go_on(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """POST: it is `read`, `done` or `undone`; the list of its `box` as it is then."""
    if step not in STEPS:
        raise Http404
    go(get_object_or_404(changed_by(user_of(request)), pk=pk), step)
    return _list(request)


@require_POST
@permission_required(TAKE, raise_exception=True)
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: an e-mail of mine that has failed is tried again; the list as it is then."""
    if not send_again(get_object_or_404(Message, pk=pk, by=user_of(request))):
        return toasts.refused(request, _("This e-mail has not failed: it is sent, or still tried."), 409)
    return _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(TAKE, raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """GET: the form, for the `person` and with the `name` and `number` of who called. POST: the message is taken."""
    user = user_of(request)
    if request.method == "POST":
        form = MessageForm(user, request.POST)
        if form.is_valid():
            values = form.cleaned_data
            try:
                message = take(user, values["for"], {name: values[name] for name in (*_CALLED, *_SAID)})
            except TooMany as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, _taken_in_words(message))
                return redirect("messages-taken")
    else:
        form = MessageForm(user, initial=_meant(request))
    context = {"form": form, "sentences": sentences()}
    return render(request, "extensions/messages/new.html", context, status=422 if form.errors else 200)


_SAID = ("text", "call_back", "urgent")


def _meant(request: HttpRequest) -> dict[str, object]:
    """What a link says of a message that is to be taken."""
    asked = request.GET
    initial: dict[str, object] = {"caller_name": asked.get("name", ""), "caller_number": asked.get("number", "")}
    if pk := limits.key_in(asked.get("person", "")):
        user = user_of(request)
        person = get_object_or_404(possible_for(user).select_related("user"), pk=pk)
        initial |= {"to": typed_for(person, user), "person": person.pk, "call_back": True}
        if why := unreachable(person):
            messages.warning(request, why)
    return initial


def _taken_in_words(message: Message) -> str:
    name = {"name": message.name}
    if message.addressee_id is None:
        return _("The message for %(name)s is being sent by e-mail.") % name
    if message.mail == Message.Mail.NONE:
        return _("The message for %(name)s is in the panel.") % name
    return _("The message for %(name)s is in the panel, and is being sent by e-mail.") % name


@require_safe
@permission_required(TAKE, raise_exception=True)
def find(request: HttpRequest) -> HttpResponse:
    """GET: for whom `q` may mean that a message is, as the options of a list."""
    user, typed = user_of(request), request.GET.get("q", "")
    people = matching(possible_for(user), typed, user) if typed.strip() else Person.objects.none()
    found = people.select_related("user").prefetch_related("numbers")[:MOST_FOUND]
    context = {"found": [(person, typed_for(person, user)) for person in found]}
    return render(request, "extensions/messages/_found.html", context)
