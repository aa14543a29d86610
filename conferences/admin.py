"""Conferences and participants in the admin, to read; and the rooms that are planned."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.identity import user_of
from engine.mirror.admin import ReadOnlyAdmin

from .models import Conference, Participant
from .records.models import Attendance, ConferenceRecord
from .rooms.forms import RoomForm
from .rooms.models import Room


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


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    list_display = ["__str__", "pbx", "lecture", "record", "lock_after", "planned_by"]
    list_filter = ["pbx"]
    search_fields = ["number", "name"]
    form = RoomForm

    def save_model(self, request: HttpRequest, obj: Room, form: object, change: bool) -> None:
        """Whoever saves it is its planner: the groups are called in by their dial policy."""
        obj.planned_by = user_of(request)
        super().save_model(request, obj, form, change)
