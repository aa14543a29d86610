"""Users: profiles with their phones, shared phones, proofs of phones, and dial policies."""

import re
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator, URLValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import PBX

from . import policy as rules

# What Asterisk takes as the name of an endpoint, a context or an extension; no spaces, commas or line breaks.
_PHONE_NAME = RegexValidator(r"\A[A-Za-z0-9]+/[\w.@:+-]+\Z", _("Write it as technology and name, such as PJSIP/101."))
NAME = RegexValidator(r"\A[\w.@*#+-]*\Z", _("Use letters, digits and . _ - only."))


def check_phone(name: str) -> None:
    """Raises `ValidationError` for what is not a phone, or would dial by itself."""
    _PHONE_NAME(name)
    if not rules.is_phone(name):
        raise ValidationError(
            _("“%(name)s” would dial by itself. Write technology and name, such as PJSIP/101: no host, never Local/."),
            params={"name": name},
        )


def check_caller_link(template: str) -> None:
    """Raises `ValidationError` for what is no web address with a place for the number or the name."""
    if not re.search(r"\{(number|name)\}", template) or re.search(r"[{}]", re.sub(r"\{(number|name)\}", "", template)):
        raise ValidationError(_("Write {number} where the caller's number goes, and no other braces."))
    if not re.match(r"[a-z]+://[^/?#{}]+([/?#]|\Z)", template):
        raise ValidationError(_("Write the server's name without braces."))
    URLValidator(["http", "https"])(re.sub(r"\{(number|name)\}", "0", template))


class Profile(models.Model):
    """A user's own telephone, for click-to-call and for what is shown as theirs.

    What is entered here is theirs: an administrator has set it, or they have proven it, or they may choose freely.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile", verbose_name=_("user")
    )
    pbx = models.ForeignKey(
        PBX,
        # It keeps its name when it leaves the panel, and may come back.
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        verbose_name=_("PBX"),
        help_text=_("The PBX that my phone is on. Empty: the only, or the first, PBX."),
    )
    extension = models.CharField(
        _("extension"), max_length=40, blank=True, validators=[NAME], help_text=_("My number, such as 101.")
    )
    endpoint = models.CharField(
        _("phone"),
        max_length=80,
        blank=True,
        validators=[check_phone],
        help_text=_("The channel that rings my phone, such as PJSIP/101."),
    )
    dial_context = models.CharField(
        _("dial context"),
        max_length=80,
        blank=True,
        validators=[NAME],
        help_text=_("The dialplan context in which the numbers I dial are looked up, such as from-internal."),
    )

    class RingTone(models.TextChoices):
        """What the page plays while somebody calls."""

        NONE = "", _("No sound")
        SOFT = "soft", _("Soft")
        CLASSIC = "classic", _("Classic")
        CHIME = "chime", _("Chime")

    # What an incoming call does in the browser, beside being shown.
    ring_tone = models.CharField(
        _("ring tone"), max_length=10, choices=RingTone.choices, default=RingTone.SOFT, blank=True
    )
    notifies = models.BooleanField(_("show a desktop notification"), default=False)
    caller_link = models.CharField(
        _("link for callers"),
        max_length=300,
        blank=True,
        validators=[check_caller_link],
        help_text=_("A page about the caller, such as https://crm.example/?q={number}. {name} is their name."),
    )
    opens_caller_link = models.BooleanField(_("open that link by itself when somebody calls"), default=False)
    answers_itself = models.BooleanField(
        _("my phone answers calls from the panel by itself"),
        default=False,
        help_text=_("For phones that understand the header Call-Info with answer-after, as most desk phones do."),
    )
    # The phone that has been seen to take a call when it is told to (see `calls.answering`).
    answered_here = models.CharField(_("phone that can be answered from the panel"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return f"{self.user} ({self.extension})"

    @property
    def can_answer(self) -> bool:
        """Whether the phone takes a call when it is told to."""
        return bool(self.endpoint) and self.answered_here == self.endpoint


class DemoUser(models.Model):
    """The mark of a user whose password everybody knows (see `demo`)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="demo",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("demo user")
        verbose_name_plural = _("demo users")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)


# How often one may key in a code to prove whose a phone is.
PHONE_TRIES = 3


class SharedPhone(models.Model):
    """A phone that an administrator lets several people have, one of them at a time, as at a desk with shifts.

    The profiles say whose it is now.
    """

    pbx = models.ForeignKey(
        PBX, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("PBX")
    )
    endpoint = models.CharField(
        _("phone"),
        max_length=80,
        validators=[check_phone],
        help_text=_("The channel that rings it, such as PJSIP/101."),
    )
    name = models.CharField(_("name"), max_length=80, blank=True, help_text=_("Where it is, such as Reception."))
    extension = models.CharField(
        _("extension"),
        max_length=40,
        blank=True,
        validators=[NAME],
        help_text=_("Its number, such as 101. Empty: each keeps their own."),
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="shared_phones",
        verbose_name=_("users"),
        help_text=_("Who may take it under “My phone”. Whoever had it before then no longer has it."),
    )

    class Meta:
        verbose_name = _("shared phone")
        verbose_name_plural = _("shared phones")
        ordering = ["pbx", "endpoint"]
        constraints = [models.UniqueConstraint(fields=["pbx", "endpoint"], name="one_shared_phone_for_each_endpoint")]

    def __str__(self) -> str:
        return f"{self.name} ({self.endpoint})" if self.name else self.endpoint


