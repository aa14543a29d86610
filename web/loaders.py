"""Loads templates without the indentation of their lines, which is for who reads them."""

import re

from django.template import Origin
from django.template.loaders import filesystem

_INDENTATION = re.compile(r"\n[ \t]+")


class Loader(filesystem.Loader):
    """Live fragments are sent to every browser: the indentation of a card would be a quarter of it.

    What stands inside <pre> and <textarea> begins at the start of the line in the templates, and a text to translate is
    one line, so neither changes.
    """

    def get_contents(self, origin: Origin) -> str:
        return _INDENTATION.sub("\n", super().get_contents(origin))
