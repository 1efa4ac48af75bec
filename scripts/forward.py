"""Forward connections: python forward.py HOST PORT. What comes to HOST:PORT goes to 127.0.0.1:PORT.

For containers of `sam local invoke`, which see this machine only at their bridge's address, where the local
cloud does not listen. Run it for as long as they run: HOST is the bridge's, which only containers reach.
"""

from __future__ import annotations

import asyncio
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction of a connection to its end."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(host: str, port: int) -> None:
    """Forward until killed."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(forward, host, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
