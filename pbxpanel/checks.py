"""What `manage.py check` says of an installation, and every start of the panel."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from .private import open_to_others


@register(Tags.security)
def any_host_is_allowed(**options: Any) -> list[CheckMessage]:
    """`ALLOWED_HOSTS=*` also lets a site whose name somebody points at the panel count as the panel itself."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS is “*”: another site whose name is pointed at the panel's address may open its WebSocket.",
            hint="Name the hosts by which the panel is reached, such as ALLOWED_HOSTS=panel.example.org.",
            id="pbxpanel.W001",
        )
    ]


@register(Tags.security)
def own_files_are_private(**options: Any) -> list[CheckMessage]:
    """Every start makes them so; of those of another user it cannot."""
    return [
        Warning(
            f"{path} can be read or written by others than its owner.",
            hint=f"It belongs to another user than the panel's: chmod go= {path}",
            id="pbxpanel.W002",
        )
        for path in open_to_others(settings.VAR_DIR, settings.DATABASES["default"])
    ]
