"""A channel: one leg of a call. The channels with one linkedid are one call (see `calls.call`)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pbxpanel.mirror.models import Mirrored, Subject
from pbxpanel.mirror.registry import mirrored
from pbxpanel.mirror.text import shown


@mirrored
class Channel(Mirrored):
    """A live channel as Asterisk describes it; the fields are those of its channel snapshots.

    See "Newchannel" and "CoreShowChannel" among Asterisk's AMI events.
    """

    indexed_fields = ("bridge",)
    compared_fields = (
        "linkedid",
        "name",
        "state",
        "caller_number",
        "caller_name",
        "connected_number",
        "connected_name",
        "account_code",
        "bridge",
    )

    uniqueid = models.CharField(_("unique id"), max_length=150)
    linkedid = models.CharField(_("linked id"), max_length=150)
    name = models.CharField(_("name"), max_length=150)
    endpoint = models.CharField(_("endpoint"), max_length=150, blank=True)
    state = models.CharField(_("state"), max_length=32, blank=True)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    connected_number = models.CharField(_("connected number"), max_length=150, blank=True)
    connected_name = models.CharField(_("connected name"), max_length=150, blank=True)
    account_code = models.CharField(_("account code"), max_length=150, blank=True)
    context = models.CharField(_("context"), max_length=150, blank=True)
    extension = models.CharField(_("extension"), max_length=150, blank=True)
    application = models.CharField(_("application"), max_length=150, blank=True)
    application_data = models.CharField(_("application data"), max_length=150, blank=True)
    bridge = models.CharField(_("bridge"), max_length=150, blank=True)
    on_hold = models.BooleanField(_("on hold"), default=False)
    created_at = models.DateTimeField(_("since"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["created_at", "uniqueid"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_channel_for_each_uniqueid")]
        indexes = [
            models.Index(fields=["pbx", "linkedid"], name="channel_of_call"),
            models.Index(fields=["endpoint"], name="channel_of_endpoint"),
            models.Index(fields=["state"], name="channel_in_state"),
        ]
        permissions = [
            ("see_calls", _("Can see calls")),
            ("originate", _("Can place calls")),
            ("hangup_own", _("Can hang up own calls")),
            ("hangup_any", _("Can hang up any call")),
        ]

    def __str__(self) -> str:
        return shown(self.name)

    def subjects(self) -> set[Subject]:
        return {("call", self.linkedid)}

    @property
    def is_local(self) -> bool:
        """Whether this is half of a Local channel, which stands for no telephone."""
        return self.name.startswith("Local/")

    @property
    def is_up(self) -> bool:
        return self.state == "Up"

    @property
    def is_ringing(self) -> bool:
        return self.state in ("Ringing", "Ring", "Dialing", "Dialing Offhook", "Pre-ring")


def endpoint_of(channel: str) -> str:
    """The name of a channel → the endpoint it belongs to: `PJSIP/101-0000002a` → `PJSIP/101`; none for Local."""
    if channel.startswith("Local/"):
        return ""
    endpoint, _separator, _serial = channel.rpartition("-")
    return endpoint
