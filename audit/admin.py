"""The audit trail in the admin, to read."""

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from engine.mirror.admin import ReadOnlyAdmin

from .models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "username", "pbx", "what", "beginning", "outcome", "words"]
    list_filter = ["verb", "status"]
    search_fields = ["username", "via", "subject"]
    fields = ["at", "username", "via", "pbx", "what", "subject", "outcome", "words"]
    readonly_fields = ["what", "outcome", "words"]

    @admin.display(description=_("target"), ordering="subject")
    def beginning(self, entry: AuditEntry) -> str:
        return Truncator(entry.subject).chars(200)

    @admin.display(description=_("action"), ordering="verb")
    def what(self, entry: AuditEntry) -> str:
        return entry.what

    @admin.display(description=_("outcome"), ordering="status")
    def outcome(self, entry: AuditEntry) -> str:
        return entry.outcome

    @admin.display(description=_("answer"), ordering="answer")
    def words(self, entry: AuditEntry) -> str:
        return entry.answer_in_words
