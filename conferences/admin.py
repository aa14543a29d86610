"""Conferences and participants in the admin, to read."""

from django.contrib import admin

from pbxpanel.mirror.admin import ReadOnlyAdmin

from .models import Attendance, Conference, ConferenceRecord, Participant


@admin.register(Conference)
class ConferenceAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "pbx", "locked", "muted", "recording", "started_at"]


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    list_display = ["conference", "caller_number", "caller_name", "admin", "muted", "talking", "joined_at"]
    list_filter = ["pbx", "conference"]


@admin.register(ConferenceRecord)
class ConferenceRecordAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "pbx", "started_at", "ended_at", "peak"]
    list_filter = ["pbx"]
    search_fields = ["name"]


@admin.register(Attendance)
class AttendanceAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "pbx", "record", "caller_number", "joined_at", "left_at", "talked"]
    list_filter = ["pbx"]
    search_fields = ["caller_name", "caller_number", "record"]
