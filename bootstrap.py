"""Find the Python we deploy on, and make the environments. Standard library only."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# Lambda runs 3.13 (docs/adr): it is taken where there is one, else the newest of the others.
VERSIONS = ("3.13", "3.12", "3.11")
# Torch comes for the oldest first (docs/adr/0010): 3.11 is taken where there is one.
TRAINING_VERSIONS = ("3.11", "3.12", "3.13")


def main(arguments: list[str]) -> int:
    """Make .build/tools (uv), .venv and .build/emulator, or an environment of their own.

    Args:
        arguments: Nothing, or `training` or `launch` for that environment alone.
    """
    versions = TRAINING_VERSIONS if arguments else VERSIONS
    found = _find_python(versions)
    if found is None:
        print(
            f"No Python of {', '.join(versions)} found on PATH or in ~/.pyenv/versions. "
            "Install one (3.13 is what Headcount deploys on) and run make again.",
            file=sys.stderr,
        )
        return 1
    python, version = found
    if arguments:
        print(f"Using Python {version} for .build/{arguments[0]}.")
        _make_environment(ROOT / ".build" / arguments[0], python, with_pip=True)
        return 0
    if version != VERSIONS[0]:
        print(f"Python {VERSIONS[0]}, which Lambda runs, was not found; using {version}.")
    print(f"Using Python {version} for .venv and the embedded AWS.")
    _make_environment(ROOT / ".build/tools", python, with_pip=True)
    _run(
        ROOT / ".build/tools/bin/python", "-m", "pip", "install", "-q", "--require-hashes",
        "-r", ROOT / "requirements/tools.txt",
    )  # fmt: skip
    _make_environment(ROOT / ".venv", python, with_pip=False)
    _make_environment(ROOT / ".build/emulator", python, with_pip=False)
    return 0


def _find_python(versions: tuple[str, ...]) -> tuple[str, str] | None:
    for version in versions:
        on_path = shutil.which(f"python{version}")
        managed = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
        for candidate in [*([on_path] if on_path else []), *map(str, managed), sys.executable]:
            if _version_of(candidate) == version:
                return candidate, version
    return None


def _version_of(python: str) -> str | None:
    # A pyenv shim exists for every version ever installed and fails for the inactive ones.
    answer = subprocess.run(
        [python, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


def _make_environment(where: Path, python: str, *, with_pip: bool) -> None:
    if (where / "bin/python").exists():
        return
    _run(python, "-m", "venv", *([] if with_pip else ["--without-pip"]), where)


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
