"""What people may do on the system pages: one permission for looking at each, and one for changing something there.

And which commands of Asterisk's CLI.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Access(models.Model):
    """Has no rows: it is what the permissions belong to."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("access to the system pages")
        permissions = (
            ("see_pbx", "Can see how a PBX is"),
            ("use_cli", "Can use the CLI commands that their groups allow"),
            ("see_astdb", "Can browse the AstDB"),
            ("see_config", "Can read Asterisk's configuration"),
            ("see_variables", "Can read variables"),
            ("see_states", "Can see extension states, presence and hints"),
            ("record_calls", "Can record calls"),
            ("see_events", "Can watch the stream of AMI events"),
            ("send_actions", "Can send any AMI action"),
            ("use_doctor", "Can have a connection examined"),
        )


# Django finds the models of an app here.
from .astdb import models as _astdb  # noqa: E402,F401
from .cli import models as _cli  # noqa: E402,F401
