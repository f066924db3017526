"""The folders of a SageMaker training container, on any machine.

Source: SageMaker developer guide, "How Amazon SageMaker provides training information".
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headcount.errors import TrainingError

OPT_ML = Path("/opt/ml")
# What DescribeTrainingJob can show as FailureReason.
_LONGEST_REASON = 1024


@dataclass(frozen=True, slots=True)
class Container:
    """Where a training job finds what it is given and leaves what it made.

    Attributes:
        root: `/opt/ml` in SageMaker; any folder of the same shape elsewhere.
    """

    root: Path = OPT_ML

    @property
    def model(self) -> Path:
        """Return the folder that becomes model.tar.gz."""
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        """Return the folder that SageMaker keeps in S3 while the job runs."""
        return self.root / "checkpoints"

    def hyperparameters(self) -> dict[str, object]:
        """Return hyperparameters.json; without the file, none.

        Raises:
            TrainingError: If the file is not a JSON object.
        """
        return self._read_config("hyperparameters.json")

    def channel(self, name: str) -> Path | None:
        """Return a channel's folder, or None if the job was not given it.

        Raises:
            TrainingError: If the job was given it and the folder is not there.
        """
        folder = self.root / "input/data" / name
        if folder.is_dir():
            return folder
        if name in self._read_config("inputdataconfig.json"):
            raise TrainingError(
                f"inputdataconfig.json names the channel {name}, but {folder} is not there.\n"
                "The job needs the channel in File mode."
            )
        return None

    def needed_channel(self, name: str, what: str) -> Path:
        """Return a channel's folder.

        Args:
            name: Of the channel.
            what: What it holds, for the message.

        Raises:
            TrainingError: If it is not there.
        """
        folder = self.channel(name)
        if folder is None:
            raise TrainingError(
                f"The channel {name} is missing: {self.root / 'input/data' / name}.\n"
                f"Give the job a channel {name} with {what}."
            )
        return folder

    def fail(self, reason: str) -> None:
        """Write the one reason for which the job failed to output/failure."""
        file = self.root / "output/failure"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(reason[:_LONGEST_REASON] + "\n", encoding="utf-8")

    def _read_config(self, name: str) -> dict[str, Any]:
        file = self.root / "input/config" / name
        if not file.is_file():
            return {}
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as fault:
            raise TrainingError(
                f"{file} is not JSON ({fault}).\nWrite an object of texts, or leave it out."
            ) from fault
        if not isinstance(document, dict):
            raise TrainingError(f"{file} is not an object.\nWrite an object of texts.")
        return document
