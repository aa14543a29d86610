"""The rules for the CLI in the admin."""

from django import forms
from django.contrib import admin
from django.db import models

from accounts.confirmation import ConfirmedAdmin
from engine.mirror.admin import BoundedSearch

from .cli.models import CliRules


@admin.register(CliRules)
class CliRulesAdmin(ConfirmedAdmin, BoundedSearch):
    list_display = ["group", "allowed", "refused"]
    search_fields = ["group__name", "allowed"]
    formfield_overrides = {models.TextField: {"widget": forms.Textarea({"rows": 8, "cols": 50, "spellcheck": "false"})}}
