"""`python -m ops.build`: build what is deployed, unless it is there already."""

import sys
from collections.abc import Callable
from pathlib import Path

from cdk.assets import AWS_ARM64, LAYERS, AssetError, host_target, layer_zip
from headcount.errors import ModelError
from training.package import build_model


def main() -> int:
    """Build the layers and model packages for this machine and for AWS, saying so."""
    try:
        build_for_this_machine(print)
        for layer in LAYERS:
            layer_zip(layer, AWS_ARM64, print)
        print(f"Model package for aws: {_megabytes(build_model('aws'))}")
    except (AssetError, ModelError) as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def build_for_this_machine(say: Callable[[str], None]) -> None:
    """Build what the local stage deploys.

    Raises:
        AssetError: If a layer cannot be built.
        ModelError: If the model package cannot be built.
    """
    for layer in LAYERS:
        layer_zip(layer, host_target(), say)
    say(f"Model package for this machine: {_megabytes(build_model('local'))}")


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1024**2:.0f} MB."


if __name__ == "__main__":
    sys.exit(main())
