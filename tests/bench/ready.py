"""Sets Django up when it is imported, for modules that import models right after it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
django.setup()
