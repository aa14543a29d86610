"""`manage.py serve`: one web process, of as many as one likes; workers hold the links to the PBXs (`amiworker`)."""

from pbxpanel.serving import Server  # isort: skip  it installs Twisted's reactor, so it comes first

from argparse import ArgumentParser
from typing import Any

from channels.routing import get_default_application
from daphne.endpoints import build_endpoint_description_strings
from django.core.management import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Serve pages and sockets, as one of several web processes: Daphne, with limits on what is read of a request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--unix-socket", default="", metavar="PATH", help="listen on this socket instead")
        parser.add_argument(
            "--proxy-headers",
            action="store_true",
            help="believe X-Forwarded-For, -Port and -Proto, which a proxy must set",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        where: dict[str, Any] = {"host": options["host"], "port": options["port"]}
        if options["unix_socket"]:
            where = {"unix_socket": options["unix_socket"]}
        proxy: dict[str, str] = {}
        if options["proxy_headers"]:
            proxy = {
                "proxy_forwarded_address_header": "X-Forwarded-For",
                "proxy_forwarded_port_header": "X-Forwarded-Port",
                "proxy_forwarded_proto_header": "X-Forwarded-Proto",
            }
        endpoints = build_endpoint_description_strings(**where)
        server = Server(application=get_default_application(), endpoints=endpoints, **proxy)
        server.run()
        if server.abort_start:
            raise CommandError("Nothing is served: the address cannot be listened on. Is it in use?")
