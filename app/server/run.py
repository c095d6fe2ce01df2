"""Running the server: its processes, its address, and what it refuses to be exposed without."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import ssl
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from uvicorn.supervisors import Multiprocess

from app import show
from app.options import Failure
from app.server.application import HOST_VARIABLE, LOOPBACK, SECURE_VARIABLE
from app.server.connection import Connection
from app.server.follower import FollowerProcess
from app.server.logs import configure_logs, uvicorn_logs
from app.server.metrics import SHARED_FOLDER
from app.web.access import Access
from app.web.options import Options
from archive import Archive
from event_log import settings

BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 5
"""How long requests that are under way may take when the server is told to end."""


@dataclass(frozen=True)
class Binding:
    """Where the server listens, and what stands before it."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK

    @property
    def url(self) -> str:
        """The address to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}/"


def check_exposure(binding: Binding, access: Access) -> None:
    """Refuse an address that others reach, without encryption or without anybody who may log in."""
    if (binding.certificate is None) != (binding.key is None):
        raise Failure("--tls-cert and --tls-key go together")
    if binding.on_loopback:
        return
    if binding.certificate is None and not binding.behind_proxy:
        raise Failure(
            f"{binding.host} is reached from elsewhere, and tokens would travel in the open: give"
            " --tls-cert and --tls-key, or --behind-proxy if a proxy before it encrypts"
        )
    if not access.any():
        raise Failure(
            f"{binding.host} is reached from elsewhere, and nobody has a token; make one first:"
            " stet access add NAME --role operator"
        )


def _check_certificate(binding: Binding) -> None:
    """Refuse a certificate or a key that cannot be used, before anything says that it serves."""
    if binding.certificate is None or binding.key is None:
        return
    for option, file in (("--tls-cert", binding.certificate), ("--tls-key", binding.key)):
        try:
            file.read_bytes()
        except OSError as error:
            raise Failure(f"{option}: cannot read {file}: {error.strerror}") from error
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(binding.certificate, binding.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise Failure(
            f"--tls-cert {binding.certificate} and --tls-key {binding.key} are no pair: give"
            " a certificate and its own key, both in PEM, the key without a password"
        ) from error


def run(archive: Archive, binding: Binding, workers: int, follow: bool = True) -> None:
    """Serve an archive until the process is told to end, and follow its log meanwhile."""
    check_exposure(binding, Access(archive.folder))
    _check_certificate(binding)
    secure = binding.certificate is not None or binding.behind_proxy
    options = Options.read(binding.on_loopback, secure)  # what is set wrongly is said now
    with closing(_listening(binding)) as listening, ExitStack() as ending:
        binding = replace(binding, port=listening.getsockname()[1])
        signal.signal(signal.SIGTERM, _end)
        _tell_children(archive.home)
        os.environ[HOST_VARIABLE] = binding.host
        os.environ[SECURE_VARIABLE] = "1" if secure else ""
        _allow_connections()
        if workers > 1:
            os.environ[SHARED_FOLDER] = ending.enter_context(TemporaryDirectory(prefix="stet-"))
        configure_logs()
        if follow:
            follower = FollowerProcess(archive.home)
            follower.start()
            ending.callback(follower.stop)
        reading = "open" if options.open_reading else "for who logs in"
        show.line(
            f"Stet serves {archive.home} at {binding.url} (reading is {reading}); Ctrl-C ends it"
        )
        _serve(_config(binding, workers), listening)


def _allow_connections() -> None:
    """Let this process and its children have as many open files as the system allows them.

    Each connection is one; a thousand that listen to events are more than the usual limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # some systems have a lower limit than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listening(binding: Binding) -> socket.socket:
    """The socket that the server listens on; taken before anything is begun."""
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    try:
        return socket.create_server((binding.host, binding.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"port {binding.port} of {binding.host} is in use by another program; choose"
                " another with --port, or 0 for any that is free"
            ) from error
        raise Failure(
            f"cannot listen on {binding.host}, port {binding.port}: {error.strerror or error};"
            " choose another with --host and --port"
        ) from error


def _config(binding: Binding, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        "app.server.application:from_environment",
        factory=True,
        workers=workers,
        http=Connection,
        ws="none",
        log_config=uvicorn_logs(),
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=binding.behind_proxy,
        server_header=False,
        ssl_certfile=binding.certificate,
        ssl_keyfile=binding.key,
    )


def _serve(config: uvicorn.Config, listening: socket.socket) -> None:
    """Answer requests until a signal ends it, in this process or in several that it begins."""
    if config.workers > 1:
        Multiprocess(config, [listening]).run()
        return
    try:
        uvicorn.Server(config).run([listening])
    except KeyboardInterrupt:
        return  # it has ended in good order, and raises the signal again


def _end(*_: object) -> None:
    """End the process in good order when it is told to, as Ctrl-C does."""
    sys.exit(0)


def _tell_children(home: str) -> None:
    """Hand the options of the command line on to the processes that are begun from here."""
    os.environ["STET_HOME"] = home
    for value in settings.in_force():
        if value.source == settings.COMMAND_LINE and value.text is not None:
            os.environ[value.setting.name] = value.text
