"""What a training run may be told: SageMaker's hyperparameters.json, where every value is text."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headcount.errors import TrainingError


class Hyperparameters(BaseModel):
    """What a run may be told; the defaults are those of docs/training.md.

    Attributes:
        adapter: Which network the champion is.
        steps: Batches to learn from.
        batch_size: Pictures in one.
        crop_px: Side of the square that is seen of each picture; a multiple of 32.
        learning_rate: At its peak; it rises over the first tenth and falls as a cosine.
        weight_decay: Of AdamW.
        rehearsal_share: Share of a batch that comes from the rehearsal channel, 0 to 1.
        distillation: Weight of staying with what the champion says of the undarkened picture.
        darkened_share: Share of the rehearsal pictures shown in less light, 0 to 1.
        darkened_train_share: The same of the training pictures, which may be dark already.
        average_decay: Of the weights' exponential moving average, which is what is exported.
        validations: How often the run stops to validate, the last time at its end.
        rehearsal_margin: How much average precision the rehearsed frames may lose before a round
            cannot be chosen.
        checkpoint_every: Steps between checkpoints.
        threads: Processor threads; 0 for all.
        seed: Of everything that is random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: Literal["centerface", "yunet"] = "centerface"
    steps: int = Field(default=200, ge=1, le=100_000)
    batch_size: int = Field(default=4, ge=1, le=256)
    crop_px: int = Field(default=320, ge=96, le=1280, multiple_of=32)
    learning_rate: float = Field(default=7e-5, gt=0, le=0.1)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    rehearsal_share: float = Field(default=0.5, ge=0, le=0.9)
    distillation: float = Field(default=3.0, ge=0, le=100)
    darkened_share: float = Field(default=0.5, ge=0, le=1)
    darkened_train_share: float = Field(default=0.0, ge=0, le=1)
    average_decay: float = Field(default=0.98, ge=0, lt=1)
    validations: int = Field(default=4, ge=1, le=1000)
    rehearsal_margin: float = Field(default=0.01, ge=0, le=1)
    checkpoint_every: int = Field(default=25, ge=1)
    threads: int = Field(default=0, ge=0, le=256)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


def read_hyperparameters(texts: dict[str, object]) -> Hyperparameters:
    """Return checked hyperparameters.

    Args:
        texts: As SageMaker writes them; its own names (`sagemaker_program` and the like) are
            left out.

    Raises:
        TrainingError: If one is unknown, is not a number or is out of its range.
    """
    ours = {name: value for name, value in texts.items() if not name.startswith("sagemaker_")}
    # SageMaker's SDK writes every value as JSON: text then comes in quotes of its own.
    plain = {
        name: value.strip('"') if isinstance(value, str) else value for name, value in ours.items()
    }
    try:
        return Hyperparameters.model_validate(plain)
    except ValidationError as refused:
        fault = refused.errors()[0]
        name = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            raise TrainingError(
                f"hyperparameters.json: {name} is no hyperparameter.\n"
                f"There are {', '.join(sorted(Hyperparameters.model_fields))}."
            ) from refused
        raise TrainingError(
            f"hyperparameters.json: {name} is {fault['input']!r}: {fault['msg']}.\n"
            "Correct the value, or leave it out for the default."
        ) from refused
