"""The app of Django's administration, with the panel's own rule of who may open it."""

from django.contrib.admin.apps import AdminConfig


class PanelAdminConfig(AdminConfig):
    default_site = "accounts.site.PanelAdminSite"
