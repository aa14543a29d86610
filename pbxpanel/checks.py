"""What `manage.py check` says of an installation, and every start of the panel."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security)
def any_host_is_allowed(**options: Any) -> list[CheckMessage]:
    """`ALLOWED_HOSTS=*` also lets the pages of every other site open the panel's WebSocket."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS is “*”: pages of any other site may open the panel's WebSocket.",
            hint="Name the hosts by which the panel is reached, such as ALLOWED_HOSTS=panel.example.org.",
            id="pbxpanel.W001",
        )
    ]
