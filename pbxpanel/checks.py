"""What `manage.py check` says of an installation, and every start of the panel."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

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


# The app that held what accounts/ and audit/ hold since: no database of an installation is older than these.
_APP_OF_BEFORE = "operators"


@register(Tags.database)
def database_is_not_from_before(databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
    """A database of before the first release is refused in a sentence: there is no way from it to this one.

    `migrate` asks for this check, and `make run` and an update begin with it.
    """
    return [
        Error(
            f"The database “{connections[alias].settings_dict['NAME']}” was made by a version of the panel from before "
            "its first release, and cannot be used any more.",
            hint="Move it away, or name an empty one in DATABASE_URL, and run `make run` (or `manage.py migrate`).",
            id="pbxpanel.E001",
        )
        for alias in databases or ()
        if _is_from_before(alias)
    ]


def _is_from_before(alias: str) -> bool:
    recorder = MigrationRecorder(connections[alias])
    return recorder.has_table() and recorder.migration_qs.filter(app=_APP_OF_BEFORE).exists()
