"""The local cloud: two servers on loopback and a deployed stack, started, found again, mended and stopped.

ministack plays S3, Lambda, IAM and CloudFormation; `marla.local.engine` plays Step Functions. Both are child
processes that outlive the command that started them, and end together. A state file in the project's
`.marla/` says which they are; a process counts as ours only if its id and start time are those in the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import boto3
import botocore.session
import psutil
from botocore.config import Config

from marla import stack as stacks
from marla.errors import CloudError
from marla.local.lifelines import DEATH, FOLDER, Lifeline, clear, lifelines
from marla.stack import Stack

ROOT = Path(__file__).resolve().parents[2]  # the project: template, definition and functions
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
PORTS = {"ministack": 14566, "engine": 14567}  # taken if they are free
START_SECONDS = 60
STOP_SECONDS = 10
ANSWER_SECONDS = 5.0
# ministack's administrator. It checks no administrator's signature: whoever can reach loopback is one.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}
STACK = "marla"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Server:
    """A server process: which it is, and where it listens."""

    name: str
    port: int
    pid: int
    born: float  # when the process started, so that another with its id is not taken for it

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the process is there, and is the one that was started."""
        return self.born > 0 and _birth(self.pid) == self.born

    @property
    def listens(self) -> bool:
        """Whether the port is the server's own; what answers there may be another's."""
        try:
            sockets = psutil.Process(self.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in sockets)

    @property
    def answers(self) -> bool:
        """Whether the server answers."""
        path = "/_ministack/health" if self.name == "ministack" else "/"
        try:
            with _opener.open(self.url + path, timeout=ANSWER_SECONDS) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass
class State:
    """What the state file remembers."""

    servers: list[Server] = field(default_factory=list)
    deployed: str = ""  # the digest of what is deployed
    parameters: dict[str, str] = field(default_factory=dict)  # of the template, where not the local defaults

    def server(self, name: str) -> Server:
        """Return a server by name."""
        return next(server for server in self.servers if server.name == name)

    @property
    def running(self) -> bool:
        """Whether both servers are there and answer."""
        return len(self.servers) == len(PORTS) and all(s.alive and s.answers for s in self.servers)


# Proxies of the environment are not for loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PortTakenError(Exception):
    """Another process listens at the port that a server was to have."""


