"""What an error page of development shows, everything but secrets; and what the log says of a refusal."""

import logging
import re

from django.views.debug import SafeExceptionReporterFilter


class NoSecrets(SafeExceptionReporterFilter):
    """Hides the settings that hold a URL's password or secret, besides those that Django hides by their names."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|AMI_ADDRESSES|CHANNEL_LAYERS|DATABASES", re.IGNORECASE
    )


class RefusalsInOneLine(logging.Filter):
    """Somebody who may not do something is no fault of ours: the log names the page, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", None) == 403:
            record.exc_info = None
        return True
