"""The Ray cluster that this process is on: joined by its address, or started on this machine and ended with us.

What is started here listens on the loopback interface alone, with Ray's token authentication as Ray has it by default;
its folder goes with this process, and its processes carry our mark, so that none outlives a job that is killed.
Ray is imported only when a cluster is joined.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prefixrl.errors import InputError, ToolError
from prefixrl.tools.tree import end_tree, own_mark, temporary_folder
from prefixrl.tools.watchdog import MARK_VARIABLE

LOCAL = "local"
"""The address that stands for a Ray of this machine alone."""

POLL_S = 0.5
"""Seconds between two looks at whether an answer is still wanted."""

# What Ray keeps of processes that are no more, for people who look through its dashboard: by default 100,000 records
# and 200 files, which a job that loses a worker now and then takes for a leak.
_FORGET = {
    "RAY_maximum_gcs_destroyed_actor_cached_count": "10",
    "RAY_maximum_gcs_dead_worker_cached_count": "10",
    "RAY_LOG_MONITOR_MAX_OPEN_FILES": "50",
}
_CLOSE_S = 10.0
_CONNECT_S = 5.0
# Of setproctitle, which Ray has inside: titles take the place of arguments only.
_KEEP_ENVIRONMENT = "SPT_NOENV"
# Ray's sockets lie this deep below its folder, and their paths may have 107 characters (<sys/un.h>).
_LONGEST_FOLDER = 107 - len("/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store")


class RayCluster:
    """The Ray cluster of this process: started by the first `join` if need be, and then ended with the last `leave`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._joined = 0
        self._own_folder: Path | None = None
        self._mark = ""

    def join(self, address: str | None = None) -> None:
        """Be on a cluster; each call needs a `leave`.

        :param address: HOST:PORT, `auto`, `ray://HOST:PORT`, or `local` for one of this machine; None for the one that
            this process is on already, else what `$RAY_ADDRESS` says, else `local`
        :raises InputError: the address names no cluster, or one of other versions
        :raises ToolError: none can be joined or started
        """
        import ray

        with self._lock:
            if not ray.is_initialized():
                try:
                    self._start(address)
                except (InputError, ToolError):
                    raise
                except (OSError, RuntimeError, ValueError) as error:
                    raise _refusal(error, address) from error
            self._joined += 1

    def _start(self, address: str | None) -> None:
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        _keep_stdout()
        stated = address or os.environ.get("RAY_ADDRESS") or LOCAL
        if stated != LOCAL:
            _check_address(stated, "$RAY_ADDRESS" if address is None else "the address of a cluster")
            with _native_messages() as told:
                try:
                    _take_token(stated)
                    ray.init(address=stated, **quiet)
                except (RuntimeError, ValueError, ConnectionError) as error:
                    raise _refusal(error, address, told()) from error
            return
        self._own_folder = folder = _short_folder()
        self._mark = f"{own_mark()}/{uuid.uuid4().hex}"
        # Of Ray's processes some outlive a job that is killed by a minute; by the mark our watchdog finds them all.
        # Ray's agents would write their titles over it (and over a part of the environment that differs each time).
        marked = {MARK_VARIABLE: self._mark, _KEEP_ENVIRONMENT: "1"}
        marked |= {"TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
        # By default Ray's workers yield to everything else on the machine: here they do what the job is about.
        marked |= {"RAY_worker_niceness": "0"}
        # Whoever wants other numbers has said so.
        marked |= {name: os.environ.get(name, value) for name, value in _FORGET.items()}
        with _environment(marked), _on_loopback():
            ray.init(
                address=LOCAL,
                include_dashboard=False,
                _temp_dir=str(folder),
                _node_ip_address="127.0.0.1",
                **quiet,
            )

    def leave(self) -> None:
        """End the cluster if it is ours and nobody else needs it."""
        import ray

        with self._lock:
            self._joined -= 1
            if self._joined == 0 and self._own_folder is not None:
                ray.shutdown()
                end_tree(None, self._mark, _CLOSE_S)
                shutil.rmtree(self._own_folder, ignore_errors=True)
                self._own_folder = None


cluster = RayCluster()


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Be on a cluster meanwhile; see `RayCluster.join`."""
    cluster.join(address)
    try:
        yield
    finally:
        cluster.leave()


def living_nodes() -> list[str]:
    """Ids of the nodes that are there."""
    import ray

    return [node["NodeID"] for node in ray.nodes() if node["Alive"]]


class NodeWatch:
    """Which nodes leave the cluster: they were well when we first saw them, and Ray has given them up since."""

    def __init__(self) -> None:
        self._there: set[str] = set()

    def look(self) -> list[str]:
        """A line for each that has left since the last look."""
        import ray

        nodes = {node["NodeID"]: node for node in ray.nodes()}
        left = [node for name, node in nodes.items() if name in self._there and not node["Alive"]]
        self._there = {name for name, node in nodes.items() if node["Alive"]}
        return [_farewell(node) for node in left]


def _farewell(node: Mapping[str, Any]) -> str:
    reason = " ".join(str(node.get("DeathReasonMessage") or "no reason").split())[:120]
    hint = "if it should not have, look at its disk, and into raylet.out in its /tmp/ray"
    name = f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})"
    return f"node {name} has left, the job goes on without it; {hint}: {reason}"


def await_answer(reference: Any, given_up: Callable[[], str | None], limit_s: float | None = None) -> Any:
    """What an actor answers.

    :param reference: of the answer
    :param given_up: asked now and then; a reason for which nobody wants the answer any more
    :param limit_s: seconds to wait; None for as long as it takes (an actor may wait for a node to come)
    :raises ToolError: given up, or no answer within the limit
    :raises ray.exceptions.RayError: the actor died, or what it did failed
    """
    import ray

    deadline = None if limit_s is None else time.monotonic() + limit_s
    while deadline is None or time.monotonic() < deadline:
        if (reason := given_up()) is not None:
            raise ToolError(reason)
        if ray.wait([reference], timeout=POLL_S)[0]:
            return ray.get(reference)
    raise ToolError(f"the actor failed: no answer within {limit_s:g} s")


def _refusal(error: Exception, address: str | None, told: str = "") -> InputError | ToolError:
    """Why no cluster was joined, in one line.

    :param told: what Ray's native code said of it
    """
    text = " ".join(str(error).split())
    if "AuthToken" in told or "uthentication" in text:
        return InputError(
            "this machine must have the token of the cluster (copy ~/.ray/auth_token of its head, or name a copy by "
            f"RAY_AUTH_TOKEN_PATH): {address or os.environ.get('RAY_ADDRESS')!r}"
        )
    if "ersion mismatch" in text:
        told = text[text.index("ersion mismatch") + len("ersion mismatch") :].lstrip(" :")[:240]
        return InputError(
            "this process and every node of a cluster must have the same Ray and the same Python, install those of the "
            f"cluster here or the other way round ({told}): {address or os.environ.get('RAY_ADDRESS')!r}"
        )
    return ToolError(f"cannot join or start Ray: {text[:200]}")


def _check_address(address: str, title: str) -> None:
    """Check that somebody listens there: Ray itself takes ten minutes and many lines to find out.

    :raises InputError: nobody does, or it is no address
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if not host or not port.isdecimal():
            raise OSError("no HOST:PORT")
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "start one there with 'ray start --head', or take local"
        raise InputError(f"{title} must be auto or that of a Ray cluster ({reason}; {hint}): {address!r}") from error


def _short_folder() -> Path:
    """A new folder that goes with this process, whose path is short enough for sockets in it."""
    folder = temporary_folder() / "ray"
    if len(str(folder)) > _LONGEST_FOLDER:
        return Path(tempfile.mkdtemp(prefix="prefixrl-", dir="/tmp"))
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _keep_stdout() -> None:
    """Have Ray print no paragraph on our standard output for every process that dies: the pools count these."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


def _take_token(address: str) -> None:
    """Have Ray show its token to a cluster that asks for one; by itself Ray does so only if it is told to.

    It must not be shown to a cluster without: what is asked of that one with a token comes to nothing, unsaid.
    """
    with contextlib.suppress(ImportError):  # older ones have no tokens
        from ray._private.authentication import authentication_token_setup as tokens

        if "RAY_AUTH_MODE" in os.environ or not _asks_token(address):
            return
        # Not before: once the loader has looked for a token, Ray's native code shows it.
        if tokens.AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True):
            tokens._enable_token_auth()


def _asks_token(address: str) -> bool:
    """Whether a cluster turns down who shows no token; of what cannot be asked, Ray says more when it is joined."""
    from ray._private.services import canonicalize_bootstrap_address
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError

    if address.startswith("ray://"):
        return True
    try:
        GcsClient(address=canonicalize_bootstrap_address(address))
    except AuthenticationError:
        return True
    except Exception:
        return False
    return False


@contextlib.contextmanager
def _native_messages() -> Iterator[Callable[[], str]]:
    """What is written to the standard error's descriptor meanwhile: native code knows no other place."""
    with tempfile.TemporaryFile() as file:

        def told() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield told
        finally:
            os.dup2(before, 2)
            os.close(before)


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables that processes started meanwhile inherit."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray take 127.0.0.1 as it is, instead of looking for an address that other machines can reach.

    Where it is the node's address, Ray listens on that interface only. Ray does so by itself on systems on which it
    does not offer clusters; that is the constant which is set here for the time of the start.
    """
    from ray._private import ray_constants

    before = getattr(ray_constants, "ENABLE_RAY_CLUSTER", None)
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
