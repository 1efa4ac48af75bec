"""ministack, as the local cloud runs it: `python -m marla.local.services`.

Two things stand between ministack (1.5.33) and its clients.

It allows every web page to call it, with the administrator's credentials, which it does not check: any page
that a developer opens could run code through it. So requests of browsers are refused, and those that name
another host, as a page does whose name was made to point to this machine.

It listens for plain HTTP, and so tells policies that no request came over TLS: a bucket that
admits nothing else, as ours does, would admit nobody. On loopback there is no wire to listen on. So each
request is passed on as a proxy that ends TLS would pass it on, unless it says itself how it came. Both can go
when ministack has settings for them.

A third is there for tests, and does nothing until one asks for faults (`marla.local.injection`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import ministack.app

from marla.local import lifelines, workers
from marla.local.injection import WithFaults

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]
Application = Callable[[Scope, Channel, Channel], Awaitable[None]]

PROTOCOL = b"x-forwarded-proto"
BROWSERS = {b"origin", b"sec-fetch-site"}  # headers that browsers send, and no SDK does


def behind_tls(application: Application) -> Application:
    """Return the ASGI application with requests marked as come over TLS."""

    async def forward(scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] == "http" and PROTOCOL not in dict(scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], (PROTOCOL, b"https")]}
        await application(scope, receive, send)

    return forward


def without_browsers(application: Application) -> Application:
    """Return the ASGI application with requests of web pages refused."""

    async def forward(scope: Scope, receive: Channel, send: Channel) -> None:
        headers = dict(scope.get("headers", []))
        if scope["type"] == "http" and (
            BROWSERS & headers.keys() or scope["method"] == "OPTIONS" or not names_an_address(headers)
        ):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"The local cloud answers no web pages.\n"})
            return
        await application(scope, receive, send)

    return forward


def names_an_address(headers: Mapping[bytes, bytes]) -> bool:
    """Say whether a request names its host by address, or as localhost: by nothing that DNS could turn."""
    host = headers.get(b"host", b"").decode(errors="replace").rpartition(":")[0]
    if host.endswith("localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    lifelines.end_with_partner()
    workers.install()
    ministack.app.app = without_browsers(WithFaults(behind_tls(ministack.app.app)))
    ministack.app.main()
