from django.apps import AppConfig


class MirrorConfig(AppConfig):
    name = "pbxpanel.mirror"
    label = "mirror"
    verbose_name = "PBX"