class LocalCloud:
    """The local cloud of a project.

    Args:
        home: where the state file and logs are; else what MARLA_HOME names, or .marla in the project.
        root: the project that is deployed.
        say: told what is done, and what was found and mended.
    """

    def __init__(self, home: Path | None = None, root: Path = ROOT, say: Say = lambda _: None) -> None:
        self._home = (home or Path(os.environ.get("MARLA_HOME", ROOT / ".marla"))).resolve()
        self._root = root
        self._say = say

    # ---- what users ask for ---------------------------------------------------------------------------

    def start(self, parameters: dict[str, str] | None = None) -> Stack:
        """Start what does not run, deploy what has changed, and return the stack.

        Args:
            parameters: of the template, instead of what the local cloud would give; None for those that it
                was started with.

        Raises:
            CloudError: if a server does not start or `sam deploy` fails, with the end of its log.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        with self._locked() as lock:
            state = self._mended() or self._launched()
            given = state.parameters if parameters is None else parameters
            digest = self._digest(given)
            if state.deployed != digest:
                self._deploy(state, given, lock)
                state.deployed, state.parameters = digest, given
                self._save(state)
            return self._stack(state)

    def stop(self) -> bool:
        """Stop both servers; return whether there was anything to stop. Everything in the cloud is gone."""
        if not self._home.is_dir():
            return False
        with self._locked():
            state = self._load()
            self._stop(state or State())
            return state is not None

    def died(self) -> str:
        """Return, in a sentence, which server has died, and the cloud with it; "" while both live."""
        state = self._load()
        if state is None:
            return "the local cloud does not run: it was stopped, or never started"
        return self._death(state)

    def began(self) -> float:
        """Return when it was started, in seconds since the epoch: another cloud began at another time.

        0 if it does not run.
        """
        state = self._load()
        return state.servers[0].born if state and state.servers else 0.0

    def _death(self, state: State) -> str:
        dead = [server for server in state.servers if not server.alive]
        first = ""
        with suppress(FileNotFoundError):  # the other ends with it, and says which was first
            first = self._death_file.read_text()
        named = [server for server in dead if server.name == first] or dead
        if not named:
            return ""
        they = " and ".join(f"{server.name} (process {server.pid})" for server in named)
        have = "has" if len(named) == 1 else "have"
        return f"{they} {have} died, and so the local cloud with all that was in it is gone"

    def status(self) -> dict[str, Any]:
        """Return what runs, where, and what is wrong with it."""
        state = self._load()
        if state is None:
            return {"running": False, "servers": []}
        servers = [
            {"name": s.name, "url": s.url, "pid": s.pid, "alive": s.alive, "answers": s.alive and s.answers}
            for s in state.servers
        ]
        return {"running": state.running, "servers": servers, "log": str(self._home)}

    def environment(self) -> dict[str, str]:
        """Return the variables with which `aws` and `sam` talk to the local cloud. Raises CloudError."""
        state = self._load()
        if state is None or not state.running:
            raise CloudError("the local cloud does not run: start it with `marla local start`")
        return self._environment(state)

    def stack(self) -> Stack:
        """Return the stack of a running local cloud. Raises CloudError if it does not run."""
        state = self._load()
        if state is None or not state.running:
            raise CloudError("the local cloud does not run: start it with `marla local start`")
        return self._stack(state)

    # ---- state ----------------------------------------------------------------------------------------

    @property
    def _state_file(self) -> Path:
        return self._home / "local.json"

    @property
    def _death_file(self) -> Path:
        return self._home / DEATH

    @property
    def _folder(self) -> Path:
        """For the temporary files of the servers and of all that they start."""
        return self._home / FOLDER

    @contextmanager
    def _locked(self) -> Iterator[IO[str]]:
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock

    def _load(self) -> State | None:
        try:
            saved = json.loads(self._state_file.read_text())
            servers = [Server(**server) for server in saved["servers"]]
            return State(servers, saved.get("deployed", ""), saved.get("parameters", {}))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            self._say(f"{self._state_file} is damaged; starting anew")
            return None

    def _save(self, state: State) -> None:
        partial = self._state_file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(state)))
        partial.replace(self._state_file)

    def _mended(self) -> State | None:
        """Return the state if its servers run; if not, clear away what is left."""
        state = self._load()
        if state is not None and state.running:
            return state
        if state is not None:
            for server in state.servers:
                if server.alive and not server.answers:
                    self._say(
                        f"{server.name} (process {server.pid}) does not answer; starting the local cloud anew"
                    )
            if death := self._death(state):
                self._say(f"{death}; starting it anew")
        self._stop(state or State())
        return None

    def _stop(self, state: State) -> None:
        alive = [server for server in state.servers if server.alive]
        for server in alive:
            _signal_group(server.pid, signal.SIGTERM)
            _signal_group(server.pid, signal.SIGCONT)  # one that is suspended would not hear it
        deadline = time.monotonic() + STOP_SECONDS
        while any(server.alive for server in alive) and time.monotonic() < deadline:
            time.sleep(0.05)
        for server in alive:
            # Workers that ministack started are in its group, and may have outlived it.
            _signal_group(server.pid, signal.SIGKILL)
        # And some may have outlived a ministack that was killed, if the engine was killed at once with it.
        clear(self._folder)
        for file in (self._death_file, self._state_file):
            file.unlink(missing_ok=True)

    # ---- servers --------------------------------------------------------------------------------------

    def _launched(self) -> State:
        """Start both servers."""
        self._folder.mkdir(exist_ok=True)
        state = State()
        try:
            with lifelines(*PORTS) as lines:
                for name, line in lines.items():
                    state.servers.append(self._launch(name, state, line))
                    self._save(state)
        except BaseException:  # also an interruption: one server alone is of no use
            self._stop(state)
            raise
        return state

    def _launch(self, name: str, state: State, line: Lifeline) -> Server:
        """Start a server; again, on another port, if its port is taken before it listens there."""
        while True:
            with suppress(PortTakenError):
                return self._launch_at(self._free_port(name), name, state, line)

    def _launch_at(self, port: int, name: str, state: State, line: Lifeline) -> Server:
        log = self._home / f"{name}.log"
        if name == "ministack":
            command = [sys.executable, "-m", "marla.local.services"]
        else:
            command = [sys.executable, "-m", "marla.local.engine", "--port", str(port), "--cloud"]
            command += [state.server("ministack").url, "--region", REGION, "--account", ACCOUNT]
        environment = _environment_without_aws() | CREDENTIALS | {"PYTHONDONTWRITEBYTECODE": "1"}
        environment |= line.variable(self._home)
        environment |= {
            "TMPDIR": str(self._folder),
            "STATE_DIR": str(self._folder / "state"),
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "AUTH": "true",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
        }
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                command,
                cwd=self._root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(line.read, line.write),
            )
        server = Server(name, port, process.pid, _birth(process.pid))
        try:
            self._wait_for(server, process, log)
        except BaseException:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return server

    def _wait_for(self, server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (server.listens and server.answers):
            if process.poll() is not None:
                if not _is_free(server.port):
                    raise PortTakenError
                raise CloudError(
                    f"{server.name} ended with status {process.returncode} as it started:\n{_tail(log)}"
                )
            if time.monotonic() > deadline:
                raise CloudError(f"{server.name} did not answer within {START_SECONDS} s; its log is {log}")
            time.sleep(0.05)

    def _free_port(self, name: str) -> int:
        """Return the server's usual port, or a free one if that is taken."""
        wanted = PORTS[name]
        if _is_free(wanted):
            return wanted
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            chosen: int = probe.getsockname()[1]
        self._say(f"port {wanted} is taken; {name} listens on {chosen}")
        return chosen

    # ---- the stack ------------------------------------------------------------------------------------

    def _digest(self, parameters: dict[str, str]) -> str:
        """Return a digest of all that a deployment consists of."""
        files = [self._root / "template.yaml", *sorted((self._root / "statemachine").rglob("*.yaml"))]
        files += sorted(f for f in (self._root / "functions").rglob("*") if f.suffix in {".py", ".txt"})
        digest = hashlib.blake2b(json.dumps(parameters, sort_keys=True).encode(), digest_size=16)
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file.relative_to(self._root)} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    def _deploy(self, state: State, parameters: dict[str, str], lock: IO[str]) -> None:
        self._say("deploying the stack to the local cloud (sam deploy)")
        given = {"DefaultConcurrency": str(os.cpu_count() or 1)} | parameters
        log = self._home / "deploy.log"
        sam = Path(sys.executable).with_name("sam")
        command = [str(sam), "deploy", "--config-env", "local", "--parameter-overrides"]
        command += [f"{name}={value}" for name, value in given.items()]
        with log.open("w") as output:
            status = subprocess.run(  # noqa: S603 - SAM, installed beside us
                command,
                cwd=self._root,
                env=_environment_without_aws()
                | self._environment(state)
                | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5", "TMPDIR": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                pass_fds=(lock.fileno(),),  # if we are killed, the next start is to wait for its end
            ).returncode
        if status:
            raise CloudError(f"sam deploy ended with status {status}:\n{_tail(log)}")

    def _environment(self, state: State) -> dict[str, str]:
        return CREDENTIALS | {
            "AWS_ENDPOINT_URL": state.server("ministack").url,
            "AWS_ENDPOINT_URL_SFN": state.server("engine").url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": HOST,
        }

    def _stack(self, state: State) -> Stack:
        # Of the user's AWS configuration, profiles and files, nothing.
        nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
        session = boto3.Session(
            botocore_session=botocore.session.Session(nowhere | {"profile": (None, None, None, None)}),
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32, proxies={}
        )

        def make_client(service: str) -> Any:
            server = state.server("engine" if service == "stepfunctions" else "ministack")
            return session.client(service, endpoint_url=server.url, config=config)  # type: ignore[call-overload]

        return stacks.find(STACK, make_client, REGION, local=True)


def _environment_without_aws() -> dict[str, str]:
    """Return the environment with nothing of the user's AWS in it.

    Workers inherit it, and an endpoint in it would lead them to another cloud.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _birth(pid: int) -> float:
    """Return when a process started, in seconds since the epoch; 0 if there is none, or it is a zombie."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