class PhoneProof(models.Model):
    """A phone that a user says is theirs, and what became of the proof: the one asked for last."""

    class State(models.TextChoices):
        OPEN = "open", _("not proven yet")
        RINGING = "ringing", _("ringing")
        PROVEN = "proven", _("proven")
        WRONG = "wrong", _("the code was wrong too often")
        NO_ANSWER = "no answer", _("nobody answered")
        BUSY = "busy", _("busy, or the call was declined")
        UNREACHABLE = "unreachable", _("could not be reached")
        HUNG_UP = "hung up", _("hung up before the code was entered")
        LATE = "late", _("the code was not entered in time")
        TAKEN = "taken", _("now belongs to somebody else")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="phone_proof", verbose_name=_("user")
    )
    # What the profile is to say.
    pbx = models.ForeignKey(
        PBX, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+", verbose_name=_("PBX")
    )
    extension = models.CharField(_("extension"), max_length=40, blank=True)
    endpoint = models.CharField(_("phone"), max_length=80)
    dial_context = models.CharField(_("dial context"), max_length=80, blank=True)
    # The command that lets the phone ring, and by which its channel is known.
    command_id = models.CharField(_("command"), max_length=64, blank=True, db_index=True)
    code = models.CharField(_("code"), max_length=8, blank=True)
    tries_left = models.PositiveSmallIntegerField(_("tries left"), default=0)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.OPEN)

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.RINGING and self.until is not None and timezone.now() < self.until

    @property
    def has_failed(self) -> bool:
        """Whether a wrong code was keyed in already."""
        return self.tries_left < PHONE_TRIES

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        is_late = self.state == self.State.RINGING and not self.is_under_way
        return str(self.State.LATE.label if is_late else self.State(self.state).label)

    class Meta:
        verbose_name = _("proof of a phone")
        verbose_name_plural = _("proofs of phones")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}: {self.endpoint}"


def _check_lines(text: str, check: Callable[[str], None]) -> None:
    """Raises `ValidationError` that names each line which is not a pattern."""
    errors = []
    for pattern in rules.lines(text):
        try:
            check(pattern)
        except rules.Malformed as error:
            errors.append(ValidationError("%(pattern)s: %(why)s", params={"pattern": pattern, "why": error.args[0]}))
    if errors:
        raise ValidationError(errors)


def check_numbers(text: str) -> None:
    _check_lines(text, rules.check_number_pattern)


def check_phones(text: str) -> None:
    _check_lines(text, rules.check_phone_pattern)


def check_contexts(text: str) -> None:
    _check_lines(text, rules.check_context_pattern)


class DialPolicy(models.Model):
    """What the members of a group may dial. Users whose groups have none may dial nothing."""

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="dial_policy", verbose_name=_("group")
    )
    allowed = models.TextField(
        _("numbers allowed"),
        blank=True,
        validators=[check_numbers],
        help_text=_(
            "One dialplan pattern per line: X is any digit, Z 1–9, N 2–9, [1-5] one of these, “.” one or more of "
            "anything. Write the numbers as they are dialled, with the digit for an outside line. Just “.” allows "
            "every number; NXX allows 200–999."
        ),
    )
    refused = models.TextField(
        _("numbers refused"),
        blank=True,
        validators=[check_numbers],
        help_text=_(
            "Refused even if allowed above or by another group. “00.” and “+.” are international numbers, “0900!” "
            "premium-rate ones in Germany; with 9 for an outside line, “9-00.”. Text after a semicolon is a note."
        ),
    )
    phones = models.TextField(
        _("phones"),
        blank=True,
        validators=[check_phones],
        help_text=_(
            "What a member may have as their phone, one per line: PJSIP/101, or with wildcards PJSIP/1?? or PJSIP/*. "
            "Who owns which phone is decided separately: by an administrator, or by a code entered on the phone."
        ),
    )
    free_choice = models.BooleanField(
        _("free choice"),
        default=False,
        help_text=_("A member may enter any of these phones that belongs to nobody, without proof that it is theirs."),
    )
    contexts = models.TextField(
        _("dial contexts"),
        blank=True,
        validators=[check_contexts],
        help_text=_("The dialplan contexts a member may dial in, such as from-internal; * is any."),
    )
    caller_ids = models.TextField(
        _("caller IDs"),
        blank=True,
        validators=[check_numbers],
        help_text=_(
            "The extensions that a member may enter as theirs, and so show to those they call; patterns as above."
        ),
    )
    calls_per_minute = models.PositiveIntegerField(
        _("calls a minute"), default=rules.CALLS_PER_MINUTE, validators=[MinValueValidator(1)]
    )
    calls_per_day = models.PositiveIntegerField(
        _("calls a day"),
        default=rules.CALLS_PER_DAY,
        validators=[MinValueValidator(1)],
        help_text=_("Within 24 hours, counted for each member separately."),
    )

    class Meta:
        verbose_name = _("dial policy")
        verbose_name_plural = _("dial policies")

    def __str__(self) -> str:
        return str(self.group)

    @property
    def policy(self) -> rules.Policy:
        return rules.Policy(
            allowed=rules.lines(self.allowed),
            refused=rules.lines(self.refused),
            phones=rules.lines(self.phones),
            contexts=rules.lines(self.contexts),
            caller_ids=rules.lines(self.caller_ids),
            calls_per_minute=self.calls_per_minute,
            calls_per_day=self.calls_per_day,
            free_choice=self.free_choice,
        )
