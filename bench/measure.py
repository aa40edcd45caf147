# SPDX-License-Identifier: Apache-2.0
"""How things are measured: instructions by valgrind, times as medians of interleaved pairs in one run."""
import os
import pathlib
import re
import shutil
import statistics
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = SOURCE / "bench" / "programs"
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"


class Failure(Exception):
    """A benchmark did not work: a program crashed or answered wrongly."""


class Bench:
    """The build under test, the folder for what is made on the way, and how much to do."""

    def __init__(self, build, smoke):
        self.build = build
        self.smoke = smoke
        self.work = build / "bench-work"
        self.work.mkdir(parents=True, exist_ok=True)
        self.preload = build / "lib" / "liballocs_preload.so"
        self.tool = build / "bin" / "allocs"
        self.cache = self.work / "cache"
        for file in (self.preload, build / "lib" / "liballocs.so", self.tool):
            if not file.exists():
                raise Failure(f"{file}: not built; run ninja -C {build} product")
        # The same surroundings for every run: the environment's length alone moves instruction counts.
        self.environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(self.work), "TZ": "UTC",
                            "XDG_CACHE_HOME": str(self.cache), "PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0",
                            "GIT_CONFIG_NOSYSTEM": "1"}

    def choose(self, full, smoke):
        return smoke if self.smoke else full

    def under(self, preload=None, **more):
        environment = dict(self.environment, **more)
        if preload is not None:
            environment["LD_PRELOAD"] = str(preload)
        return environment

    def compile(self, name, *flags, output=None, compiler=None):
        """A program of bench/programs, compiled again if its source is newer. `output` tells variants apart."""
        compiler = compiler or os.environ.get("CC", "cc")
        source = PROGRAMS / f"{name}.c"
        target = self.work / (output or name)
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            run([*compiler.split(), "-O2", "-g", str(source), "-o", str(target), *flags])
        return target

    def compile_client(self, name):
        lib = self.build / "lib"
        return self.compile(name, f"-I{SOURCE}/include", f"-L{lib}", "-lallocs", f"-Wl,-rpath,{lib}")

    @property
    def floor(self):
        return self.compile("interposed_only", "-shared", "-fPIC", output="libinterposed_only.so")


def run(command, environment=None, **options):
    """Standard output of a command that must succeed."""
    try:
        result = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True,
                                errors="replace", check=False, **options)
    except FileNotFoundError as error:
        raise Failure(str(error)) from error
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: status {result.returncode}: {result.stderr.strip()[-600:]}")
    return result.stdout


def have(tool):
    return shutil.which(tool, path="/usr/bin:/bin:" + os.environ.get("PATH", ""))


def instructions(bench, command, environment, stdin=None):
    """(instructions of the command in user space, its standard output)."""
    log = bench.work / "cachegrind.log"
    output = run(["/usr/bin/valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
                  f"--log-file={log}", *command], environment, stdin=stdin)
    counted = re.search(r"I +refs: +([0-9,]+)", log.read_text(errors="replace"))
    if counted is None:
        raise Failure(f"valgrind counted nothing: {log}")
    return int(counted[1].replace(",", "")), output


def cache_misses(bench, command, environment):
    """Reads and writes of data that miss both caches of a machine with 32 KiB and 1 MiB, simulated."""
    log = bench.work / "cachegrind.log"
    run(["/usr/bin/valgrind", "--tool=cachegrind", "--cache-sim=yes", "--D1=32768,8,64", "--I1=32768,8,64", "--LL=1048576,16,64",
         "--cachegrind-out-file=/dev/null", f"--log-file={log}", *command], environment)
    counted = re.search(r"LLd misses: +([0-9,]+)", log.read_text(errors="replace"))
    if counted is None:
        raise Failure(f"valgrind counted nothing: {log}")
    return int(counted[1].replace(",", ""))


class Sample:
    """The runs of one variant: lists in the order of the rounds."""

    def __init__(self):
        self.wall, self.cpu, self.resident = [], [], []


def interleaved(bench, rounds, *variants):
    """Runs variants (assignments, command) in turn, `rounds` times, from a small launcher; a Sample for each."""
    launch = bench.compile("launch", "-static")
    words = []
    for assignments, command in variants:
        words += ["--", *(f"{name}={value}" for name, value in assignments.items()), *map(str, command)]
    samples = [Sample() for _ in variants]
    for text in run([launch, str(rounds), *words[1:]], bench.environment).splitlines():
        index, wall, cpu, resident, status = map(int, text.split())
        if status != 0:
            raise Failure(f"{variants[index]}: status {status}")
        samples[index].wall.append(wall)
        samples[index].cpu.append(cpu)
        samples[index].resident.append(resident)
    return samples


def median_ratio(values, base):
    """Median of the ratios of the pairs, which a burst of foreign load spoils less than the ratio of medians."""
    return statistics.median(value / reference for value, reference in zip(values, base))
