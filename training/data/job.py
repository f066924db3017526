"""The data's steps as a SageMaker Processing job: `python -m training.data.job STEP`.

    /opt/ml/processing/input/pool      a manifest with its pictures, or pictures alone
    /opt/ml/processing/input/frozen    optional: a manifest whose frozen frames judge models
    /opt/ml/processing/input/model     optional: the champion, as .onnx or model.tar.gz
    /opt/ml/processing/output          the curated folder, the split manifest or the report
    /opt/ml/output/message             what went wrong: SageMaker's ExitMessage

STEP is curate, split or validate; settings come from the environment, see `JobSettings`.
"""

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from headcount.errors import HeadcountError, ManifestError, ModelError
from headcount.settings import Settings
from training.catalogue import SHIPPED, Catalogue
from training.data.curation import Readers, Wish, curate
from training.data.findings import Rule
from training.data.grouping import with_groups
from training.data.pool import MANIFEST_NAME, read_pool
from training.data.split_plan import By, SplitPlan
from training.data.splits import split_frames
from training.data.stronger import StrongReader
from training.data.validation import Bounds, validate
from training.data.validation_page import write_page
from training.manifest import Manifest, read_manifest, write_manifest
from training.model_entry import ModelFile
from training.serving.endpoint import CARD_FILE, MODEL_FILE

# Characters: the most that SageMaker keeps of an ExitMessage.
_LONGEST_MESSAGE = 1024
_REFUSED = 1


class JobSettings(Settings):
    """What a job is asked for; each field is an environment variable, in upper case.

    Attributes:
        data_budget: The most frames to take.
        data_drifted: Slices or light modes that drifted, separated by commas.
        data_pseudo_label: Whether the stronger reading labels what it is sure of.
        data_split_by: `camera-and-time` or `group`.
        data_validation_share: Of the frames, 0 to 1.
        data_golden_share: Of the frames, 0 to 1.
        data_least: Labelled frames wanted of each camera, light, slice and part.
        data_allow: Rules to waive, separated by commas.
        data_label_noise: Whether pictures are read to tell how wrong labels are.
    """

    data_budget: int = 200
    data_drifted: str = ""
    data_pseudo_label: bool = True
    data_split_by: By = By.CAMERA_AND_TIME
    data_validation_share: float = SplitPlan().validation
    data_golden_share: float = SplitPlan().golden
    data_least: int = Bounds().least
    data_allow: str = ""
    data_label_noise: bool = True

    @property
    def drifted(self) -> frozenset[str]:
        """Return the slices that drifted."""
        return _listed(self.data_drifted)

    @property
    def allowed(self) -> frozenset[Rule]:
        """Return the rules that are waived.

        Raises:
            ManifestError: If there is no such rule.
        """
        unknown = sorted(_listed(self.data_allow) - set(Rule))
        if unknown:
            raise ManifestError(
                f"DATA_ALLOW names {', '.join(unknown)}, which is no rule.\n"
                f"Rules are {', '.join(Rule)}."
            )
        return frozenset(map(Rule, _listed(self.data_allow)))


class Container:
    """The folders of a Processing job."""

    def __init__(self, root: Path) -> None:
        """Name them.

        Args:
            root: What stands for `/`.
        """
        self.pool = root / "opt/ml/processing/input/pool"
        self.frozen = root / "opt/ml/processing/input/frozen"
        self.model = root / "opt/ml/processing/input/model"
        self.output = root / "opt/ml/processing/output"
        self.message = root / "opt/ml/output/message"

    def frozen_manifest(self) -> Manifest | None:
        """Return the frozen set, if one was given."""
        path = self.frozen / MANIFEST_NAME
        return read_manifest(path) if path.is_file() else None

    @contextmanager
    def champion(self) -> Iterator[ModelFile]:
        """Lend the champion: the one given, or the one that Headcount ships.

        Raises:
            ModelError: If the folder holds none or more than one, or it cannot be served.
        """
        catalogue = Catalogue.read()
        if not self.model.is_dir():
            yield catalogue.find(SHIPPED)
            return
        found = sorted([*self.model.glob("*.onnx"), *self.model.glob("*.tar.gz")])
        if len(found) != 1:
            raise ModelError(
                f"{self.model} holds {len(found)} models.\nGive one .onnx or model.tar.gz."
            )
        if found[0].suffix == ".onnx":
            yield catalogue.describe(found[0])
            return
        with tempfile.TemporaryDirectory() as folder:
            yield catalogue.describe(_unpack(found[0], Path(folder)))

    def say(self, text: str) -> None:
        """Leave a message that SageMaker shows."""
        self.message.parent.mkdir(parents=True, exist_ok=True)
        self.message.write_text(text[:_LONGEST_MESSAGE], encoding="utf-8")


