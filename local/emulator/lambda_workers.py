"""Lambda's worker processes: one unpacked copy of each layer, quick logs, real error types."""

import contextvars
import hashlib
import os
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.emulator.pin import HookError, HookPoint

# MiniStack waits 50 ms for the output of a handler that printed nothing. Output is written before
# the answer: waiting 5 ms lost no line when it was tried.
SILENT_HANDLER_WAIT_S = 0.005

_DRAIN = HookPoint("core.lambda_runtime", "Worker._drain_stderr_bounded", ("self",))
_INVOKE = HookPoint("core.lambda_runtime", "Worker.invoke", ("self", "event", "request_id"))
_ZIPFILE = HookPoint("core.lambda_runtime", "zipfile")
_SCRIPT = HookPoint("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT")
_RESET = HookPoint("core.lambda_runtime", "reset", ())
_EXECUTE = HookPoint(
    "services.lambda_svc", "_execute_function_warm", ("func", "event", "request_id")
)

_ERROR_ANSWER = '"error": str(e), "trace": traceback.format_exc()'
_TYPED_ERROR_ANSWER = f'{_ERROR_ANSWER}, "error_type": type(e).__name__'

_error_type: contextvars.ContextVar[str | None] = contextvars.ContextVar("error_type", default=None)


def install(layers: Path) -> None:
    """Share unpacked layers below `layers`, and make workers answer sooner and more truly.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    _RESET.current()
    layers.mkdir(parents=True, exist_ok=True)
    _ZIPFILE.replace(lambda module: _with_shared_layers(module, layers))
    _DRAIN.replace(_impatient)
    _SCRIPT.replace(_with_error_type)
    _INVOKE.replace(_noting_error_type)
    _EXECUTE.replace(_reporting_error_type)


def stop() -> None:
    """End every worker process."""
    _RESET.current()()


def _with_shared_layers(module: Any, layers: Path) -> Any:
    """Return `zipfile` with an `extractall` that unpacks equal layers once.

    MiniStack unpacks every layer for every worker: for OpenCV 120 MB and a second each.
    """
    lock = threading.Lock()

    class SharedLayerZip(zipfile.ZipFile):
        def extractall(
            self,
            path: str | os.PathLike[str] | None = None,
            members: Any = None,
            pwd: bytes | None = None,
        ) -> None:
            if path is None or self.filename is None or not Path(path).name.startswith("layer_"):
                super().extractall(path, members, pwd)
                return
            archive = Path(self.filename)
            with archive.open("rb") as content:
                shared = layers / hashlib.file_digest(content, "sha256").hexdigest()[:32]
            with lock:
                if not shared.exists():
                    unpacking = Path(tempfile.mkdtemp(dir=layers))
                    super().extractall(unpacking)
                    unpacking.rename(shared)
            # The worker's own copy of the archive is of no more use to it.
            archive.unlink()
            Path(path).rmdir()
            Path(path).symlink_to(shared)

    return SimpleNamespace(**{**vars(module), "ZipFile": SharedLayerZip})


def _impatient(drain: Any) -> Any:
    def drain_sooner(
        self: Any, first_line_wait: float = SILENT_HANDLER_WAIT_S, **options: Any
    ) -> str:
        return str(drain(self, first_line_wait=first_line_wait, **options))

    return drain_sooner


def _with_error_type(script: str) -> str:
    if _ERROR_ANSWER not in script:
        raise HookError("MiniStack's Python worker reports errors in another way than we know.")
    return script.replace(_ERROR_ANSWER, _TYPED_ERROR_ANSWER)


def _noting_error_type(invoke: Any) -> Any:
    def invoke_noting(self: Any, *arguments: Any, **options: Any) -> Any:
        answer = invoke(self, *arguments, **options)
        _error_type.set(answer.get("error_type"))
        return answer

    return invoke_noting


def _reporting_error_type(execute: Any) -> Any:
    """Let Step Functions' Retry and Catch see `ConflictError`, not `Runtime.HandlerError`."""

    def execute_reporting(func: Any, event: Any, request_id: str) -> Any:
        _error_type.set(None)
        result = execute(func, event, request_id)
        raised = _error_type.get()
        if result.get("error") and raised is not None:
            result["body"]["errorType"] = raised
        return result

    return execute_reporting
