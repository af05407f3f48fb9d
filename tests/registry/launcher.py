"""Runs programs for a test and says what each needed: a process of its own, because the peak memory of a program
counts what the process that started it held then, and a test holds much.

A line of JSON in: command, cwd, env, seconds, and the files in, out and err. One out: code, seconds, memory.
"""
import json
import os
import subprocess
import sys
import threading
import time

for line in sys.stdin:
    asked = json.loads(line)
    with open(asked["in"]) as given, open(asked["out"], "w") as out, open(asked["err"], "w") as err:
        began = time.monotonic()
        process = subprocess.Popen(asked["command"], cwd=asked["cwd"], env=asked["env"], stdin=given, stdout=out, stderr=err)
    timer = threading.Timer(asked["seconds"], process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    timer.cancel()
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "memory": usage.ru_maxrss * 1024}), flush=True)
