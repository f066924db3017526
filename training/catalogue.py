"""The models that can be served: those that Headcount knows, and those that a user has brought."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from headcount.errors import ModelError
from training.model_entry import (
    NAME,
    UNSTATED,
    ModelEntry,
    ModelFile,
    first_fault,
    read_entries,
)
from training.model_file import examine
from training.serving.detector import InputSize
from training.serving.endpoint import CARD_FILE, MODEL_FILE, ModelCard
from training.weights import BUILD, fetch_weights, sha256_of

KNOWN_MODELS = Path(__file__).with_name("models.yaml")
# What users bring; never committed.
OWN_FOLDER = BUILD / "models"
# Comes with the project; all others are brought.
SHIPPED = "centerface"
_OWN_FILE = "models.yaml"
_HEADER = "# Written by `headcount model add`; docs/models.md says what each field means.\n"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models, by name.

    Attributes:
        folder: Where a user's own files are.
        known: Those that Headcount knows; only `SHIPPED` comes with it.
        own: Those that the user has brought.
    """

    folder: Path
    known: Mapping[str, ModelEntry]
    own: Mapping[str, ModelEntry]

    @classmethod
    def read(cls, folder: Path = OWN_FOLDER) -> "Catalogue":
        """Return the catalogue, with what is in a user's folder.

        Raises:
            ModelError: If a file of entries is wrong; names the line, the entry and the field.
        """
        own = folder / _OWN_FILE
        return cls(folder, read_entries(KNOWN_MODELS), read_entries(own) if own.exists() else {})

    def entries(self) -> list[ModelEntry]:
        """Return every entry once, the shipped one first."""
        return list({**self.known, **self.own}.values())

    def is_here(self, name: str) -> bool:
        """Return whether a model's file is at hand, or comes with the project."""
        return name == SHIPPED or name in self.own

    def find(self, name: str) -> ModelFile:
        """Return a model and its file.

        Raises:
            ModelError: If there is none of that name, its file was not brought, or is another one.
        """
        entry = self.entry(name)
        if name == SHIPPED:
            path = fetch_weights()
        elif name in self.own:
            path = self._path(name)
        else:
            raise ModelError(
                f"The file of model {name!r} is not here.\n"
                f"Bring it: headcount model add FILE_OR_URL, from {entry.source}."
            )
        if not path.is_file() or sha256_of(path) != entry.sha256:
            remedy = (
                f"If it was meant to change, write its sha256 into {KNOWN_MODELS}."
                if name == SHIPPED
                else f"Run headcount model remove {name}, and add it again."
            )
            raise ModelError(
                f"{path} is not the file that the catalogue says model {name!r} is.\n{remedy}"
            )
        return ModelFile(path, entry)

    def entry(self, name: str) -> ModelEntry:
        """Return what is known of a model.

        Raises:
            ModelError: If there is none of that name.
        """
        entry = self.own.get(name) or self.known.get(name)
        if entry is None:
            raise ModelError(
                f"There is no model {name!r}.\n"
                f"The catalogue has {', '.join(one.name for one in self.entries())}; "
                "headcount model add FILE_OR_URL brings another."
            )
        return entry

    def resolve(self, named: str | Path) -> ModelFile:
        """Return the model of that name, or what can be said of that file.

        Raises:
            ModelError: If it is neither a model nor the file of one.
        """
        if str(named) in {**self.known, **self.own}:
            return self.find(str(named))
        path = Path(named)
        if not path.exists() and re.fullmatch(NAME, str(named)) and path.suffix != ".onnx":
            self.entry(str(named))
        return self.describe(path)

    def describe(
        self,
        path: Path,
        *,
        name: str = "",
        version: str = "",
        adapter: str = "",
        threshold: float | None = None,
        licence: str = "",
        finds: str = "",
    ) -> ModelFile:
        """Return what is known of an ONNX file; what is given by name comes before what is found.

        A file that is in the catalogue is that model. A `model.onnx` with its `model.json`, as a
        training job leaves them, is who its card says. Any other takes the input size and the
        threshold of the catalogue's model of the same form.

        Raises:
            ModelError: If it is no detector that can be served.
        """
        found = examine(path, adapter)
        listed = next((one for one in self.entries() if one.sha256 == found.sha256), None)
        like = next(one for one in self.known.values() if one.adapter == found.adapter.name)
        fixed = found.fixed_side_px
        entry = listed or like.model_copy(
            update={
                "name": _name_after(path, found.adapter.name),
                "version": found.sha256[:12],
                "sha256": found.sha256,
                "source": path.name,
                "licence": UNSTATED,
                "trained_on": UNSTATED,
                "input": like.input if fixed is None else InputSize(fixed, fixed),
            }
        )
        given = {
            "name": name,
            "version": version,
            "threshold": threshold,
            "licence": licence,
            "finds": finds,
        }
        changed = {
            **({} if listed else _said_by_card(path, found.sha256)),
            **{field: value for field, value in given.items() if value not in ("", None)},
        }
        try:
            return ModelFile(path, ModelEntry.model_validate(entry.model_dump() | changed))
        except ValidationError as fault:
            raise ModelError(f"{path}: {first_fault(fault)}.\nGive another value.") from fault

    def add(self, model: ModelFile, source: str) -> ModelEntry:
        """Keep a file and its entry, and return the entry.

        Args:
            model: What to keep; the file is copied.
            source: Where it came from.

        Raises:
            ModelError: If the name is another model's, or the folder cannot be written to.
        """
        entry = model.entry.model_copy(update={"source": source})
        taken = self.own.get(entry.name) or self.known.get(entry.name)
        if taken is not None and (taken.sha256 != entry.sha256 or entry.name == SHIPPED):
            raise ModelError(
                f"The name {entry.name!r} is taken by a model with sha256 {taken.sha256[:12]}….\n"
                "Give this one another with --name."
            )
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._path(entry.name).with_suffix(".unfinished")
            shutil.copyfile(model.path, unfinished)
            unfinished.replace(self._path(entry.name))
            self._write({**self.own, entry.name: entry})
        return entry

    def remove(self, name: str) -> None:
        """Forget a model that was brought, and its file.

        Raises:
            ModelError: If there is none of that name, or it was not brought.
        """
        self.entry(name)
        if name not in self.own:
            raise ModelError(
                f"Model {name!r} was not brought: there is nothing to remove.\n"
                f"What can be removed: {', '.join(self.own) or 'nothing'}."
            )
        with self._writing():
            self._write({other: entry for other, entry in self.own.items() if other != name})
            self._path(name).unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise ModelError(
                f"{self.folder} cannot be written to ({fault.strerror}).\n"
                "Name a folder of yours with --models."
            ) from fault

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.onnx"

    def _write(self, own: Mapping[str, ModelEntry]) -> None:
        file = self.folder / _OWN_FILE
        unfinished = file.with_suffix(".unfinished")
        # JSON is YAML: what is written needs no library to write it.
        entries = [entry.model_dump() | {"input": asdict(entry.input)} for entry in own.values()]
        unfinished.write_text(
            _HEADER + json.dumps({"models": entries}, indent=2) + "\n", encoding="utf-8"
        )
        unfinished.replace(file)


def _name_after(path: Path, adapter: str) -> str:
    """Return a name for a file that says nothing of itself."""
    if path.name == MODEL_FILE:
        return adapter
    return re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("._-")[:63] or adapter


def _said_by_card(path: Path, sha256: str) -> dict[str, Any]:
    """Return what the model.json beside a training job's model.onnx says of that very file."""
    card_path = path.with_name(CARD_FILE)
    if path.name != MODEL_FILE or not card_path.is_file():
        return {}
    try:
        card = ModelCard.read(card_path)
    except (ValueError, KeyError, TypeError) as fault:
        raise ModelError(
            f"{card_path} is no model card ({fault!r}).\nTake it away, or have it made again."
        ) from fault
    if card.sha256 != sha256:
        raise ModelError(
            f"{card_path} is of another file than {path}: it says sha256 {card.sha256[:12]}….\n"
            "Take it away, or put the file beside it that it belongs to."
        )
    return {
        "name": card.name,
        "version": card.version,
        "threshold": card.threshold,
        "input": asdict(card.size),
    }
