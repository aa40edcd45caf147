# SPDX-License-Identifier: Apache-2.0
"""What the checks share: where the repository is, and which files belong to it."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = 77  # exit code that ctest counts as "skipped"


def _walk(root):
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".") or f == ".ci"]
        if "CMakeCache.txt" in files or folder == str(root / "build"):
            folders.clear()
            continue
        for file in files:
            yield pathlib.Path(folder, file)


def files(*suffixes, root=ROOT):
    """The tracked files that have one of the suffixes; outside git, all files but build trees."""
    git = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"]
    try:
        listing = subprocess.run(git, check=True, capture_output=True, text=True).stdout
        found = (root / name for name in listing.split("\0") if name)
    except (OSError, subprocess.CalledProcessError):
        found = _walk(root)
    return sorted(f for f in found if f.suffix in suffixes and f.is_file())


def name_of(file):
    return file.relative_to(ROOT).as_posix()
