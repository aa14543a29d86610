"""Channels in the admin, to read."""

from django.contrib import admin

from pbxpanel.mirror.admin import ReadOnlyAdmin

from .models import Channel


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "state", "caller_number", "caller_name", "extension", "application", "created_at"]
    list_filter = ["pbx", "state"]
    search_fields = ["name", "caller_number", "caller_name"]
