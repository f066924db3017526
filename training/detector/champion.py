"""The model that a run begins with and must not forget: weights, and how they are served."""

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from headcount.errors import TrainingError
from training.catalogue import SHIPPED, Catalogue
from training.detector.container import Container
from training.model_entry import ModelFile
from training.package import THREADS, card_of
from training.serving.adapters import open_detector
from training.serving.endpoint import CARD_FILE, MODEL_FILE, ModelCard, ServedModel
from training.weights import sha256_of

_ARCHIVE = "model.tar.gz"


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that serves now.

    Attributes:
        file: Its ONNX file, and how it is served.
    """

    file: ModelFile

    def served(self, weights: Path, threads: int) -> ServedModel:
        """Return other weights, served as the champion is.

        Raises:
            ModelFormError: If they are not of the champion's form.
        """
        entry = self.file.entry
        card = ModelCard(
            name=entry.name,
            version=entry.version,
            sha256=entry.sha256,
            threshold=entry.threshold,
            size=entry.input,
            threads=THREADS,
            adapter=entry.adapter,
            finds=entry.finds,
        )
        return ServedModel(card, open_detector(weights, entry.adapter, entry.input, threads))

    def write_card(self, weights: Path, version: str, threshold: float) -> None:
        """Write a challenger's model.json beside its weights, as the endpoint reads it."""
        entry = self.file.entry.model_copy(
            update={"version": version, "threshold": threshold, "sha256": sha256_of(weights)}
        )
        card = json.dumps(card_of(ModelFile(weights, entry)), indent=2)
        (weights.parent / CARD_FILE).write_text(card + "\n", encoding="utf-8")


def find_champion(container: Container, adapter: str, scratch: Path) -> Champion:
    """Return the champion of the channel `model`, or the packaged CenterFace without one.

    Args:
        container: Of the job; the channel holds model.onnx, with or without its model.json, or the
            model.tar.gz that serves.
        adapter: The form that the run is to train.
        scratch: Where an archive's two files may be laid.

    Raises:
        TrainingError: If the channel holds no model, or none of that form.
        ModelError: If the file is no detector, or the packaged weights cannot be had.
    """
    folder = container.channel("model")
    catalogue = Catalogue.read()
    if folder is None:
        file = catalogue.find(SHIPPED)
    else:
        if (folder / _ARCHIVE).is_file():
            folder = _unpack(folder / _ARCHIVE, scratch)
        if not (folder / MODEL_FILE).is_file():
            raise TrainingError(
                f"The channel model holds neither {MODEL_FILE} nor {_ARCHIVE}: {folder}.\n"
                "Give it the champion's."
            )
        file = catalogue.describe(folder / MODEL_FILE)
    if file.entry.adapter != adapter:
        whose = "The packaged champion" if folder is None else "The champion of the channel model"
        raise TrainingError(
            f"{whose} is a {file.entry.adapter}, but the hyperparameter adapter is {adapter}.\n"
            "Set it to the champion's form, or give the channel model another champion."
        )
    return Champion(file)


def _unpack(archive: Path, scratch: Path) -> Path:
    """Lay out the weights and the card of an archive, and nothing else of it."""
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                content = packed.extractfile(member) if member.isfile() else None
                if content is not None and member.name in (MODEL_FILE, CARD_FILE):
                    with (scratch / member.name).open("wb") as out:
                        shutil.copyfileobj(content, out)
    except (tarfile.TarError, EOFError, OSError) as fault:
        raise TrainingError(
            f"{archive} cannot be unpacked ({fault}).\nGive the channel model the whole archive."
        ) from fault
    return scratch
