from django.apps import AppConfig


class MirrorConfig(AppConfig):
    name = "engine.mirror"
    label = "mirror"
    verbose_name = "PBX"
