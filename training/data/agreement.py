"""How far pseudo-labels can be trusted: measured where people have labelled the same frames."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from headcount.errors import ManifestError
from training.data.pictures import read_picture
from training.data.pseudo_labels import label_frame
from training.data.readings import match, read_with
from training.data.stronger import StrongReader
from training.labels import Boxes
from training.manifest import Frame, Manifest, Origin

Watch = Callable[[Sequence[Frame], str], Iterable[Frame]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How boxes compare with those of people, at IoU 0.5.

    Attributes:
        frames: How many frames were compared.
        faces: How many faces people marked in them.
        precision: Share of the boxes that are a marked face; None without a box.
        recall: Share of the marked faces that are boxed; None without a face.
        count_mae: Mean absolute error of the count, in faces.
        exact: Share of the frames whose count is right.
    """

    frames: int
    faces: int
    precision: float | None
    recall: float | None
    count_mae: float
    exact: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pseudo-labels, and the plain champion at its threshold, against people.

    Attributes:
        champion: On all frames.
        pseudo_labels: On the frames that the stronger reading is sure of.
        champion_there: The champion on those frames.
        left_for_review: Frames that the stronger reading left to people.
    """

    champion: Agreement
    pseudo_labels: Agreement | None
    champion_there: Agreement | None
    left_for_review: int

    def as_json(self) -> dict[str, Any]:
        """Return the figures for machines."""
        return asdict(self)


def compare_with_people(
    manifest: Manifest, reader: StrongReader, watch: Watch = lambda frames, _: frames
) -> Comparison:
    """Return how pseudo-labels compare with people's on the frames that people labelled.

    Raises:
        ManifestError: If there is no such frame, or a picture cannot be read.
    """
    labelled = [frame for frame in manifest.frames if frame.origin is Origin.PEOPLE]
    if not labelled:
        raise ManifestError(
            f"{manifest.path} has no frame that people labelled.\nLabel some: headcount review."
        )
    threshold = reader.served.card.threshold
    plain: list[tuple[Boxes, Boxes]] = []
    pseudo: list[tuple[Boxes, Boxes]] = []
    there: list[tuple[Boxes, Boxes]] = []
    for frame in watch(labelled, "Comparing"):
        pixels = read_picture(manifest.picture(frame)).pixels
        plain.append((frame.faces, read_with(reader.served, pixels).counted(threshold)))
        unlabelled = replace(frame, origin=Origin.NOBODY)
        verdict = label_frame(unlabelled, reader.read(pixels), reader.served.card)
        if verdict.frame.is_labelled:
            pseudo.append((frame.faces, verdict.frame.faces))
            there.append(plain[-1])
    return Comparison(
        champion=agreement_of(plain),
        pseudo_labels=agreement_of(pseudo) if pseudo else None,
        champion_there=agreement_of(there) if there else None,
        left_for_review=len(plain) - len(pseudo),
    )


def agreement_of(pairs: Sequence[tuple[Boxes, Boxes]]) -> Agreement:
    """Return how boxes compare with people's.

    Args:
        pairs: At least one: people's boxes of a frame, and the others.
    """
    found = sum(len(match(others, people)) for people, others in pairs)
    faces = sum(len(people) for people, _ in pairs)
    boxes = sum(len(others) for _, others in pairs)
    errors = [abs(len(others) - len(people)) for people, others in pairs]
    return Agreement(
        frames=len(pairs),
        faces=faces,
        precision=round(found / boxes, 4) if boxes else None,
        recall=round(found / faces, 4) if faces else None,
        count_mae=round(sum(errors) / len(errors), 4),
        exact=round(errors.count(0) / len(errors), 4),
    )
