"""Channels in the admin, to read."""

from django.contrib import admin

from engine.mirror.admin import ReadOnlyAdmin

from .models import Bridge, Channel, ParkedCall


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "state", "caller_number", "caller_name", "extension", "application", "created_at"]
    list_filter = ["pbx", "state"]
    search_fields = ["name", "caller_number", "caller_name"]


@admin.register(Bridge)
class BridgeAdmin(ReadOnlyAdmin):
    list_display = ["uniqueid", "kind", "technology", "creator", "name"]
    list_filter = ["pbx", "kind"]


@admin.register(ParkedCall)
class ParkedCallAdmin(ReadOnlyAdmin):
    list_display = ["space", "lot", "uniqueid", "parked_by", "parked_at"]
    list_filter = ["pbx", "lot"]
