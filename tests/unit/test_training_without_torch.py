"""Torch has an environment of its own; whoever trains in another is told which."""

import importlib
import importlib.util

import pytest


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is not None, reason="There is torch in this environment."
)
def test_training_without_torch_names_the_environment_that_has_it() -> None:
    with pytest.raises(SystemExit, match=r"\.build/training/bin/python"):
        importlib.import_module("training.detector.train")
