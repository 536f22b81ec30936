"""The `darkroom` command: start the stack or a part of it, ask a running one for things."""

import argparse
import io
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live

from api.cli import batch as batch_command
from api.cli import export as export_command
from api.cli import jobs as jobs_command
from api.cli import keys, people
from api.cli.demo import run_demo
from api.cli.display import status_tables
from api.cli.stack import Stack
from api.client import Darkroom
from shared import log
from shared.contracts.jobs import State
from shared.errors import DarkroomError
from shared.settings import from_environment

#: Commands that live with the workers (they need torch): `python -m workers.<name>`, with all further arguments.
WORKER_COMMANDS = {
    "worker": "supervisor.launcher",
    "pull": "cli.pull",
    "doctor": "cli.doctor",
    "plan": "cli.plan",
}
#: Commands that need SQL, which nobody else waits for to load: `python -m api.cli.library <name>`.
LIBRARY_COMMANDS = {
    "db": "the library's database: status, upgrade",
    "reindex": "rebuild the library's assets",
    "import": "bring the pictures of a folder or a zip of this host into the library",
    "watch": "bring what is new in a folder of this host into the library",
}
STATUS_EVERY_S = 1.0
DEFAULT_URL = "http://127.0.0.1:2020"
#: What `add_subparsers` returns; argparse has no public name for it.
Commands = Any


