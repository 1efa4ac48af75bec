"""The local cloud's Step Functions: a server on 127.0.0.1.

python -m marla.local.engine --port P --cloud http://127.0.0.1:PORT [--region us-east-1]

It prints `ready` when it is up, runs the state machines that are deployed to the cloud, and stops at SIGTERM.
The credentials with which it asks the cloud for roles are the environment's.
"""

import argparse
import json
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

from marla.local import interpreter, lifelines
from marla.local.api import Answer, Api, ApiError
from marla.local.roles import Cloud

HOST = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Answers with an Api."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, api: Api, serves: dict[str, str]) -> None:
        super().__init__((HOST, port), Handler)
        self.api = api
        self.serves = serves


class Handler(BaseHTTPRequestHandler):
    """One connection: the AWS JSON protocol, https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html."""

    server: Server
    protocol_version = "HTTP/1.1"  # clients keep their connections
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Say that the server is up, and what it serves."""
        self._reply(200, {"status": "ready", **self.server.serves})

    def do_POST(self) -> None:
        """Answer an operation."""
        if "Origin" in self.headers or "Sec-Fetch-Site" in self.headers:
            self._reply(403, {"__type": "AccessDeniedException", "message": "No answers for web pages."})
            return
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = json.loads(text or b"{}")
            self._reply(200, self.server.api.answer(operation, request))
        except ApiError as error:
            self._reply(error.status, {"__type": error.code, "message": str(error)})
        except Exception as error:  # the client is to see what happened, and the server to go on
            self._reply(500, {"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"})

    def _reply(self, status: int, answer: Answer) -> None:
        body = json.dumps({key: value for key, value in answer.items() if value is not None}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _options(arguments)
    lifelines.end_with_partner()
    interpreter.install()
    serves = {"cloud": options.cloud, "region": options.region, "account": options.account}
    server = Server(options.port, Api(Cloud(options.cloud), options.region), serves)

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        # shutdown waits for the loop, which runs in the thread that got this signal.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m marla.local.engine", description="A local Step Functions."
    )
    parser.add_argument("--port", type=int, required=True, help="the port to listen on, on 127.0.0.1")
    parser.add_argument("--cloud", required=True, help="the URL of the cloud that has the state machines")
    parser.add_argument("--region", default="us-east-1", help="the region of the state machines")
    parser.add_argument("--account", default="000000000000", help="the account of the cloud")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
