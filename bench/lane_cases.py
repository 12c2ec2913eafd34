"""The cases of tools/bench that more than one lane runs. Each function returns one result as the programs print it."""

import json
import os
import subprocess


def start(programs, arguments, cpu=None):
    pin = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
    return subprocess.Popen([os.path.join(programs, arguments[0]), *arguments[1:]], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=pin)


def result_of(process):
    out, error = process.communicate(timeout=120)
    if process.returncode != 0:
        raise subprocess.SubprocessError((error or out).strip())
    return json.loads(out.splitlines()[-1])


def beside(programs, arguments, secs):
    """As many processes of one lane each as there are CPUs for two: what the machine gives to two that share nothing."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    processes = [start(programs, [*arguments, f"secs={secs}"], cpu) for cpu in cpus]
    results = [result_of(p) for p in processes]
    total = dict(results[0])
    for key in ("per_s", "gbit_s", "cpus"):
        total[key] = sum(r[key] for r in results)
    return total


def hop(programs, arguments, secs):
    """Threads pin themselves to the first two CPUs."""
    return result_of(start(programs, [*arguments, f"secs={secs}"]))


def forward(programs, arguments, secs):
    return result_of(start(programs, [*arguments, f"secs={secs}"]))
