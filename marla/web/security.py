"""Who may ask the console for something: whoever has the secret of the URL that it printed, in a browser.

It listens on loopback only, but other users of the machine reach that too, and so does every page that the
user's browser shows. So each request needs the session's cookie; its Host must be loopback's, or a name that
was pointed at 127.0.0.1 would count as the same origin (DNS rebinding); and what changes something needs a
header that no other origin may send (CSRF).

A browser sends a host's cookies to all of its ports (RFC 6265, 8.5), and so to whatever else listens on
loopback. The URL that is printed has a name of its own under localhost (RFC 6761, 6.3), which nobody else can
guess, nor lead the browser to.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from .answers import API, Refused

HOSTS = ("127.0.0.1", "localhost")  # for browsers that do not know that names under localhost are loopback's
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OPEN_URL = "Open the URL that `marla console` has printed: it holds this session's secret."
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The report says itself which scripts and styles are its own. Sandboxed, it has an origin of its own, and so
# neither the cookie nor any answer of the console.
REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups allow-modals; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def own_host(secret: str) -> str:
    """Return the name on loopback of the console that has a secret; it tells nothing of the secret."""
    return f"marla-{hashlib.sha256(secret.encode()).hexdigest()[:20]}.localhost"


def install(app: Flask, secret: str) -> None:
    """Have an app serve only who has the secret."""
    hosts = (own_host(secret), *HOSTS)

    def guard() -> AnyResponse | None:
        port = request.environ["SERVER_PORT"]
        addresses = [f"{host}:{port}" for host in hosts]
        _check_host(addresses)
        _check_origin(addresses)
        if request.path == "/" and "token" in request.args:
            return _session(secret, port, request.args["token"])
        if request.endpoint != "static":  # our own stylesheet, which the refusal needs too
            _check_session(secret, port)
        return None

    def finish(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-cache" if response.get_etag()[0] else "no-store")
        return response

    app.before_request(guard)
    app.after_request(finish)


def cookie_name(port: str) -> str:
    """Return the cookie's name: at 127.0.0.1 all consoles have one host, and so each a cookie of its own."""
    return f"marla-console-{port}"


def _check_host(addresses: list[str]) -> None:
    if request.headers.get("Host", "") not in addresses:
        raise Refused(403, f"The console answers only to its own address. {OPEN_URL}")


def _check_origin(addresses: list[str]) -> None:
    """Refuse what another site makes the browser send."""
    origin = request.headers.get("Origin")
    own = [f"http://{address}" for address in addresses]
    is_own = origin is None or (origin in own and urlsplit(origin).netloc == request.headers["Host"])
    if request.method not in SAFE_METHODS and not (is_own and request.headers.get("X-Marla") == "1"):
        raise Refused(403, "What changes something has to come from the console's own page.")
    elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if request.path.startswith(API) and (elsewhere or not is_own):
        raise Refused(403, "The console answers only to its own page.")


def _session(secret: str, port: str, token: str) -> AnyResponse:
    """Take the secret out of the address, where history and other eyes would find it."""
    if not _is(secret, token):
        raise Refused(403, f"The secret in the address is none of this session. {OPEN_URL}")
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        # From a file, as `command` has it, a browser does not send the cookie along a redirection.
        response = make_response("", {"Refresh": "0; url=/"})
    else:
        response = make_response(redirect("/"))
    response.set_cookie(cookie_name(port), secret, httponly=True, samesite="Strict")
    return response


def _check_session(secret: str, port: str) -> None:
    if not _is(secret, request.cookies.get(cookie_name(port), "")):
        raise Refused(403, OPEN_URL)


def _is(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode())
