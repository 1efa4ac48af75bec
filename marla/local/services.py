"""ministack, as the local cloud runs it: `python -m marla.local.services`.

ministack (1.5.33) listens for plain HTTP, and so tells policies that no request came over TLS: a bucket that
admits nothing else, as ours does, would admit nobody. On loopback there is no wire to listen on. So each
request is passed on as a proxy that ends TLS would pass it on, unless it says itself how it came. This can go
when ministack has a setting for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import ministack.app

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]
Application = Callable[[Scope, Channel, Channel], Awaitable[None]]

PROTOCOL = b"x-forwarded-proto"


def behind_tls(application: Application) -> Application:
    """Return the ASGI application with requests marked as come over TLS."""

    async def forward(scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] == "http" and PROTOCOL not in dict(scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], (PROTOCOL, b"https")]}
        await application(scope, receive, send)

    return forward


if __name__ == "__main__":
    ministack.app.app = behind_tls(ministack.app.app)
    ministack.app.main()
