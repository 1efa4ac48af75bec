"""The console's API, in JSON: what its pages ask for, each answered by the module that knows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response, request
from werkzeug.http import generate_etag

from ..stack import Stack
from . import browsing, checking, jobs, listing, reading, starting
from .answers import Refused
from .executions import Clock, Executions, Watched
from .names import checked
from .tasks import Tasks

LARGEST_PAGE = 500


def blueprint(stack: Stack, executions: Executions, clock: Clock) -> Blueprint:
    """Return the API over a stack's executions."""
    api = Blueprint("api", __name__, url_prefix="/api")

    def watched(name: str) -> Watched:
        return executions.find(checked(name))

    # ---- the cloud ----------------------------------------------------------------------------------------

    @api.get("/cloud")
    def cloud() -> Response:
        return jsonify(current_app.config["CLOUD"])

    @api.get("/jobs")
    def all_jobs() -> Response:
        return _tagged(jsonify(jobs.all_jobs()))

    @api.get("/buckets")
    def buckets() -> Response:
        return jsonify(browsing.buckets(stack))

    @api.get("/objects")
    def objects() -> Response:
        given = request.args
        page = browsing.objects(
            stack, given.get("bucket", ""), given.get("prefix", ""), given.get("next", "")
        )
        return jsonify(page)

    # ---- executions ---------------------------------------------------------------------------------------

    @api.get("/executions")
    def all_executions() -> Response:
        given = request.args
        return jsonify(listing.page(stack, given.get("status", ""), given.get("next", ""), clock()))

    @api.get("/executions/<name>")
    def execution(name: str) -> Response:
        return _tagged(jsonify(watched(name).look().summary))

    @api.get("/executions/<name>/graph.svg")
    def graph(name: str) -> Response:
        response = make_response(watched(name).picture())
        response.mimetype = "image/svg+xml"
        return _tagged(response)

    @api.get("/executions/<name>/events")
    def events(name: str) -> Response:
        page = watched(name).page_of_events(
            _number("after", None),
            _size("limit", 100),
            newest_first=_choice("order", "asc", "desc") == "desc",
        )
        return jsonify(page)

    @api.get("/executions/<name>/tasks")
    def tasks(name: str) -> Response:
        page = Tasks.of(watched(name)).page(
            _number("phase", None),
            _choice("status", "all", "failed", "running", "done"),
            _number("page", 0) or 0,
            _size("size", 50),
        )
        return jsonify(page)

    @api.get("/executions/<name>/tasks/<task>")
    def task(name: str, task: str) -> Response:
        return jsonify(Tasks.of(watched(name)).detail(task))

    @api.get("/executions/<name>/explanation")
    def explanation(name: str) -> Response:
        return jsonify(reading.explanation(watched(name)))

    @api.get("/executions/<name>/result")
    def result(name: str) -> Response:
        return jsonify(reading.result(watched(name), _size("rows", 20)))

    @api.get("/executions/<name>/totals")
    def totals(name: str) -> Response:
        found = watched(name)
        Tasks.of(found).look()  # so that totals of what was deleted are not shown
        return jsonify(reading.totals(found))

    # ---- what changes something ---------------------------------------------------------------------------

    @api.post("/check")
    def check() -> Response:
        body = _body()
        name = starting.problem_of_name(body.get("name"))
        return jsonify({"problems": _problems(stack, _document(body)) + ([name] if name else [])})

    @api.post("/executions")
    def start() -> Any:
        body = _body()
        document = _document(body)
        _check(stack, document)
        return _started(starting.start(stack, document, body.get("name"))), 201

    @api.post("/executions/<name>/stop")
    def stop(name: str) -> Response:
        starting.stop(stack, _now(watched(name)))
        return jsonify({})

    @api.post("/executions/<name>/resume")
    def go_on(name: str) -> Any:
        before = _now(watched(name))
        document = starting.resumption(stack, before, _body() if request.get_data() else {})
        _check(stack, document)
        return _started(starting.go_on(stack, before, document)), 201

    @api.delete("/executions/<name>")
    def delete(name: str) -> Response:
        keep = _choice("keepResult", "0", "1") == "1"
        found = watched(name)
        try:
            removed = starting.delete(stack, _now(found), keep_result=keep)
        finally:  # an error may come after some objects were deleted
            executions.forget(found.before.job)
        return jsonify(removed)

    return api


def _now(watched: Watched) -> Any:
    watched.look()
    return watched.now


def _started(name: str) -> Response:
    return jsonify({"name": name, "url": f"/executions/{name}"})


def _problems(stack: Stack, document: Any) -> list[checking.Problem]:
    machine = stack.sfn.describe_state_machine(stateMachineArn=stack.state_machine)
    return checking.problems(stack, machine["definition"], document)


def _check(stack: Stack, document: Any) -> None:
    if problems := _problems(stack, document):
        raise Refused(400, problems[0]["message"], field=problems[0]["field"], problems=problems)


# ---- requests ---------------------------------------------------------------------------------------------


def _body() -> dict[str, Any]:
    try:
        body = request.get_json(force=True)
    except RecursionError as error:
        raise Refused(400, "The document is nested too deep") from error
    if not isinstance(body, dict):
        raise Refused(
            400, 'Give an object, such as {"document": {"job": "wordcount", "input": "s3://bucket/"}}'
        )
    return body


def _document(body: dict[str, Any]) -> Any:
    if "document" not in body:
        raise Refused(400, "document: got nothing; give an execution's input", field="document")
    return body["document"]


def _number(name: str, default: int | None) -> int | None:
    text = request.args.get(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(400, f"{name}: got {text[:50]!r}; give a whole number from 0 on", field=name)
    return int(text)


def _size(name: str, default: int) -> int:
    size = _number(name, default)
    if size is None or not 1 <= size <= LARGEST_PAGE:
        raise Refused(400, f"{name}: got {size}; give a whole number from 1 to {LARGEST_PAGE}", field=name)
    return size


def _choice(name: str, *choices: str) -> str:
    given = request.args.get(name, choices[0])
    if given not in choices:
        raise Refused(400, f"{name}: got {given[:50]!r}; give one of {', '.join(choices)}", field=name)
    return given


def _tagged(response: Response) -> Response:
    """Answer 304 to who has the same already."""
    response.set_etag(generate_etag(response.get_data()))
    response.make_conditional(request)
    return response