def run(step: str, container: Container, settings: JobSettings) -> int:
    """Run one step, and return the exit code: 1 with a message if it cannot be done."""
    try:
        return _STEPS[step](container, settings)
    except HeadcountError as refused:
        container.say(str(refused))
        sys.stderr.write(f"{step}: {refused}\n")
        return _REFUSED


def _curate(container: Container, settings: JobSettings) -> int:
    pool = read_pool(container.pool)
    wish = Wish(
        budget=settings.data_budget,
        drifted=settings.drifted,
        pseudo_label=settings.data_pseudo_label,
    )
    with container.champion() as model:
        stronger = StrongReader.open(model)
        readers = Readers(stronger.served, stronger)
        curated = curate(pool, container.output, wish, readers, container.frozen_manifest())
    _log(
        frames=curated.pool,
        taken=len(curated.picked),
        near_duplicates=curated.near_duplicates,
        manifest_sha256=curated.manifest.sha256,
    )
    return 0


def _split(container: Container, settings: JobSettings) -> int:
    manifest = read_manifest(container.pool / MANIFEST_NAME)
    plan = SplitPlan(
        validation=settings.data_validation_share,
        golden=settings.data_golden_share,
        drifted=settings.drifted,
        by=settings.data_split_by,
    )
    outcome = split_frames(with_groups(manifest), plan, MANIFEST_NAME)
    # The manifest alone: it belongs beside the pictures that are where they were.
    written = write_manifest(container.output / MANIFEST_NAME, outcome.frames)
    sizes = {part.value or "none": number for part, number in outcome.sizes.items()}
    _log(frames=len(outcome.frames), manifest_sha256=written.sha256, **sizes)
    return 0


def _validate(container: Container, settings: JobSettings) -> int:
    manifest = read_manifest(container.pool / MANIFEST_NAME)
    bounds = Bounds(least=settings.data_least, allowed=settings.allowed)
    frozen = container.frozen_manifest()
    if settings.data_label_noise:
        with container.champion() as model:
            report = validate(manifest, bounds, StrongReader.open(model), frozen)
    else:
        report = validate(manifest, bounds, None, frozen)
    container.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.as_json(), indent=2) + "\n"
    (container.output / "report.json").write_text(text, encoding="utf-8")
    write_page(report, container.output / "report.html")
    _log(
        frames=len(manifest.frames),
        findings=len(report.findings),
        manifest_sha256=manifest.sha256,
    )
    if report.is_valid:
        return 0
    rules = ", ".join(sorted({one.rule.value for one in report.findings}))
    container.say(
        f"Refused: {len(report.findings)} findings ({rules}). The first: "
        f"{report.findings[0].what}.\nAll are in report.html."
    )
    return _REFUSED


_STEPS: Mapping[str, Callable[[Container, JobSettings], int]] = {
    "curate": _curate,
    "split": _split,
    "validate": _validate,
}


def _unpack(archive: Path, folder: Path) -> Path:
    """Return the weights of a model package, with its card, which names the threshold, beside."""
    try:
        with tarfile.open(archive) as package:
            for name in (MODEL_FILE, CARD_FILE):
                package.extract(name, folder, filter="data")
    except (OSError, tarfile.TarError, KeyError) as fault:
        raise ModelError(
            f"{archive} is no model package: {fault}.\n"
            f"Give a model.tar.gz with {MODEL_FILE} and {CARD_FILE}."
        ) from fault
    return folder / MODEL_FILE


def _listed(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _log(**figures: object) -> None:
    """Write one line for CloudWatch: figures and hashes, no frame's name."""
    sys.stdout.write(json.dumps(figures) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step that is named."""
    parser = argparse.ArgumentParser(prog="python -m training.data.job")
    parser.add_argument("step", choices=sorted(_STEPS))
    parser.add_argument("--root", type=Path, default=Path("/"), help="what stands for /")
    asked = parser.parse_args(arguments)
    container = Container(asked.root)
    try:
        settings = JobSettings.from_env()
    except HeadcountError as refused:
        container.say(str(refused))
        sys.stderr.write(f"{refused}\n")
        return _REFUSED
    return run(asked.step, container, settings)


if __name__ == "__main__":
    sys.exit(main())
