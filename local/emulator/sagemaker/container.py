"""Stand in for the PyTorch inference image: its toolkit's contract on a bare Python.

    python -S -P container.py --model-dir DIR --fd N

Standard library only, and started with nothing but the model's own code/ on PYTHONPATH: a package
that is missing from model.tar.gz is missing here too. Serves GET /ping and POST /invocations on an
inherited socket. Ends when its standard input does, so that it never outlives who started it.
"""

import argparse
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import traceback
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# The image's toolkit hands these to input_fn as text, and all others as bytes.
_TEXT_TYPES = ("application/json", "text/csv")
_DEFAULT_ACCEPT = "application/json"

logger = logging.getLogger("container")


class BaseInferenceToolkitError(Exception):
    """The toolkit's own error type: the only one that chooses its status."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        self.status_code = status_code
        self.message = message
        self.phrase = phrase
        super().__init__(status_code, message, phrase)


class Container:
    """The model's four functions, and the model once it is loaded."""

    def __init__(self, program: str, model_dir: str, workers: int) -> None:
        self.model: Any = None
        self.is_loaded = False
        self._module = importlib.import_module(program.removesuffix(".py"))
        self._model_dir = model_dir
        # The image runs one worker a processor; more at once would only fight over them.
        self._workers = threading.BoundedSemaphore(workers)

    def load(self) -> None:
        """Load the model; a container that cannot ends, and its log says why."""
        self.model = self._module.model_fn(self._model_dir)
        self.is_loaded = True
        logger.info("Model loaded.")

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, str]:
        """Return status, body and content type of one invocation."""
        data = body.decode() if content_type in _TEXT_TYPES else body
        try:
            with self._workers:
                request = self._module.input_fn(data, content_type)
                prediction = self._module.predict_fn(request, self.model)
                answer = self._module.output_fn(prediction, accept)
        except BaseInferenceToolkitError as fault:
            return fault.status_code, f"{fault.message}\n".encode(), "text/plain"
        except Exception as fault:  # noqa: BLE001 - the toolkit turns any error into a 500
            logger.error("Invocation failed:\n%s", traceback.format_exc())
            return 500, f"{fault}\n".encode(), "text/plain"
        text, answered_type = answer if isinstance(answer, tuple) else (answer, accept)
        return 200, text.encode() if isinstance(text, str) else text, answered_type


class Handler(BaseHTTPRequestHandler):
    """GET /ping and POST /invocations."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    container: Container

    def do_GET(self) -> None:
        """Answer 200 once the model is loaded."""
        if self.path != "/ping":
            self._answer(404, b"", "text/plain")
        else:
            self._answer(200 if self.container.is_loaded else 503, b"", "text/plain")

    def do_POST(self) -> None:
        """Answer an invocation."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/invocations":
            self._answer(404, b"", "text/plain")
            return
        accept = self.headers.get("Accept") or "*/*"
        content_type = self.headers.get("Content-Type") or "application/octet-stream"
        self._answer(
            *self.container.invoke(
                body, content_type, _DEFAULT_ACCEPT if accept == "*/*" else accept
            )
        )

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Keep pings and successes out of the log."""
        if self.path != "/ping" and str(args[1:2]) != "('200',)":
            logger.info(format, *args)


def main() -> None:
    """Serve until SIGTERM or the end of standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--fd", type=int, required=True, help="a bound and listening socket")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=_end_with_parent, name="watch-parent", daemon=True).start()
    _provide_toolkit_errors()
    Handler.container = Container(
        os.environ.get("SAGEMAKER_PROGRAM", "inference.py"),
        str(Path(options.model_dir)),
        os.cpu_count() or 1,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=options.fd)
    threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
    Handler.container.load()
    threading.Event().wait()


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


def _provide_toolkit_errors() -> None:
    """Let the model's code import the error type that the image's toolkit has."""
    package, errors = types.ModuleType("sagemaker_inference"), types.ModuleType("errors")
    errors.BaseInferenceToolkitError = BaseInferenceToolkitError  # type: ignore[attr-defined]
    package.errors = errors  # type: ignore[attr-defined]
    sys.modules["sagemaker_inference"] = package
    sys.modules["sagemaker_inference.errors"] = errors


if __name__ == "__main__":
    main()
