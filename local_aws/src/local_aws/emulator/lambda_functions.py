"""Lambda functions in a process of their own kind: only the function's zip on the path, only AWS's environment.

The emulator runs them on its own interpreter with its own packages and its whole environment, so a function would
find modules that its zip lacks. It also waits 50 ms after each call for log lines that may still come; here the worker
marks the end of a call's log instead. And it leaves logging as Python has it, which drops what is not a warning; here
every line of a logger is written, with its level before it, as on AWS.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

from local_aws.emulator.patching import PatchTargetError, wrap

END_OF_LOG: Final = "\x1eend-of-call\x1e"
"""Line on standard error after each call; no log line is only this."""

_LOG_SECONDS: Final = 0.25  # longest wait for the mark: a process that died does not write it
_FROM_AWS: Final = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LAMBDA_TASK_ROOT"})
_PREFIXES: Final = ("AWS_", "_LAMBDA_", "_X_AMZN_")
_ANSWER: Final = '            _real_stdout.write(json.dumps({"status": "%s"'
_IMPORT: Final = "        mod = importlib.import_module(module_name)\n"
_LOGGING: Final = (
    "        import logging\n"
    "        _log = logging.StreamHandler(sys.stderr)\n"
    "        _log.setFormatter(logging.Formatter('[%(levelname)s]\\t%(asctime)s\\t%(message)s'))\n"
    "        logging.getLogger().addHandler(_log)\n"
)
_MARK: Final = "            sys.__stderr__.write(%r)\n            sys.__stderr__.flush()\n"


def function_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Reduce a worker's environment to what AWS gives; the worker itself adds the function's own variables."""
    return {name: value for name, value in environment.items() if name in _FROM_AWS or name.startswith(_PREFIXES)}


def base_interpreter() -> str:
    """Give the interpreter behind the virtual environment, if this is one."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def mark_end_of_log(script: str) -> str:
    """Make the emulator's worker script write the mark before each answer.

    Raises:
        PatchTargetError: If the script does not answer where it did in the supported version.
    """
    mark = _MARK % f"{END_OF_LOG}\n"
    for status in ("ok", "error"):
        answer = _ANSWER % status
        if script.count(answer) != 1:
            raise PatchTargetError(owner="ministack.core.lambda_runtime", name=answer.strip())
        script = script.replace(answer, mark + answer)
    return script


def log_as_lambda_does(script: str) -> str:
    """Give the root logger a handler before the function's module is imported, as Lambda's runtime does.

    Raises:
        PatchTargetError: If the script does not import the module where it did in the supported version.
    """
    if script.count(_IMPORT) != 1:
        raise PatchTargetError(owner="ministack.core.lambda_runtime", name=_IMPORT.strip())
    return script.replace(_IMPORT, _LOGGING + _IMPORT)


def _start(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a worker; `-I` and `-S` leave only the standard library on the path."""
    binary, *arguments = command
    if binary != sys.executable:  # another runtime, which takes the function's variables from its environment
        return subprocess.Popen(command, **options)
    isolated = [base_interpreter(), "-I", "-S", *arguments]
    return subprocess.Popen(isolated, **{**options, "env": function_environment(options["env"])})


def install() -> None:
    """Make the emulator run functions in isolation."""
    from ministack.core import lambda_runtime

    lambda_runtime._PYTHON_WORKER_SCRIPT = log_as_lambda_does(mark_end_of_log(lambda_runtime._PYTHON_WORKER_SCRIPT))
    # The module starts nothing but workers, and these are all the names it uses.
    lambda_runtime.subprocess = SimpleNamespace(
        Popen=_start, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT, TimeoutExpired=subprocess.TimeoutExpired
    )

    @wrap(lambda_runtime.Worker, "_drain_stderr_bounded")
    def drain(original: Callable[..., str], worker: Any, *args: Any, **kwargs: Any) -> str:
        if not str(worker.config.get("Runtime", "")).startswith("python"):
            return original(worker, *args, **kwargs)
        lines: list[str] = []
        deadline = time.monotonic() + _LOG_SECONDS
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                line = worker._stderr_queue.get(timeout=remaining)
            except queue.Empty:
                break
            if line == END_OF_LOG:
                break
            lines.append(line)
        return "\n".join(lines)

    @wrap(lambda_runtime.Worker, "_drain_stderr")
    def drain_now(original: Callable[..., str], worker: Any) -> str:
        return "\n".join(line for line in original(worker).split("\n") if line != END_OF_LOG)
