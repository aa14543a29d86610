"""`python -m engine.demo`: run the demo PBX by itself, for playing by hand. It prints its AMI_URL."""

import argparse
import asyncio
import contextlib
import sys

from .server import DemoPbx


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (any free one)")
    parser.add_argument("--seed", type=int, default=None, help="the same seed gives the same course of things")
    parser.add_argument("--quiet", action="store_true", help="nothing happens but what is asked for")
    parser.add_argument("--hours", type=float, default=8.0, help="end after so long (8)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    pbx = DemoPbx(options.seed, lively=not options.quiet)
    address = await pbx.start(options.port)
    sys.stdout.write(f"AMI_URL=ami://{address.username}:{address.secret}@{address.host}:{address.port}\n")
    sys.stdout.flush()
    try:
        await asyncio.sleep(options.hours * 3600)
    finally:
        await pbx.stop()


if __name__ == "__main__":
    main()
