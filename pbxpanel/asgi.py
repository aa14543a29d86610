"""HTTP and WebSocket, as Daphne serves them."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  Django must be set up first
from channels.sessions import CookieMiddleware  # noqa: E402
from django.urls import path  # noqa: E402

from engine.gc_tuning import keep_what_is_loaded  # noqa: E402
from engine.live.consumers import LiveConsumer  # noqa: E402
from engine.live.origin import OwnOriginOnly  # noqa: E402
from system.events.consumers import EventsConsumer  # noqa: E402
from web.static_files import StaticFilesFirst  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": StaticFilesFirst(django_application),
        "websocket": OwnOriginOnly(
            # The consumer itself looks up the user: by a session's cookie, again and again.
            CookieMiddleware(
                URLRouter([path("ws/", LiveConsumer.as_asgi()), path("ws/events/", EventsConsumer.as_asgi())])
            )
        ),
    }
)

keep_what_is_loaded()
