"""The `headcount` command. A verb's module is imported when it is used, so `--help` is fast."""

import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from headcount.errors import HeadcountError

# Told apart from 1, which a verb uses for "done, and the answer is no" (a site file with faults).
_REFUSED = 2
# What a shell reports for a process that ended by SIGINT.
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives.

    Attributes:
        module: Imported on first use.
        attribute: A `typer.Typer` with verbs of its own, or the command's function.
        summary: Its line in `headcount --help`.
    """

    module: str
    attribute: str
    summary: str


VERBS = {
    "demo": Verb("ops.demo", "demo", "Play clips through the whole flow on this machine."),
    "site": Verb("ops.site", "app", "Validate, apply, show and retire sites."),
    "gateway": Verb("ops.gateway", "app", "Send a camera's video to Kinesis Video."),
    "query": Verb("ops.query", "query", "Run the lake's named queries."),
    "verify": Verb("ops.verify", "verify", "Check a run's events against what is promised."),
    "camera": Verb("ops.camera", "app", "Measure how well a camera finds faces."),
    "simulate": Verb("ops.simulate", "simulate", "Run a policy over recorded or made-up days."),
    "data": Verb("ops.data", "app", "Choose, label, validate and split training frames."),
    "evaluate": Verb("ops.evaluate", "evaluate", "Score the model against labelled images."),
    "gate": Verb("ops.gate", "gate_challenger", "Promote a model over the champion, or not."),
    "review": Verb("ops.review", "review", "Look at frames in a browser, and correct their boxes."),
    "model": Verb("ops.model", "app", "List, bring and remove models."),
    "monitor": Verb("ops.monitor", "app", "Watch the cameras' pictures for drift."),
    "local": Verb("ops.local", "app", "Run the embedded AWS on this machine."),
}


class LazyGroup(TyperGroup):
    """Lists verbs from a table and imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as above
        """Return what `--help` needs of a verb, without importing it; None for no such verb."""
        verb = VERBS.get(cmd_name)
        return verb and TyperCommand(cmd_name, help=verb.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb's name, the verb itself, imported, and the arguments left."""
        name, _listed, rest = super().resolve_command(ctx, args)
        return name, _load(str(name)), rest


def _load(name: str) -> Any:
    verb = VERBS[name]
    entry: typer.Typer | Callable[..., object] = getattr(
        importlib.import_module(verb.module), verb.attribute
    )
    if isinstance(entry, typer.Typer):
        return typer.main.get_command(entry)
    app = typer.Typer(add_completion=False)
    app.command(name)(entry)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; an error of ours is one message on stderr and exit code 2.

    Args:
        arguments: What follows `headcount` on the command line; by default the process's own.
    """
    # A shell that starts us in the background leaves SIGINT ignored; it must stop us all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    root = LazyGroup(
        name="headcount",
        help="People counts from a building's own cameras, and the commands its BMS runs on.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    )
    try:
        root.main(args=list(sys.argv[1:] if arguments is None else arguments))
    except HeadcountError as refused:
        sys.stderr.write(f"headcount: {refused}\n")
        sys.exit(_REFUSED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
