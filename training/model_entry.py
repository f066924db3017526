"""What is known of a model: the entries of models.yaml."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from headcount.errors import ModelError
from training.serving.adapters import ADAPTERS
from training.serving.detector import InputSize

UNSTATED = "not stated"
NAME = r"[a-z0-9][a-z0-9._-]{0,62}"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}"


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError(f"{name!r} is not 1 to 63 of a-z, 0-9, dot, underscore and hyphen")
    return name


def _checked_version(version: str) -> str:
    if not re.fullmatch(_VERSION, version):
        raise ValueError(
            f"{version!r} is not 1 to 63 letters, digits, dots, hyphens and plus signs"
        )
    return version


def _checked_sha256(sha256: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError(f"{sha256!r} is not 64 hexadecimal digits")
    return sha256


def _known_adapter(name: str) -> str:
    if name not in ADAPTERS:
        raise ValueError(f"{name!r} is none of {', '.join(ADAPTERS)}")
    return name


class ModelEntry(BaseModel):
    """One model of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_checked_name)]
    version: Annotated[str, AfterValidator(_checked_version)]
    finds: Literal["faces", "persons"]
    adapter: Annotated[str, AfterValidator(_known_adapter)]
    sha256: Annotated[str, AfterValidator(_checked_sha256)]
    source: str
    licence: str = UNSTATED
    trained_on: str = UNSTATED
    input: InputSize
    threshold: Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file and what is known of it.

    Attributes:
        path: The file.
        entry: Its `sha256` is the file's.
    """

    path: Path
    entry: ModelEntry


def read_entries(file: Path) -> dict[str, ModelEntry]:
    """Return the entries of a file, by name, in its order.

    Raises:
        ModelError: If the file, or an entry of it, is wrong; names the line, entry and field.
    """
    try:
        document = YAML().load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as fault:
        raise ModelError(
            f"{file} cannot be read as YAML: {' '.join(str(fault).split())}.\nCorrect the file."
        ) from fault
    listed = document.get("models") if isinstance(document, dict) else None
    if not isinstance(listed, CommentedSeq):
        raise ModelError(f"{file} has no list `models`.\nCorrect the file.")
    entries: dict[str, ModelEntry] = {}
    for number, said in enumerate(listed):
        line = listed.lc.item(number)[0] + 1
        try:
            entry = ModelEntry.model_validate(dict(said) if isinstance(said, dict) else said)
        except ValidationError as fault:
            name = said.get("name", "") if isinstance(said, dict) else ""
            raise ModelError(
                f"{file}:{line}: model {str(name)!r}: {first_fault(fault)}.\nCorrect the entry."
            ) from fault
        if entry.name in entries:
            raise ModelError(
                f"{file}:{line}: there are two models {entry.name!r}.\nGive one another name."
            )
        entries[entry.name] = entry
    return entries


def first_fault(fault: ValidationError) -> str:
    """Return the first thing that is wrong with an entry, and in which field."""
    first = fault.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{field}: {said}" if field else said
