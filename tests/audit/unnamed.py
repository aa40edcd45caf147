#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the metadata of unnamed read-only data (jump tables, constants, string literals) with the labels in the assembler text.

usage: unnamed.py [--verbose] PREFIX
       unnamed.py [--verbose] [--link=FLAGS] PREFIX COMPILER SOURCE... [-- CFLAG...]

The first form asks about switches.c beside this script, built in several ways; the second about any sources. Each source is compiled to assembler text. The objects that are asked about are assembled from it as it is; for the truth the same text
is assembled once more with a symbol beside each local label in read-only data, which moves nothing. Both are linked in the same way, so
`nm` of the second tells where the labels of the first lie. Exit status 1: a wrong answer, or too few right ones about switches.c.
"""
import argparse
import collections
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MARK = "__label_"
DIRECTIVE = re.compile(r"\s*\.(\w+)\s*(.*)")
SIZES = {"byte": 1, "value": 2, "short": 2, "2byte": 2, "long": 4, "4byte": 4, "quad": 8, "8byte": 8}
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")


class Label:
    def __init__(self, name, section):
        self.name, self.section, self.size, self.items = name, section, 0, []

    def kind(self, code_labels):
        distances = [item for item in self.items if re.fullmatch(r"\.L\w+-\.L\w+", item)]
        places = [item for item in self.items if item in code_labels]
        if self.items and len(self.items) in (len(distances), len(places)) and self.size == (4 if distances else 8) * len(self.items):
            return "jump table"
        if ".str" in self.section:
            return "literal"
        if ".cst" in self.section:
            return "constant"
        return "other"


def is_read_only_data(section):
    return section.startswith((".rodata", ".data.rel.ro"))


def text_size(argument):
    """How many bytes a quoted text stands for."""
    texts = re.findall(r'"((?:[^"\\]|\\.)*)"', argument)
    return sum(len(ESCAPE.sub(b"x", text.encode("latin-1"))) for text in texts), len(texts)


class Assembly:
    """The text of one source, its labels in read-only data, and the text with symbols beside them."""

    def __init__(self, text, number):
        self.labels, self.code_labels, out = {}, set(), []
        section, stack, open_labels = ".text", [], []
        for line in text.splitlines():
            label = re.match(r"(\.L[\w.$]+):", line)
            directive = DIRECTIVE.match(line)
            if label:
                if is_read_only_data(section):
                    name = f"{MARK}{number}_{len(self.labels)}"
                    if open_labels and any(one.size for one in open_labels):
                        open_labels = []
                    open_labels.append(Label(label.group(1), section))
                    self.labels[name] = open_labels[-1]
                    out.append(name + ":")
                elif section.startswith(".text"):
                    self.code_labels.add(label.group(1))
            elif re.match(r"[\w.$]+:", line):
                open_labels = []
            elif directive:
                word, rest = directive.groups()
                if word in ("text", "data", "bss"):
                    section, open_labels = "." + word, []
                elif word in ("section", "pushsection"):
                    if word == "pushsection":
                        stack.append(section)
                    section, open_labels = rest.split(",")[0].strip().strip('"'), []
                elif word == "popsection":
                    section, open_labels = stack.pop(), []
                elif word in ("align", "p2align", "balign", "size", "type"):
                    if any(one.size for one in open_labels):
                        open_labels = []
                else:
                    self.measure(open_labels, word, rest)
            out.append(line)
        self.marked = "\n".join(out) + "\n"

    @staticmethod
    def measure(labels, word, rest):
        if not labels:
            return
        rest = rest.split("#")[0] if word not in ("string", "ascii", "asciz") else rest
        items, size = [], 0
        if word in SIZES:
            items = [item.strip() for item in rest.split(",")]
            size = SIZES[word] * len(items)
        elif word in ("string", "asciz"):
            length, texts = text_size(rest)
            size = length + texts
        elif word == "ascii":
            size = text_size(rest)[0]
        elif word in ("zero", "skip"):
            size = int(rest.split(",")[0], 0)
        for label in labels:
            label.size += size
            label.items += items


def link(compiler, texts, folder, name, flags):
    objects = []
    for number, text in enumerate(texts):
        source = folder / f"{name}{number}.s"
        source.write_text(text, encoding="latin-1")
        objects.append(folder / f"{name}{number}.o")
        subprocess.run([compiler, "-c", str(source), "-o", str(objects[-1])], check=True)
    out = folder / name
    subprocess.run([compiler, *flags, *map(str, objects), "-o", str(out), "-Wl,--unresolved-symbols=ignore-all", "-nostartfiles",
                    "-Wl,-e,0", "-lm", "-lpthread", "-ldl"], check=True)
    return out


def truth_of(compiler, sources, cflags, linking, folder):
    """The object that is asked about, and by address the labels in it, each with the labels of its source's code."""
    texts = [subprocess.run([compiler, "-S", "-w", "-g", *cflags, source, "-o", "-"], check=True,
                            capture_output=True).stdout.decode("latin-1") for source in sources]
    assemblies = [Assembly(text, number) for number, text in enumerate(texts)]
    asked = link(compiler, texts, folder, "asked", linking.split())
    marked = link(compiler, [one.marked for one in assemblies], folder, "truth", linking.split())
    labels = {}
    for line in subprocess.run(["nm", str(marked)], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[2].startswith(MARK):
            one = assemblies[int(fields[2][len(MARK):].split("_")[0])]
            labels.setdefault(int(fields[0], 16), []).append((one.labels[fields[2]], one.code_labels))
    return asked, labels


def answers_about(prefix, asked):
    image = asked.with_suffix(".image")  # made now, not found in a cache
    subprocess.run([str(prefix / "bin/allocs"), "meta", "build", "-o", str(image), str(asked)], check=True, stdout=subprocess.DEVNULL)
    dump = subprocess.run([str(prefix / "bin/allocs"), "meta", "dump", "--json", str(image)], check=True, capture_output=True,
                          text=True).stdout
    return {record["address"]: record for record in json.loads(dump)["statics"] if record["kind"] in ("unnamed", "string literal")}


def compare(prefix, compiler, sources, cflags, linking, verbose):
    """Prints the counts and what is wrong; returns the counts by kind."""
    counts, remarks = collections.defaultdict(collections.Counter), []
    with tempfile.TemporaryDirectory() as folder:
        asked, labels = truth_of(compiler, sources, cflags, linking, pathlib.Path(folder))
        found = answers_about(prefix, asked)
    for address, here in sorted(labels.items()):
        sizes = {label.size for label, _ in here}
        kind = min(label.kind(code) for label, code in here)
        record = found.pop(address, None)
        verdict = "cannot tell" if record is None else "right" if record["size"] in sizes else "wrong"
        counts[kind][verdict] += 1
        if verdict == "wrong" or verbose and verdict == "cannot tell":
            remarks.append(f"{verdict}: {kind} {here[0][0].name} at {address:#x} of {sorted(sizes)} bytes: "
                           f"{record and (record['kind'], record['size'])}")
    for address, record in found.items():
        inside = any(start < address < start + here[0][0].size for start, here in labels.items())
        verdict = "right" if record["kind"] == "string literal" and inside else "wrong"
        counts["no label"][verdict] += 1
        if verdict == "wrong":
            remarks.append(f"wrong: {record['kind']} at {address:#x} of {record['size']} bytes, where there is no label")
    for kind, verdicts in sorted(counts.items()):
        print(f"{kind:<12}" + "".join(f"{verdicts[one]:>8} {one}" for one in ("right", "wrong", "cannot tell")))
    print("\n".join(remarks), end="\n" if remarks else "")
    return counts


def own_subject(prefix, verbose):
    """False if an answer is wrong, or most jump tables are not found."""
    good = True
    for compiler, level, position in itertools.product(("gcc", "clang", "clang-19"), ("-O0", "-O2"), ("-fPIC", "-fno-pic")):
        if not shutil.which(compiler):
            continue
        print(compiler, level, position)
        counts = compare(prefix, compiler, [str(pathlib.Path(__file__).with_name("switches.c"))], [level, position],
                         "-shared" if position == "-fPIC" else "-no-pie", verbose)
        good = good and not any(verdicts["wrong"] for verdicts in counts.values()) and counts["jump table"]["right"] >= 5
    return good


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--verbose", action="store_true")
    arguments.add_argument("--link", default="-shared")
    arguments.add_argument("prefix", type=pathlib.Path)
    arguments.add_argument("compiler", nargs="?")
    arguments.add_argument("sources", nargs="*")
    options = arguments.parse_args(sys.argv[1:split])
    if options.compiler is None:
        return 0 if own_subject(options.prefix, options.verbose) else 1
    counts = compare(options.prefix, options.compiler, options.sources, sys.argv[split + 1:], options.link, options.verbose)
    return 1 if any(verdicts["wrong"] for verdicts in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
