"""Faults, carried out: a layer around the local cloud's services that does to requests what schedules say.

    PUT    /_marla/faults/NAME   {"seed": 1, "rules": [{"fault": "throttle", "match": {"key": "^jobs/"}}]}
    GET    /_marla/faults        how often each fault was injected, by schedule
    DELETE /_marla/faults/NAME   ends a schedule, and tells the same of it; without /NAME: ends all

A schedule begins anew when it is put again. Where several have something for a request, the first that was
put has it. Without any, requests pass as they come. `marla.local.faults` has the rules.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from hypercorn.protocol.http_stream import ASGIHTTPState

from marla.local.dooms import Doom, doom, make_workers_mortal
from marla.local.faults import Fault, Schedule
from marla.local.requests import Request, request_of, service_of

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]
Application = Callable[[Scope, Channel, Channel], Awaitable[None]]

CONTROL = re.compile(r"/_marla/faults(?:/([\w.-]+))?")
DRIPS = 16  # pieces of a body that comes slowly
REFUSALS = {
    ("s3", "throttle"): (503, "SlowDown", "Please reduce your request rate."),
    ("s3", "error"): (500, "InternalError", "We encountered an internal error. Please try again."),
    ("lambda", "throttle"): (429, "TooManyRequestsException", "Rate Exceeded."),
    ("lambda", "error"): (500, "ServiceException", "Service error."),
}


class Answer(NamedTuple):
    """A response: the ASGI message that begins it, and all of its body."""

    start: dict[str, Any]
    body: bytes


class WithFaults:
    """The ASGI application with faults, as long as there is a schedule of them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._schedules: dict[str, Schedule] = {}
        self._late: set[asyncio.Task[Answer]] = set()  # what runs on when its answer is of no use

    async def __call__(self, scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif control := CONTROL.fullmatch(scope["path"]):
            await _send(send, await self._control(scope["method"], control[1], receive))
        elif self._schedules and service_of(dict(scope["headers"])) in {"s3", "lambda"}:
            await self._pass(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    # ---- schedules ------------------------------------------------------------------------------------

    async def _control(self, method: str, name: str | None, receive: Channel) -> Answer:
        if method == "PUT" and name:
            try:
                schedule = Schedule(json.loads(await _read(receive)))
            except ValueError as error:
                return _json(400, {"error": str(error)})
            if schedule.kills:
                make_workers_mortal()
            self._schedules.pop(name, None)
            self._schedules[name] = schedule
            return _json(200, _told(schedule))
        if method not in {"GET", "DELETE"}:
            return _json(405, {"error": f"{method}: PUT a schedule by a name; GET or DELETE one, or all"})
        chosen = {one: self._schedules[one] for one in self._schedules if name in {None, one}}
        if name and not chosen:
            return _json(404, {"error": f"{name}: no such schedule; there are {', '.join(self._schedules)}"})
        if method == "DELETE":
            for one in chosen:
                del self._schedules[one]
        told = {one: _told(schedule) for one, schedule in chosen.items()}
        return _json(200, told[name] if name else told)

    # ---- requests -------------------------------------------------------------------------------------

    async def _pass(self, scope: Scope, receive: Channel, send: Channel) -> None:
        headers = dict(scope["headers"])
        payload = b""
        if service_of(headers) == "lambda":
            payload = await _read(receive)
            receive = _again(payload, receive)
        query = scope.get("query_string", b"").decode("latin-1")
        request = request_of(scope["method"], scope["path"], query, headers, payload)
        if request:
            for schedule in self._schedules.values():
                if fault := schedule.draw(request):
                    if await self._inject(fault, request, scope, receive, send):
                        schedule.injected[fault.kind] += 1
                    return
        await self._application(scope, receive, send)

    async def _inject(
        self, fault: Fault, request: Request, scope: Scope, receive: Channel, send: Channel
    ) -> bool:
        """Do to a request what it is to suffer; return whether it did."""
        match fault.kind:
            case "throttle" | "error":
                await _read(receive)
                await _send(send, _refusal(request, fault.kind))
            case "break" if fault.when == "before":
                _hang_up(send)
            case "delay" if fault.when == "before":
                await asyncio.sleep(fault.seconds)
                await self._application(scope, receive, send)
            case "kill":
                fate = Doom(fault.seconds)
                doom.set(fate)  # for this request only, which has a context of its own
                await self._application(scope, receive, send)
                return fate.killed
            case "duplicate":
                await _send(send, await self._first_of_two(fault, scope, await _read(receive)))
            case "corrupt" if request.operation != "GetObject":
                receive = _again(_flipped(await _read(receive), fault), receive)
                await self._application(scope, receive, send)
            case _:
                return await _spoil(fault, await self._answer(scope, receive), send)
        return True

    async def _answer(self, scope: Scope, receive: Channel) -> Answer:
        messages: list[dict[str, Any]] = []

        async def collect(message: dict[str, Any]) -> None:
            messages.append(message)

        await self._application({**scope}, receive, collect)
        return Answer(messages[0], b"".join(message.get("body", b"") for message in messages[1:]))

    async def _first_of_two(self, fault: Fault, scope: Scope, payload: bytes) -> Answer:
        async def second() -> Answer:
            await asyncio.sleep(fault.seconds)
            return await self._answer(scope, _again(payload, _never))

        runs = {asyncio.create_task(self._answer(scope, _again(payload, _never)))}
        runs.add(asyncio.create_task(second()))
        done, late = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        self._late |= late
        for run in late:
            run.add_done_callback(self._late.discard)
        return done.pop().result()


async def _spoil(fault: Fault, answer: Answer, send: Channel) -> bool:
    """Send an answer, or a part of it; return whether there was anything to spoil."""
    match fault.kind:
        case "break":
            _hang_up(send)
        case "truncate" if answer.body:
            await send(answer.start)
            part = answer.body[: int(fault.where * len(answer.body))]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            # The server closes the connection, as this is not what Content-Length says.
        case "truncate":
            _hang_up(send)
        case "slow" if answer.body:
            await send(answer.start)
            size = -(-len(answer.body) // DRIPS)
            for start in range(0, len(answer.body), size):
                await asyncio.sleep(fault.seconds / DRIPS)
                part = answer.body[start : start + size]
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        case "corrupt":
            hits = answer.start["status"] in {200, 206} and bool(answer.body)
            await _send(send, Answer(answer.start, _flipped(answer.body, fault)) if hits else answer)
            return hits
        case _:  # a delay, or an answer without a body that is slow
            await asyncio.sleep(fault.seconds)
            await _send(send, answer)
    return True


def _hang_up(send: Channel) -> None:
    """Let the server close the connection without an answer, when the application returns.

    ASGI has no word for that; hypercorn would answer 500 for an application that says nothing.
    """
    send.__self__.state = ASGIHTTPState.CLOSED  # type: ignore[attr-defined]


def _flipped(body: bytes, fault: Fault) -> bytes:
    if not body:
        return body
    flipped = bytearray(body)
    flipped[int(fault.where * len(body))] ^= 1 << int(fault.where * 8191) % 8
    return bytes(flipped)


def _refusal(request: Request, kind: str) -> Answer:
    status, code, message = REFUSALS[request.service, kind]
    if request.service == "lambda":
        answer = _json(status, {"__type": code, "Type": "User", "message": message})
        answer.start["headers"].append((b"x-amzn-errortype", code.encode()))
        return answer
    text = f"<Code>{code}</Code><Message>{message}</Message><RequestId>{uuid.uuid4()}</RequestId>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{text}</Error>'
    return _of_type("application/xml", status, body.encode())


def _json(status: int, document: Any) -> Answer:
    return _of_type("application/json", status, json.dumps(document).encode() + b"\n")


def _of_type(content_type: str, status: int, body: bytes) -> Answer:
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    return Answer({"type": "http.response.start", "status": status, "headers": headers}, body)


def _told(schedule: Schedule) -> dict[str, Any]:
    return {"seed": schedule.seed, "rules": len(schedule.rules), "injected": dict(schedule.injected)}


async def _send(send: Channel, answer: Answer) -> None:
    await send(answer.start)
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _read(receive: Channel) -> bytes:
    """Return the body of a request; what came of it, if the client has gone."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, then: Channel) -> Channel:
    """Return a channel on which a body that was read comes again, all at once."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return waiting.pop() if waiting else await then()

    return receive


async def _never() -> Any:
    await asyncio.Event().wait()
