"""What an error page of development shows: everything but secrets."""

import re

from django.views.debug import SafeExceptionReporterFilter


class NoSecrets(SafeExceptionReporterFilter):
    """Hides the settings that hold a URL's password or secret, besides those that Django hides by their names."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|AMI_ADDRESSES|CHANNEL_LAYERS|DATABASES", re.IGNORECASE
    )
