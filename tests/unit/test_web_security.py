"""Who may ask the console for something, and what no other site can make a browser send to it."""

from __future__ import annotations

import pytest

from marla.web.security import own_host
from tests.unit.console_cloud import BASE, SECRET, Console

PAGES = ["/", "/new", "/executions/job", "/executions/job/report"]
CALLS = ["/api/cloud", "/api/executions", "/api/executions/job", "/api/jobs", "/api/nothing"]
CHANGES = [
    ("POST", "/api/check"),
    ("POST", "/api/executions"),
    ("POST", "/api/executions/job/stop"),
    ("POST", "/api/executions/job/resume"),
    ("DELETE", "/api/executions/job"),
]


@pytest.fixture
def console() -> Console:
    console = Console()
    console.states.add("job")
    return console


def test_the_printed_url_opens_the_console_and_leaves_no_secret_in_the_address(console: Console) -> None:
    answer = console.stranger().get(f"/?token={SECRET}", base_url=BASE)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert console.get("/").status_code == 200


def test_from_a_file_it_is_opened_without_a_redirection_which_would_lose_the_cookie(console: Console) -> None:
    browser = console.stranger()
    answer = browser.get(f"/?token={SECRET}", base_url=BASE, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["Refresh"], answer.text) == (200, "0; url=/", "")
    assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    assert browser.get("/", base_url=BASE).status_code == 200


@pytest.mark.parametrize("path", [*PAGES, *CALLS])
def test_without_the_cookie_nothing_is_served(console: Console, path: str) -> None:
    answer = console.stranger().get(path, base_url=BASE)
    assert answer.status_code == 403
    assert "Open the URL that `marla console` has printed" in answer.text.replace("&#39;", "'")
    assert console.states.calls.total() == 0


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], f"{SECRET}x", "ü"])
def test_a_wrong_secret_opens_nothing(console: Console, token: str) -> None:
    browser = console.stranger()
    answer = browser.get("/", query_string={"token": token}, base_url=BASE)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert browser.get("/api/cloud", base_url=BASE).status_code == 403


@pytest.mark.parametrize("cookie", ["", "wrong", SECRET.upper()])
def test_a_wrong_cookie_opens_nothing(console: Console, cookie: str) -> None:
    browser = console.stranger()
    browser.set_cookie("marla-console-14580", cookie, domain="127.0.0.1")
    assert browser.get("/api/cloud", base_url=BASE).status_code == 403


def test_the_stylesheet_is_served_to_who_is_refused(console: Console) -> None:
    assert console.stranger().get("/static/icon.svg", base_url=BASE).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../security.py", "/static/%2e%2e/security.py", "/static//etc/passwd", "/static/..%2fapi.py"],
)
def test_static_files_are_those_of_their_folder_alone(console: Console, path: str) -> None:
    assert console.get(path, follow_redirects=True).status_code in {403, 404}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:14580",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:1",
        "marla-0.localhost:14580",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/cloud", "/static/icon.svg", f"/?token={SECRET}"])
def test_a_name_that_was_pointed_at_loopback_is_no_address_of_the_console(
    console: Console, host: str, path: str
) -> None:
    answer = console.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", own_host(SECRET)])
def test_it_has_other_names(console: Console, host: str) -> None:
    browser = console.stranger()
    base = BASE.replace("127.0.0.1", host)
    assert browser.get(f"/?token={SECRET}", base_url=base).status_code == 302
    assert browser.get("/api/cloud", base_url=base).status_code == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": BASE},
        {"X-Marla": "0", "Origin": BASE},
        {"X-Marla": "1", "Origin": "http://evil.example"},
        {"X-Marla": "1", "Origin": "http://127.0.0.1:3000"},
        {"X-Marla": "1", "Origin": "http://localhost:14580"},
        {"X-Marla": "1", "Origin": "https://127.0.0.1:14580"},
        {"X-Marla": "1", "Origin": "null"},
    ],
    ids=["bare", "no header", "wrong header", "other site", "other port", "other name", "https", "null"],
)
def test_only_the_consoles_own_page_changes_something(
    console: Console, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = console.browser.open(path, method=method, base_url=BASE, headers=headers, json={"document": {}})
    assert answer.status_code == 403
    assert console.states.calls.total() == 0


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_without_the_cookie_nothing_is_changed(console: Console, method: str, path: str) -> None:
    headers = {"X-Marla": "1", "Origin": BASE}
    answer = console.stranger().open(
        path, method=method, base_url=BASE, headers=headers, json={"document": {}}
    )
    assert answer.status_code == 403
    assert console.states.calls.total() == 0


def test_another_page_of_this_machine_gets_no_answer_of_the_api(console: Console) -> None:
    assert console.get("/api/cloud", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert console.get("/api/cloud", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert console.get("/api/cloud", headers={"Origin": "http://127.0.0.1:3000"}).status_code == 403
    assert console.get("/api/cloud", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/api/executions/job"), ("POST", "/"), ("DELETE", "/api/jobs"), ("PATCH", "/api/check")],
)
def test_other_methods_are_refused(console: Console, method: str, path: str) -> None:
    answer = console.browser.open(
        path, method=method, base_url=BASE, headers={"X-Marla": "1", "Origin": BASE}
    )
    assert answer.status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "..%2f..%2fetc",
        "a%2fb",
        "arn:aws:states:us-east-1:1:execution:m:x",
        "a b",
        "%00",
        "x" * 81,
        "<b>",
    ],
)
@pytest.mark.parametrize("path", ["/api/executions/{}", "/api/executions/{}/result", "/executions/{}"])
def test_what_cannot_be_a_name_is_no_execution(console: Console, name: str, path: str) -> None:
    answer = console.get(path.format(name))
    # `..` and `.` are steps of the path itself, which lead to another page.
    assert answer.status_code in ({404, 308, 200} if name in {".", ".."} else {404})
    assert console.states.calls["DescribeExecution"] == 0


@pytest.mark.parametrize("path", [*PAGES, *CALLS])
def test_pages_may_load_nothing_from_elsewhere_and_be_kept_by_nobody(console: Console, path: str) -> None:
    headers = console.get(path).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"] or path.endswith("/report")
    assert "unsafe-inline" not in headers["Content-Security-Policy"].partition("script-src")[
        2
    ] or path.endswith("/report")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] in {"no-store", "no-cache"}
    assert "Access-Control-Allow-Origin" not in headers


def test_the_report_is_shown_in_a_sandbox_that_reaches_nothing(console: Console) -> None:
    policy = console.get("/executions/job/report").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "unsafe-" not in policy


def test_names_from_data_are_escaped_in_pages(console: Console) -> None:
    answer = console.get("/executions/nothing%22onload=x%3E")
    assert answer.status_code == 404
    assert '"onload' not in answer.text
