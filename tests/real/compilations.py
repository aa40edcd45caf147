# SPDX-License-Identifier: Apache-2.0
"""What the measures of builds share: which commands of a build count, and how a build is made to go through us."""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CXX = {"gcc": "g++", "clang-19": "clang++-19"}
SOURCES = (".c", ".cc", ".cpp", ".cxx")


def kind_of(words):
    """"compile" or "link", and the source's name; None for what does neither, such as a question."""
    if {"-E", "-S", "-M", "-MM", "-v", "--version", "-dumpversion", "-dumpmachine", "-"} & set(words):
        return None
    sources = [word for word in words if word.endswith(SOURCES) and not word.startswith("-")]
    if "-c" in words:
        return ("compile", os.path.basename(sources[0])) if sources else None
    return ("link", "") if "-o" in words else None


def commands(compiler):
    """What a build is told to call: the bare compiler with -g, and allocscc over it."""
    cxx = CXX[compiler]
    return [{"kind": "bare", "CC": f"{compiler} -g", "CXX": f"{cxx} -g"},
            {"kind": "allocs", "CC": f"allocscc --allocs-cc={compiler}", "CXX": f"allocsc++ --allocs-cc={cxx}"}]


def environment_of(prefix, cache):
    environment = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "CXXFLAGS", "LDFLAGS", "LD_PRELOAD")}
    environment["PATH"] = f"{prefix}/bin:" + environment["PATH"]
    environment["XDG_CACHE_HOME"] = str(cache)
    return environment


def fetched(program, base, options):
    """An empty `base` with the program's source in it."""
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    status = subprocess.run([HERE / "fetch", options.work / "cache", program, base / "source"]).returncode
    if status != 0:
        sys.exit(status)


def build(program, folder, environment, stand_in):
    """Builds in a copy of the source beside `folder`, with the command `stand_in` before each of CC and CXX in `environment`."""
    shutil.copytree(folder.parent / "source", folder, symlinks=True)
    environment = {**environment, **{name: f"{stand_in} {environment[name]}" for name in ("CC", "CXX")}}
    with open(folder / "build.log", "wb") as log:
        status = subprocess.run(["sh", "-c", f'HERE={HERE}; . "$HERE/{program}.sh"; build'], cwd=folder, stdout=log,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment).returncode
    if status != 0:
        sys.exit(f"{program}: does not build; see {folder}/build.log")


def add_options(parser):
    parser.add_argument("programs", nargs="*")
    parser.add_argument("--compiler", choices=list(CXX), default="gcc")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--prefix", type=pathlib.Path, default=os.environ.get("ALLOCS_PREFIX", HERE.parents[1] / "build/release"))
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(cache) / "allocs-real")


def parse(parser):
    options = parser.parse_args()
    options.prefix, options.work = options.prefix.resolve(), options.work.resolve()
    return options
