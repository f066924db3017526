"""Run the real CDK command line: synthesize, bootstrap, deploy and destroy."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from headcount.errors import DeploymentError

REPOSITORY = Path(__file__).resolve().parent.parent
CDK = REPOSITORY / "node_modules/.bin/cdk"

# Each is many times what was measured on two cores (docs/local.md), and still ends.
SYNTH_TIMEOUT_S = 300.0
BOOTSTRAP_TIMEOUT_S = 120.0
DEPLOY_TIMEOUT_S = 600.0
KEPT_LINES = 30

# Name | 17/60 | 12:25:13 AM | CREATE_COMPLETE | AWS::SNS::Topic | Topic (TopicBFC7AF6E)
_RESOURCE_EVENT = re.compile(
    r"^(?P<stack>\S+) \|\s*(?P<count>[\d/]+) \|[^|]*\|\s*(?P<status>\w+)\s*\|"
    r"\s*(?P<type>[\w:]+)\s*\|\s*(?P<name>\S+)"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")

Progress = Callable[[str], None]


def synth(stage: str, out: Path, *, progress: Progress = lambda _line: None) -> None:
    """Write the cloud assembly of a stage below `out`. Needs no AWS.

    Raises:
        DeploymentError: If the app fails or takes too long.
    """
    # CDK's own Python app would start with whatever `python` is first on PATH.
    app = f"{sys.executable} {REPOSITORY / 'app.py'}"
    # The tests run the validation plugins (cdk-nag); here they would double the time.
    arguments = [
        "synth",
        "--quiet",
        "--no-validation",
        "-c",
        f"stage={stage}",
        "--app",
        app,
        "-o",
        str(out),
    ]
    _run(arguments, {}, REPOSITORY, SYNTH_TIMEOUT_S, progress)


def bootstrap(env: Mapping[str, str], *, progress: Progress = lambda _line: None) -> None:
    """Make CDK's own stack in the account that `env` names; quick if it is there already.

    Raises:
        DeploymentError: If it fails or takes too long.
    """
    account = f"aws://{env['CDK_DEFAULT_ACCOUNT']}/{env['CDK_DEFAULT_REGION']}"
    # Away from the repository's cdk.json: with an app in sight, CDK would synthesize it first.
    with tempfile.TemporaryDirectory() as elsewhere:
        _run(["bootstrap", account], env, Path(elsewhere), BOOTSTRAP_TIMEOUT_S, progress)


def deploy(env: Mapping[str, str], out: Path, *, progress: Progress = lambda _line: None) -> None:
    """Deploy every stack of the assembly at `out`.

    Raises:
        DeploymentError: If it fails, with the reason of the first resource that did, or takes
            too long.
    """
    arguments = ["deploy", "--all", "--app", str(out), "--require-approval", "never"]
    # Without a change set, and with every asset at once: it saves seconds a stack.
    arguments += ["--method", "direct", "--concurrency", "2", "--progress", "events"]
    arguments += ["--asset-parallelism", "true"]
    try:
        _run(arguments, env, out.parent, DEPLOY_TIMEOUT_S, progress)
    except DeploymentError as fault:
        reasons = list(_failures(env))
        if not reasons:
            raise
        raise DeploymentError("\n".join(["cdk deploy failed:", *reasons])) from fault


def destroy(env: Mapping[str, str], out: Path, *, progress: Progress = lambda _line: None) -> None:
    """Destroy every stack of the assembly at `out`.

    Raises:
        DeploymentError: If it fails or takes too long.
    """
    arguments = ["destroy", "--all", "--app", str(out), "--force"]
    _run(arguments, env, out.parent, DEPLOY_TIMEOUT_S, progress)


def _run(
    arguments: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    progress: Progress,
) -> None:
    if not CDK.exists():
        raise DeploymentError(f"{CDK} does not exist. Run `make install` to install it.")
    timed_out = threading.Event()
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        [str(CDK), *arguments, "--no-color", "--no-notices"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**_inherited(), **_CDK_ENVIRONMENT, **env},
        text=True,
        errors="replace",
        # A group of its own: CDK starts our app, which must not outlive it.
        start_new_session=True,
    ) as process:

        def end() -> None:
            timed_out.set()
            _kill(process)

        timer = threading.Timer(timeout_s, end)
        timer.start()
        try:
            for line in process.stdout or ():
                text = _ANSI.sub("", line).rstrip()
                if text:
                    last.append(text)
                    progress(readable(text))
            code = process.wait()
        finally:
            timer.cancel()
            _kill(process)
    if timed_out.is_set():
        said = "\n".join(last)
        raise DeploymentError(f"cdk {arguments[0]} took over {timeout_s:.0f} s. It said:\n{said}")
    if code != 0:
        raise DeploymentError(f"cdk {arguments[0]} failed ({code}):\n" + "\n".join(last))


_CDK_ENVIRONMENT = {
    # No questions, no calls to the internet, no banner about Node's age.
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
}


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _inherited() -> dict[str, str]:
    # Compiling aws_cdk takes half a minute: let Python keep the result.
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def readable(line: str) -> str:
    """Return a line of CDK's output with only what tells progress.

    >>> readable("A-Data |  3/20 | 1:25:13 AM | CREATE_COMPLETE | AWS::SNS::Topic | Topic (T1)")
    'A-Data 3/20 create complete: Topic'
    """
    found = _RESOURCE_EVENT.match(line)
    if found is None:
        return line
    status = found["status"].replace("_", " ").lower()
    return f"{found['stack']} {found['count']} {status}: {found['name']}"


def _failures(env: Mapping[str, str]) -> Iterator[str]:
    """Yield what failed first in each stack and why, as CloudFormation tells it."""
    cloudformation = boto3.session.Session().client(
        "cloudformation",
        endpoint_url=env.get("AWS_ENDPOINT_URL"),
        region_name=env.get("AWS_REGION"),
        aws_access_key_id=env.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=env.get("AWS_SECRET_ACCESS_KEY"),
    )
    try:
        for stack in cloudformation.describe_stacks()["Stacks"]:
            if "FAILED" not in stack["StackStatus"] and "ROLLBACK" not in stack["StackStatus"]:
                continue
            events = cloudformation.describe_stack_events(StackName=stack["StackId"])
            # Newest first; what failed first explains the rest.
            for event in reversed(events["StackEvents"]):
                if event["ResourceStatus"].endswith("_FAILED"):
                    yield (
                        f"  {stack['StackName']}: {event['LogicalResourceId']} "
                        f"({event['ResourceType']}): {event.get('ResourceStatusReason', '?')}"
                    )
                    break
    except (ClientError, BotoCoreError):
        # Whatever made the deploy fail may have taken CloudFormation with it.
        return
