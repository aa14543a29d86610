"""Mirrored rows can be viewed in the admin, but not edited: only the PBX changes them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from . import commands
from .models import PBX

# Each word that is searched for is a condition of its own, and a database takes only so many.
_LONGEST_SEARCH = 200


class BoundedSearch(admin.ModelAdmin):
    """Searches only for the beginning of a very long text."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term[:_LONGEST_SEARCH])


class ReadOnlyAdmin(BoundedSearch):
    """Shows rows to whoever has the view permission; nobody adds, edits or deletes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PBX)
class PBXAdmin(ReadOnlyAdmin):
    list_display = ["name", "address", "link", "link_since", "round_trip", "version", "leader", "demo"]
    exclude = ["metrics"]
    actions = ["compare"]

    @admin.action(description=gettext_lazy("Compare with Asterisk now"), permissions=["view"])
    def compare(self, request: HttpRequest, pbxs: QuerySet[PBX]) -> None:
        """Run the drift check of these PBXs, and show what it found and corrected."""
        for pbx in pbxs:
            outcome = commands.check(pbx.name)
            found = outcome.text.splitlines()
            if not outcome.done:
                text = _("%(pbx)s could not be compared: there is no connection to it.") % {"pbx": pbx}
                self.message_user(request, text, messages.ERROR)
            elif not found:
                text = _("What the panel shows of %(pbx)s matches Asterisk.") % {"pbx": pbx}
                self.message_user(request, text, messages.SUCCESS)
            else:
                text = ngettext(
                    "%(count)s difference from %(pbx)s was found and corrected: %(found)s",
                    "%(count)s differences from %(pbx)s were found and corrected: %(found)s",
                    len(found),
                ) % {"count": len(found), "pbx": pbx, "found": "; ".join(found[:20])}
                self.message_user(request, text, messages.WARNING)
