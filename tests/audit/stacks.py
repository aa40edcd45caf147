#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares stacks with gdb: real multi-threaded programs, stopped at random points.

usage: stacks.py PREFIX [--all]

Each stop is a core written by gcore while the program runs on; gdb and `allocs what` read the same core. For each frame that gdb finds: is the slot of
its return address (right below its canonical frame address) in a frame of the same function, which ends there? For each variable that gdb finds in
memory: does our answer contain it, in that function's frame, under its name? Wrong answers and "cannot tell" are counted apart; any wrong one
fails. --all: forty times as many stops, and python and redis too.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


class Tally:
    def __init__(self):
        self.cores = self.frames = self.frames_untold = self.functions = 0
        self.variables = self.variables_untold = 0
        self.wrong = []


def ask(prefix, core, addresses):
    answers = []
    for at in range(0, len(addresses), 2000):
        some = [hex(a) for a in addresses[at:at + 2000]]
        done = subprocess.run([prefix / "bin/allocs", "what", core, "--json", *some], stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"allocs what ended with {done.returncode}")
        answers += json.loads(done.stdout)
    for answer in answers:
        answer["base"] = int(answer.get("base", "0"), 16)
    return answers


def bare(name):
    """A function's name without arguments, templates and namespaces, as far as two tools may spell them differently; and without what the
    C library calls its own calls of it."""
    name = name.removeprefix("__GI_").replace("memcpy", "memmove")  # one function in glibc, by two names
    name = name.split("(")[0].split("<")[0].split("[")[0]
    return name.split("::")[-1].split("@")[0].split(".")[0]


def is_frame(answer):
    return answer.get("error", 0) == 0 and answer["allocator"] == "stackframe"


def compare(prefix, core, rows, tally):
    tally.cores += 1
    threads = {}
    for row in rows:
        threads.setdefault(row["thread"], []).append(row)
    questions = []
    for frames in threads.values():
        for frame, caller in zip(frames, frames[1:]):
            if not frame["signal"]:
                questions.append(("frame", frame, caller["sp"] - 8, 8, None))
            for name, address, size in frame["variables"]:
                # Arguments on the stack of the caller, and what gdb takes from elsewhere, are not in the frame.
                if frame["sp"] - 128 <= address < caller["sp"] - 8:
                    questions.append(("variable", frame, address, size, name))
    answers = ask(prefix, core, [q[2] for q in questions])
    for (kind, frame, address, size, name), answer in zip(questions, answers):
        if kind == "frame":
            tally.frames += 1
            if not is_frame(answer):
                tally.frames_untold += 1
                continue
            end = answer["base"] + answer["size"]
            told = answer.get("name") or ""
            if not answer["base"] <= address < end:
                tally.wrong.append(("frame", hex(address), frame["function"], answer["base"], answer["size"]))
            elif told and frame["function"]:
                tally.functions += 1
                if bare(told) != bare(frame["function"]):
                    tally.wrong.append(("function", hex(address), frame["function"], told))
        else:
            tally.variables += 1
            if not is_frame(answer) or not answer.get("name"):
                tally.variables_untold += 1
                continue
            if bare(answer["name"]) != bare(frame["function"]):
                tally.wrong.append(("variable's function", hex(address), frame["function"], name, answer["name"]))
                continue
            path = answer.get("path", "")
            if not path or "." not in path and name not in path:
                tally.variables_untold += 1
            elif name not in path:
                tally.wrong.append(("variable", hex(address), frame["function"], name, path))


def core_of(pid, folder):
    subprocess.run(["gcore", "-o", folder / "core", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return folder / f"core.{pid}"


# What the script of gdb's says of each thread of the core.
def told_by_gdb(script, program, core, folder):
    out = folder / "told"
    subprocess.run(["gdb", "-q", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", "-iex",
                    "set backtrace past-main on", program, core, "-x", HERE / script],
                   env={**os.environ, "AUDIT_OUT": str(out)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in out.read_text().splitlines()]


# Calls compare(prefix, core, what gdb says, tally) for each of as many cores of the running command.
def watch(prefix, command, stops, folder, script, compare, tally):
    environment = {**os.environ, "LD_PRELOAD": str(prefix / "lib/liballocs_preload.so")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as guest:
        try:
            guest.stdout.readline()
            for _ in range(stops):
                time.sleep(random.random() / 20)  # somewhere
                core = core_of(guest.pid, folder)
                program = os.readlink(f"/proc/{guest.pid}/exe")
                compare(prefix, core, told_by_gdb(script, program, core, folder), tally)
                core.unlink()
        finally:
            guest.kill()


PYTHON = """
import threading, json, re, zlib
def work(n):
    while True:
        json.loads(json.dumps({str(i): [i, {"a": "x" * i}] for i in range(50)})), re.findall(r"(\\w+)", "a b c " * 50), zlib.compress(b"x" * 20000), sorted(range(500), key=lambda i: -i)
for n in range(4): threading.Thread(target=work, args=(n,), daemon=True).start()
print("ready", flush=True)
work(0)
"""


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    prefix = options.prefix.resolve()
    if not shutil.which("gdb") or not shutil.which("gcore"):
        print("gdb is missing")
        sys.exit(77)
    stops = 40 if options.all else 1
    bad = False
    with tempfile.TemporaryDirectory(prefix="allocs-stacks.") as name:
        folder = pathlib.Path(name)
        subjects = {}
        for level in ("-O0", "-O2"):
            program = folder / f"many_frames{level}"
            subprocess.run([os.environ.get("CXX", "g++"), "-g", level, "-pthread", "-o", program, HERE.parent / "programs/many_frames.cc"], check=True)
            subjects[f"many_frames {level}"] = [program]
        if options.all:
            subjects["python3"] = [sys.executable, "-c", PYTHON]
            if shutil.which("redis-server"):
                subjects["redis-server"] = ["redis-server", "--port", "0", "--io-threads", "4", "--unixsocket", str(folder / "s"), "--save", ""]
        for name, command in subjects.items():
            tally = Tally()
            try:
                watch(prefix, command, stops, folder, "gdb_stacks.py", compare, tally)
            except subprocess.CalledProcessError as error:
                print(f"{name}: {error}")
                sys.exit(77)
            print(f"{name}: {tally.cores} stops, {tally.frames} frames ({tally.frames_untold} not told), {tally.functions} functions, "
                  f"{tally.variables} variables ({tally.variables_untold} not told): {len(tally.wrong)} wrong", flush=True)
            for each in tally.wrong[:10]:
                print("  ", *each)
            bad |= bool(tally.wrong) or tally.frames == 0
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
