"""The connection to Asterisk's port: the host's name resolves, and a server accepts connections there."""

import asyncio
import socket

from django.utils.translation import gettext_noop

from .examination import Examination
from .listening import end
from .report import Finding, Text, ok, problem


async def name(examination: Examination) -> Finding:
    """Does the host's name resolve?"""
    host = examination.address.host
    try:
        async with asyncio.timeout(examination.patience):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, examination.address.port, type=socket.SOCK_STREAM
            )
    except (socket.gaierror, UnicodeError, TimeoutError):
        return problem(
            Text(gettext_noop("The name %(host)s cannot be resolved."), host=host),
            advice=[
                Text(gettext_noop("Check AMI_URL for a typing error, check the panel's DNS, or write the IP address."))
            ],
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    return ok(
        Text(gettext_noop("%(host)s is %(addresses)s."), host=host, addresses=", ".join(addresses)), addresses=addresses
    )


async def port(examination: Examination) -> Finding:
    """Does a server accept connections there?"""
    address, where = examination.address, examination.where
    try:
        async with asyncio.timeout(examination.patience):
            _reader, writer = await asyncio.open_connection(address.host, address.port)
    except OSError as error:
        return _not_taken(examination, error)
    examination.source = str(writer.get_extra_info("sockname")[0])
    peer = str(writer.get_extra_info("peername")[0])
    await end(writer)
    return ok(
        Text(
            gettext_noop("%(where)s accepts our connection, which comes from %(source)s."),
            where=where,
            source=examination.source,
        ),
        source=examination.source,
        peer=peer,
    )


def _not_taken(examination: Examination, error: OSError) -> Finding:
    """Finding of a port to which no connection could be made, by the error."""
    where = examination.where
    if isinstance(error, ConnectionRefusedError):
        return problem(
            Text(gettext_noop("%(where)s refuses the connection: nothing is listening there."), where=where),
            advice=[
                Text(
                    gettext_noop(
                        "Is Asterisk running? “manager show settings” on its console says whether AMI is enabled, "
                        "and where."
                    )
                ),
                Text(
                    gettext_noop(
                        "In [general] of manager.conf: enabled = yes, port, and bindaddr (127.0.0.1 answers that "
                        "machine alone; 0.0.0.0 answers all). For TLS: tlsenable and tlsbindaddr. Then “manager "
                        "reload”."
                    )
                ),
            ],
        )
    if isinstance(error, TimeoutError):
        return problem(
            Text(
                gettext_noop("%(where)s does not answer within %(seconds)s s."),
                where=where,
                seconds=f"{examination.patience:g}",
            ),
            advice=[
                Text(
                    gettext_noop(
                        "A firewall drops the connection, or there is no such machine: check the rules of both, and "
                        "of firewalls between them, for TCP port %(port)s."
                    ),
                    port=examination.address.port,
                )
            ],
        )
    return problem(
        Text(gettext_noop("No connection to %(where)s: %(reason)s."), where=where, reason=error.strerror or error),
        advice=[Text(gettext_noop("Check the network between the panel and the PBX: routes, VPN, addresses."))],
    )
