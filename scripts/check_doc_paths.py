#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every path of the repository that a .md file names, in backticks or as a link, exists.

A word in backticks is taken for such a path when it has a slash and starts like one (`docs/...`,
`src/...`, `runtime/index/...`), or, in a README below src/, when it is a source file's bare name.
Paths below build/, and words with < > * $ { or ..., are patterns and not looked at.
"""
import re
import sys

from repository import ROOT, files, name_of

BACKTICKS = re.compile(r"`([^`\s]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATTERN = re.compile(r"[<>*$?{}|]|\.\.\.|^build/|^/|^~|^[a-z]+:")
PATH = re.compile(r"(\./)?[\w.+-]+(/[\w.+-]+)*/?")
SOURCE_NAME = re.compile(r"[\w-]+\.(h|hpp|cc)")


def top_names():
    names = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    if (ROOT / "src").is_dir():
        names |= {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    return names - {"build"}


def exists(word, document):
    bases = [document.parent, ROOT, ROOT / "src", ROOT / "include"]
    return any((base / word).exists() for base in bases)


def missing_paths(document, tops):
    fenced = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for link in LINK.findall(line):
            target = link.split("#")[0]
            if target and not PATTERN.search(target) and not (document.parent / target).exists():
                yield number, link
        for word in BACKTICKS.findall(line):
            word = re.sub(r"(:\d+)+$", "", word).rstrip(".,;:")
            if PATTERN.search(word) or not PATH.fullmatch(word):
                continue
            in_part = ROOT / "src" in document.parents and SOURCE_NAME.fullmatch(word)
            first, slash, _ = word.removeprefix("./").partition("/")
            if in_part or (slash and first in tops) or word.startswith("./"):
                if not exists(word, document):
                    yield number, word


def main():
    tops = top_names()
    documents = files(".md")
    problems = 0
    for document in documents:
        for number, word in missing_paths(document, tops):
            print(f"{name_of(document)}:{number}: no such path: {word}")
            problems += 1
    print(f"{len(documents)} documents, {problems} paths that do not exist")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
