"""Where a run is, kept so that a stopped one goes on as if nothing had happened."""

import os
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from headcount.errors import TrainingError

FILE = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one run.

    Attributes:
        folder: Where they are kept.
        run_sha256: Of all that decides what the run's weights will be.
    """

    folder: Path
    run_sha256: str

    def save(self, state: dict[str, Any]) -> None:
        """Write a state whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{FILE}.{os.getpid()}"
        torch.save(state | {"run_sha256": self.run_sha256}, unfinished)
        unfinished.replace(self.folder / FILE)

    def newest(self) -> dict[str, Any] | None:
        """Return the newest state, or None at the run's beginning.

        Raises:
            TrainingError: If it cannot be read or is of another run.
        """
        file = self.folder / FILE
        if not file.is_file():
            return None
        try:
            # Tensors and plain values only: a checkpoint must not be able to run anything.
            state: dict[str, Any] = torch.load(file, weights_only=True)
        except (RuntimeError, UnpicklingError, EOFError, OSError) as fault:
            raise TrainingError(
                f"{file} is no whole checkpoint ({str(fault).splitlines()[0]}).\n"
                "Remove it to begin the run anew."
            ) from fault
        if state.get("run_sha256") != self.run_sha256:
            raise TrainingError(
                f"{file} is of another run: its data, hyperparameters or champion differ.\n"
                "Give each run a checkpoint folder of its own, or remove the file."
            )
        return state
