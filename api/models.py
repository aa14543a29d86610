"""Tokens by which programs ask, and what is kept of what they have asked."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.verbs import permission

from .addresses import network_of, origin_of

MANAGE = permission("api.token", "manage_tokens", _("Can manage the tokens of all users"), ("Administrator",))


class Bearer(User):
    """A user in whose name a program asks by a token: may what they may, as far as the token's scopes go."""

    scopes: frozenset[str] = frozenset()

    class Meta:
        proxy = True
        default_permissions = ()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return perm in self.scopes and super().has_perm(perm, obj)


def lines(text: str) -> list[str]:
    """What stands in a text, one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def check_origin(text: str) -> None:
    """Raises `ValidationError` for what is no origin."""
    if not origin_of(text):
        raise ValidationError(
            _("“%(line)s” is no origin: write scheme and host, such as https://crm.example.org."), params={"line": text}
        )


def check_origins(text: str) -> None:
    """The same for a text of several, one a line."""
    for line in lines(text):
        check_origin(line)


def check_addresses(text: str) -> None:
    """Raises `ValidationError` for a line that is no address, nor a range of them."""
    for line in lines(text):
        if network_of(line) is None:
            raise ValidationError(
                _("“%(line)s” is no address: write one such as 192.0.2.7, or a range such as 192.0.2.0/24."),
                params={"line": line},
            )


class AllowedOrigin(models.Model):
    """The origin of a web page that may ask its users whether it may place calls in their name (see
    `api.integrations.consent`). What a user has agreed to ends with it.
    """

    origin = models.CharField(_("origin"), max_length=limits.ORIGIN, unique=True)
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    made_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("allowed origin")
        verbose_name_plural = _("allowed origins")
        ordering = ["origin"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.origin


class Token(models.Model):
    """By which a program asks in the name of its owner. Its secret is shown once, and only a hash of it is stored."""

    # Stands in the token, and in the audit trail.
    public_id = models.CharField(_("id"), max_length=16, unique=True)
    hash = models.CharField(_("hash"), max_length=64)
    name = models.CharField(_("name"), max_length=limits.NAME)
    owner = models.ForeignKey(Bearer, on_delete=models.CASCADE, related_name="tokens", verbose_name=_("owner"))
    # Another than the owner: an administrator, for a machine.
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    # Names of permissions.
    scopes = models.JSONField(_("scopes"), default=list)
    # One a line.
    origins = models.TextField(
        _("origins"),
        blank=True,
        validators=[check_origins],
        help_text=_(
            "Of web pages that may use the token, one a line, such as https://crm.example.org. It then works from "
            "these only. Empty: no page may use it, only programs."
        ),
    )
    addresses = models.TextField(
        _("addresses"),
        blank=True,
        validators=[check_addresses],
        help_text=_("From which the token may be used, one a line, such as 192.0.2.0/24. Empty: from any."),
    )
    # To whose page the owner has agreed to give it.
    page = models.ForeignKey(
        AllowedOrigin,
        on_delete=models.CASCADE,
        null=True,
        editable=False,
        related_name="tokens",
        verbose_name=_("page"),
    )
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    # The minute of the last request, in seconds since 1970, and how many came in it.
    minute = models.BigIntegerField(default=0, editable=False)
    requests = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-made_at", "-id"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_of_machine(self) -> bool:
        """Whether somebody else has made it than the user in whose name it asks."""
        return self.made_by_id != self.owner_id

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def scope_names(self) -> str:
        return ", ".join(self.scopes)


class KeptAnswer(models.Model):
    """The answer to a request with an `Idempotency-Key`, for whoever asks again with the same key.

    Without a `status` it is still under way, until `until`; then it is lost.
    """

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=limits.KEY)
    # Of what was asked, a hash.
    request = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="one_answer_for_each_key")]
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class PlacedCall(models.Model):
    """A call that a program or a button had placed for its owner: known before its first channel is, and where there
    never was one.
    """

    pbx = models.CharField(max_length=32)
    call = models.CharField(max_length=150)
    reference = models.CharField(max_length=limits.REFERENCE, blank=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    number = models.CharField(max_length=limits.NUMBER, blank=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pbx", "call"], name="one_placed_call_for_each_call")]
        default_permissions = ()

    def __str__(self) -> str:
        return self.call


def live_tokens() -> "models.QuerySet[Token]":
    """Those that are neither revoked nor expired."""
    unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
    return Token.objects.filter(unexpired, revoked_at=None)


def allowed_anywhere(origin: str) -> bool:
    """Whether a page of this origin may ask its users, or use any token that works. Queries the database."""
    if AllowedOrigin.objects.filter(origin=origin).exists():
        return True
    found: Collection[str] = live_tokens().exclude(origins="").values_list("origins", flat=True)
    return any(origin in lines(origins) for origins in found)
