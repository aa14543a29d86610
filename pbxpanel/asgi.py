"""HTTP and WebSocket, as Daphne serves them."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  Django must be set up first
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path  # noqa: E402

from .live.consumers import LiveConsumer, TriesAgainLater  # noqa: E402
from .memory import keep_what_is_loaded  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(
            TriesAgainLater(AuthMiddlewareStack(URLRouter([path("ws/", LiveConsumer.as_asgi())])))
        ),
    }
)

keep_what_is_loaded()
