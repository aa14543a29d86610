"""Extensions, devices, presences and mailboxes in the admin, to read."""

from django.contrib import admin

from engine.mirror.admin import ReadOnlyAdmin

from .models import Device, Extension, Mailbox, Presence


@admin.register(Extension)
class ExtensionAdmin(ReadOnlyAdmin):
    list_display = ["extension", "context", "hint", "text"]
    list_filter = ["pbx", "context"]
    search_fields = ["extension", "hint"]


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = ["name", "state"]
    list_filter = ["pbx", "state"]
    search_fields = ["name"]


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    list_display = ["presentity", "state", "subtype", "message"]
    list_filter = ["pbx", "state"]
    search_fields = ["presentity", "message"]


@admin.register(Mailbox)
class MailboxAdmin(ReadOnlyAdmin):
    list_display = ["number", "context", "new", "old"]
    list_filter = ["pbx", "context"]
    search_fields = ["number"]