def main(arguments: list[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in WORKER_COMMANDS:
        return _become_worker_command(given[0], given[1:])
    if given and given[0] in LIBRARY_COMMANDS:
        os.execv(sys.executable, [sys.executable, "-m", "api.cli.library", *given])
    options = _parser().parse_args(given)
    log.configure(json_lines=False)
    _print_names_as_they_are()
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except (DarkroomError, httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as exc:
        print(f"darkroom: {_told(exc, getattr(options, 'url', ''))}", file=sys.stderr)
        return 1


def _told(exc: Exception, url: str) -> str:
    """What went wrong, in one sentence.

    Raises:
        ValueError: `exc`, where it is none of those that a person can do something about.
    """
    match exc:
        case DarkroomError():
            return exc.message
        case httpx.TransportError():
            return f"{url} does not answer ({exc}); start it with `darkroom up`"
        case httpx.HTTPError() | httpx.InvalidURL():
            return f"{url}: {exc}"
        case ValidationError() | JSONDecodeError():
            return f"{url} answers, but not as Darkroom does: is this its address?"
        case UnicodeEncodeError():
            return (
                f"an argument or DARKROOM_KEY cannot be sent: {exc.object[exc.start : exc.end]!r} is no {exc.encoding}"
            )
        case OSError(filename=name, strerror=str(why)) if name is not None:
            return f"{os.fsdecode(name)}: {why}"
        case OSError():
            return str(exc)
    raise exc


def _print_names_as_they_are() -> None:
    """File names are bytes; those that are not UTF-8 go out as they came in, instead of ending the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="darkroom", description="A rack of GPUs that develops pictures.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_stack_commands(commands)
    people.add_to(commands)
    keys.add_to(commands)
    for command in (
        _generate_command(commands),
        batch_command.add_to(commands),
        *jobs_command.add_to(commands),
        export_command.add_to(commands),
        *_asking_commands(commands),
    ):
        command.add_argument("--url", default=os.environ.get("DARKROOM_URL", DEFAULT_URL), help="the stack's address")
    for name, module in WORKER_COMMANDS.items():
        commands.add_parser(name, help=f"python -m workers.{module} …", add_help=False)
    for name, what in LIBRARY_COMMANDS.items():
        commands.add_parser(name, help=what, add_help=False)
    return parser


def _add_stack_commands(commands: Commands) -> None:
    up = commands.add_parser("up", help="run the stack on this machine until Ctrl-C")
    up.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--port", type=int, help="port to listen on (default 2020)")
    up.add_argument("--data", type=Path, metavar="DIR", help="folder of models, pictures and the private Valkey")
    up.add_argument("--api-only", action="store_true", help="no worker here; others serve this Redis")
    up.add_argument(
        "--insecure",
        action="store_true",
        default=None,
        help="listen anywhere without a key: everybody may do everything",
    )
    up.add_argument(
        "--first-key", action="store_true", help="where no key was ever made, make an administrator's and print it once"
    )
    up.add_argument("--tls-cert", type=Path, metavar="FILE", help="speak HTTPS with this certificate (PEM)")
    up.add_argument("--tls-key", type=Path, metavar="FILE", help="its key (PEM, without a passphrase)")
    up.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    up.set_defaults(run=_up)

    demo = commands.add_parser("demo", help="start everything, make a picture, remix it, stop everything")
    demo.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="where the PNGs go (default out/)")
    demo.set_defaults(run=_demo)


def _generate_command(commands: Commands) -> argparse.ArgumentParser:
    generate = commands.add_parser("generate", help="make pictures with a running stack")
    generate.add_argument("prompt")
    generate.add_argument("--n", type=int, default=1, help="how many")
    generate.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where they go (default here)")
    for name, kind in (("model", str), ("seed", int), ("steps", int), ("width", int), ("height", int)):
        generate.add_argument(f"--{name}", type=kind)
    generate.add_argument("--image", type=Path, metavar="FILE", help="start from this picture (img2img)")
    generate.add_argument("--strength", type=float, help="how far to go from it, 0 to 1")
    generate.set_defaults(run=_generate)
    return generate


def _asking_commands(commands: Commands) -> list[argparse.ArgumentParser]:
    status = commands.add_parser("status", help="workers, queues and jobs of a running stack, live")
    status.add_argument("--once", action="store_true", help="print it once")
    status.set_defaults(run=_status)

    retry = commands.add_parser("retry", help="run a failed or cancelled job again")
    retry.add_argument("job")
    retry.set_defaults(run=_retry)

    drain = commands.add_parser("drain", help="let a worker finish what it runs and take no more")
    drain.set_defaults(run=_tell_worker, command="drain")
    resume = commands.add_parser("resume", help="let a drained worker take jobs again")
    resume.set_defaults(run=_tell_worker, command="resume")
    for command in (drain, resume):
        command.add_argument("worker", help="its name, see `darkroom status`")
    return [status, retry, drain, resume]


def _up(options: argparse.Namespace) -> int:
    settings = from_environment(
        host=options.host,
        port=options.port,
        data_dir=options.data,
        insecure=options.insecure,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
    )
    stack = Stack(settings, with_worker=not options.api_only, with_first_key=options.first_key)
    stack.stop_on_signals()
    try:
        stack.start()
        if options.open:
            _open_page(stack)
        print("Ctrl-C drains and stops.", flush=True)
        return stack.watch()
    finally:
        stack.stop()


def _open_page(stack: Stack) -> None:
    """What cannot be opened is told, and stops nothing."""
    if not stack.has_page:
        print("--open: the page is not built in this checkout; the API is described at " + f"{stack.url}/docs")
    elif not webbrowser.open(stack.page_url):
        print(f"--open: no browser was found on this machine; the page is at {stack.page_url}")


def _demo(options: argparse.Namespace) -> int:
    return run_demo(options.out, Console())


def _generate(options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)  # better now than after the work
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom:
        image = darkroom.upload(options.image) if options.image else None
        names = ("n", "model", "seed", "steps", "width", "height", "strength")
        job = darkroom.generate(options.prompt, image=image, **{name: getattr(options, name) for name in names})
        with Console().status(f"job {job.id}") as line:
            job = darkroom.wait(
                job.id, lambda now: line.update(f"{now.state} {now.progress.percent if now.progress else 0} %")
            )
        for file in darkroom.save(job, options.out):
            print(file)
    if job.error is not None:
        print(f"darkroom: {job.error.code}: {job.error.message}", file=sys.stderr)
    return 0 if job.state == State.SUCCEEDED else 1


def _status(options: argparse.Namespace) -> int:
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom:
        if options.once:
            Console().print(status_tables(darkroom.status()))
            return 0
        with Live(refresh_per_second=2) as live:
            while True:
                live.update(status_tables(darkroom.status()))
                time.sleep(STATUS_EVERY_S)


def _retry(options: argparse.Namespace) -> int:
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom:
        print(darkroom.retry(options.job).id)
    return 0


def _tell_worker(options: argparse.Namespace) -> int:
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom:
        tell = darkroom.drain if options.command == "drain" else darkroom.resume
        jobs = tell(options.worker)["jobs"]
    print(f"{options.worker}: {options.command}" + (f", still runs {', '.join(jobs)}" if jobs else ""))
    return 0


def _become_worker_command(name: str, arguments: list[str]) -> int:
    """Hand over this process, so that signals reach the command directly."""
    os.execv(sys.executable, [sys.executable, "-m", f"workers.{WORKER_COMMANDS[name]}", *arguments])
