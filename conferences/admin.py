"""Conferences and participants in the admin, to read."""

from django.contrib import admin

from pbxpanel.mirror.admin import ReadOnlyAdmin

from .models import Conference, Participant


@admin.register(Conference)
class ConferenceAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "pbx", "locked", "muted", "recording", "started_at"]


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    list_display = ["conference", "caller_number", "caller_name", "admin", "muted", "talking", "joined_at"]
    list_filter = ["pbx", "conference"]
