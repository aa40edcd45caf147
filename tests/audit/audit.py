#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the API answers about a program's objects with what the compiler and gdb say about them.

usage: audit.py [--full] [--verbose] [--only PATTERN] PREFIX {c,cxx,special}

Builds the subject with each compiler and set of flags, runs it with PREFIX/lib/liballocs_preload.so, attaches gdb to it, makes it leave a
core, and prints a table: how many answers of each kind were right, wrong, or "cannot tell". Exit status 1: an answer was
wrong, or is missing although gdb has it in a build without optimisation.
"""
import argparse
import collections
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import spelling

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = {"c": ["subject.c", "heap.c", "ask.c"], "cxx": ["subject.cc", "ask.c"], "special": ["special.c", "ask.c"]}
MODES = {"special": ["nested", "signal", "fiber"]}  # the first argument of each run
LIBRARY = {"special": "special_library"}  # the second
C_COMPILER = {"g++": "gcc", "clang++": "clang"}
REASONS = {
    -1: "nothing there", -2: "no metadata", -3: "not yet", -4: "no type", -5: "unindexed", -6: "being resized",
    -7: "another thread's stack", -8: "no unwind", -9: "conflict", -10: "no run time", -11: "no memory",
}
FUNCTIONS = {"function", "function with aliases", "versioned function"}
NOT_MADE = (-2, -3)
SIZED = "variable-length array"
# An allocation of one of these may surround an object without being it.
ENCLOSING = {"mmap", "brk", "stack", "stackframe", "static-file", "static-segment", "static-section", "tls-block", ""}


@dataclasses.dataclass
class Row:
    number: int
    object: int
    kind: str
    allocator: str
    function: str
    thread: int
    base: int
    size: int
    type: str
    expression: str
    count: int
    type_class: int  # as __builtin_classify_type has it

    @property
    def is_aggregate(self):
        record, union = 12, 13
        return self.type_class in (record, union) or spelling.is_aggregate(self.type)

    def contains(self, address):
        return self.base <= address < self.base + self.size


@dataclasses.dataclass
class Link:
    allocator: str
    base: int
    size: int
    type: str
    name: str
    index: int


@dataclasses.dataclass
class Ask:
    row: int
    which: str
    address: int
    error: int
    allocator: str
    base: int
    size: int
    type_error: int
    type: str
    type_name: str
    path: str
    thread: int
    name: str
    links: list


@dataclasses.dataclass
class Running:
    """What was said of a local while its thread was running: its frames cannot be told, whose stack it is can."""
    row: int
    error: int
    allocator: str
    type_error: int
    thread: int

    def verdict(self, rows):
        another_threads = -7
        good = (self.error, self.allocator, self.type_error) == (0, "stack", another_threads)
        return "right" if good and self.thread == rows[self.row].thread else "wrong"


def parse(lines):
    """The rows and asks that ask.c prints; numbers are converted as the dataclasses say."""
    rows, asks, running, disagreements, ended = [], [], [], [], False
    for line in lines:
        word, *fields = line.rstrip("\n").split("\t")
        if word == "ROW":
            rows.append(Row(*convert(Row, fields)))
        elif word == "ASK":
            asks.append(Ask(*convert(Ask, fields), links=[]))
        elif word == "LINK":
            asks[-1].links.append(Link(*convert(Link, fields)))
        elif word == "RUNNING":
            running.append(Running(*convert(Running, fields)))
        elif word == "DISAGREE":
            disagreements.append(fields)
        elif word == "END":
            ended = True
            break
    return rows, asks, running, disagreements, ended


def convert(shape, fields):
    kinds = [field.type for field in dataclasses.fields(shape)]
    return [0 if kind is int and text == "(nil)" else int(text, 0) if kind is int else text
            for kind, text in zip(kinds, fields)]


class Subject:
    """One run of one build, and its verdicts."""

    def __init__(self, rows, asks, code_sizes, gdb_answers, outside):
        self.outside = outside  # answers by address, by kind
        self.from_core = None  # another run, asked after its end
        self.running = []  # of locals of threads, before these were stopped
        self.rows = rows
        self.asks = asks
        self.code_sizes = code_sizes
        self.gdb = gdb_answers
        self.parts = collections.defaultdict(list)
        for row in rows:
            self.parts[row.object].append(row)
        self.names_at = collections.defaultdict(set)  # of objects with several names
        for row in rows:
            if row.kind == "alias" or row.kind == "function with aliases":
                self.names_at[row.base].add(row.expression)
        self.objects = sorted((row for row in rows if row.object == row.number), key=lambda row: row.base)

    # ---- paths ----

    def root_path(self, root):
        if root.kind.startswith("heap"):
            return None
        if root.kind == "static of an inlined function":
            return f"{root.function}::{root.expression}"
        if root.kind in ("function static",) or root.allocator == "stackframe":
            outer = (self.gdb.get(root.number) or {}).get("outer", "")
            outermost = outer + "::" if outer and outer != root.function else ""
            return f"{outermost}{root.function}::{root.expression}"
        return root.expression

    def path_of(self, row):
        root = self.rows[row.object]
        if root.kind.startswith("heap"):
            head = f"(({spelling.pointer_to(root.type)}){root.base:#x})"
            if row is root:
                return spelling.tight(head)
            rest = row.expression[len(root.expression):]
            return spelling.tight(head + rest)
        return spelling.tight(self.root_path(root) + row.expression[len(root.expression):])

    # ---- one question ----

    def judge(self, ask):
        """Yields (kind, verdict, detail); verdict is right, wrong or the reason why it cannot be told."""
        row = self.rows[ask.row]
        root = self.rows[row.object]
        verdicts = list(self.judge_inside(ask, row, root))
        yield from verdicts
        if all(verdict != "wrong" for _, verdict, _ in verdicts):
            yield from self.judge_from_outside(ask)

    def judge_from_outside(self, ask):
        for kind, answers in self.outside.items():
            yield self.from_outside(ask, self.rows[self.rows[ask.row].object], kind, answers)

    def judge_inside(self, ask, row, root):
        if ask.which in ("before", "past"):
            yield self.judge_outside(ask, root)
            return
        if root.kind == "stack of a suspended fiber":
            yield self.bounds(ask, root, root.kind)
            return
        if root.kind.startswith("heap"):
            yield self.bounds(ask, root, "heap bounds")
            if root.kind != "heap bounds only":
                yield self.heap_type(ask, row, root)
            return
        kind = row.kind
        if ask.error:
            yield kind, "wrong" if ask.error == -1 else REASONS[ask.error], "no allocation"
        elif root.kind == "code of a cold part":
            yield self.code_of(ask, root)
        elif root.allocator == "stackframe":
            yield self.in_frame(ask, row, root)
        else:
            yield self.whole(ask, row, root)

    def code_of(self, ask, root):
        """An address in the middle of a function, perhaps in the part that was put elsewhere."""
        inside = ask.base <= ask.address < ask.base + max(ask.size, 1)
        named = spelling.tight(ask.path).removesuffix(".cold") == root.expression
        good = ask.allocator == root.allocator and inside and named
        if good and not ask.type:
            return root.kind, REASONS.get(ask.type_error, "no type"), ""
        good = good and spelling.normalise(ask.type) == spelling.normalise(root.type)
        return root.kind, "right" if good else "wrong", f"got {ask.allocator} {ask.base:#x} {ask.size} {ask.path} {ask.type}"

    def from_outside(self, ask, root, kind, answers):
        """`allocs what` on the same process, or on its core, says what the process itself says."""
        found = answers.get(ask.address, {})
        if ask.error:
            return kind, "right", ""
        if "allocator" not in found:
            return kind, "unknown outside", f"inside {ask.allocator} {ask.base:#x} {ask.type}, outside {found}"
        size = found.get("code_size") or found["size"]
        there = [found["allocator"], int(found["base"], 16), size, found["type"] or "", found.get("path", "")]
        here = [ask.allocator, ask.base, ask.size, ask.type_name, ask.path]
        if not ask.type:
            here[4] = there[4]  # without a type there is no path to compare
        if ask.type_error in NOT_MADE:
            here[3] = there[3]  # from outside there is more time to make metadata
        if ask.allocator == "mmap" and not ask.type:
            # The kernel joins neighbouring mappings, and the program made more of them between the two questions.
            here[1:3] = there[1:3]
        if here == there:
            return kind, "right", ""
        return kind, "wrong", f"inside {here}, outside {there}"

    def judge_outside(self, ask, root):
        """The byte before an object or past its end is not of that object, whosever it is."""
        kind = "one before or past the end"
        holds_locals = "thread-local of a library" in root.kind and ask.allocator == "__default_lib_malloc"
        if ask.error or ask.allocator in ENCLOSING or holds_locals or self.is_shared_tail(ask, root):
            return kind, "right", ""
        if root.kind == "code of a cold part":
            return self.code_of(ask, root)
        overlaps = ask.base < root.base + root.size and root.base < ask.base + ask.size
        contains = ask.base <= ask.address < ask.base + max(ask.size, 1)
        if root.size and overlaps or not contains:
            return kind, "wrong", f"{ask.allocator} {ask.base:#x} {ask.size}"
        return kind, "right", ""

    def names_of(self, root):
        """What the object may be called: several names of one object are as good as each other."""
        return self.names_at.get(root.base) or {root.expression}

    @staticmethod
    def sort_of(root):
        return "function" if root.kind in FUNCTIONS else "object"

    def bounds(self, ask, root, kind):
        want = (root.allocator, root.base, root.size)
        got = (ask.allocator, ask.base, ask.size)
        if ask.error:
            return kind, "wrong" if ask.error == -1 else REASONS[ask.error], "no allocation"
        return kind, "right" if want == got else "wrong", f"want {want} got {got}"

    def heap_type(self, ask, row, root):
        kind = root.kind
        if ask.error or not ask.type:
            return kind, REASONS.get(ask.error or ask.type_error, "no type"), ""
        if root.count == 0:
            return kind, "wrong", f"nobody can know, got {ask.type}"
        wanted = {spelling.normalise(spelling.array_of(root.type))}
        if root.count == 1:
            wanted.add(spelling.normalise(root.type))
        if spelling.normalise(ask.type) not in wanted:
            return kind, "wrong", f"want {wanted} got {ask.type}"
        return self.check_part(ask, row, root, kind)

    def is_shared_tail(self, ask, root):
        """The linker lets a literal be the tail of another: a byte of the tail is in both, and both end at one place."""
        ends_alike = ask.base + ask.size == root.base + root.size
        return root.kind == "literal" and ask.allocator == root.allocator and ends_alike

    def whole(self, ask, row, root):
        kind = row.kind
        if self.is_shared_tail(ask, root) and ask.base <= ask.address:
            root = dataclasses.replace(root, base=ask.base, size=ask.size)
        size = self.code_sizes.get(root.base, root.size) if self.sort_of(root) == "function" else root.size
        want = (root.allocator, root.base, size)
        got = (ask.allocator, ask.base, ask.size)
        if want != got:
            return kind, "wrong", f"want {want} got {got}"
        if "thread-local" in root.kind and ask.thread != root.thread:
            return kind, "wrong", f"thread {ask.thread} instead of {root.thread}"
        if ask.type_error or not ask.type:
            return kind, REASONS.get(ask.type_error, "no type"), ""
        type_text = f"char[{root.size}]" if root.kind == "literal" else root.type
        problem = self.type_problem(type_text, ask.type, ask.type_name)
        if problem:
            return kind, "wrong", problem
        if root.kind in ("literal", "argv"):
            return kind, "right", ""
        if self.sort_of(root) == "function":
            return kind, "right" if spelling.tight(ask.path) in self.names_of(root) else "wrong", f"path {ask.path}"
        return self.check_part(ask, row, root, kind)

    def in_frame(self, ask, row, root):
        kind = row.kind
        if ask.allocator == "stack" and not ask.type and ask.base <= root.base < ask.base + ask.size:
            return kind, "the thread runs elsewhere", ""
        if ask.allocator != "stackframe":
            return kind, "wrong", f"allocator {ask.allocator}"
        if ask.thread != root.thread:
            return kind, "wrong", f"thread {ask.thread} instead of {root.thread}"
        if not ask.type:
            return kind, REASONS.get(ask.type_error, "no type"), ""
        function = spelling.tight(root.function)
        if root.kind == SIZED and ask.base == root.base:
            return self.sized_array(ask, row, root)
        if not any(link.base == root.base and link.size == root.size for link in ask.links):
            alone = "::" not in spelling.tight(ask.path).replace(function, "", 1)
            return kind, "not among the frame's members" if alone else "wrong", f"path {ask.path}, want {self.path_of(row)}"
        return self.check_part(ask, row, root, kind)

    def sized_array(self, ask, row, root):
        """An array of run-time length is an allocation of its own in its frame, and its type has no length."""
        if (ask.base, ask.size) != (root.base, root.size):
            return row.kind, "wrong", f"want {root.base:#x} {root.size}, got {ask.base:#x} {ask.size}"
        frame = [link for link in ask.links if link.allocator == "stackframe" and link.name == root.function]
        if not any(link.base <= root.base and root.base + root.size <= link.base + link.size for link in frame):
            return row.kind, "wrong", f"it is not in the frame: {frame}"
        if not (ask.type or "").endswith("]"):
            return row.kind, "wrong", f"type {ask.type}"
        return self.check_part(ask, row, root, row.kind)

    def type_problem(self, want, got, name):
        if spelling.normalise(want) != spelling.normalise(got):
            return f"type {got}, want {want}"
        canonical = spelling.canonical(want)
        if canonical is not None and name and canonical != name:
            return f"name {name}, want {canonical}"
        return None

    def check_part(self, ask, row, root, kind):
        """The chain of subobjects and the path, given that the allocation itself is right."""
        if row is not root and row.kind != "bit-field":
            links = [link for link in ask.links if (link.base, link.size) == (row.base, row.size)]
            texts = {spelling.normalise(link.type) for link in links}
            if spelling.normalise(row.type) not in texts and not row.kind == "union member":
                return kind, "wrong", f"no {row.type} at {row.base:#x} in the path {ask.path}: {texts}"
        around = [part for part in self.parts[root.number] if part.contains(ask.address)]
        fields = [part for part in around if not part.is_aggregate and part.count != 0]
        if root.kind.startswith("heap") or root.kind == SIZED:
            fields = [part for part in fields if part is not root]
        if fields and root.kind != "alias":
            wanted = {self.path_of(part): part for part in fields}
            path = spelling.tight(ask.path)
            if path not in wanted:
                return kind, "wrong", f"path {ask.path}, want {' or '.join(wanted)}"
            part, last = wanted[path], ask.links[-1]
            same = (last.base, last.size) == (part.base, part.size)
            if part.kind != "bit-field" and not same:
                return kind, "wrong", f"{ask.path} at {last.base:#x} of {last.size} bytes"
            if part.kind == "bit-field":
                if not spelling.is_bit_field(last.type, part.type, part.count):
                    return kind, "wrong", f"{ask.path} is {last.type}, want {part.type}:{part.count}"
            elif part.type and (part is not root or root.allocator == "stackframe"):
                if spelling.normalise(last.type) != spelling.normalise(part.type):
                    return kind, "wrong", f"{ask.path} is {last.type}, want {part.type}"
            return kind, "right", ""
        if root.kind == "alias":
            same_path = re.split(r"[.\[]", ask.path)[0] in self.names_of(root)
            return kind, "right" if same_path else "wrong", f"path {ask.path}, want one of {self.names_of(root)}"
        deepest = min(around, key=lambda part: part.size, default=root)
        path = self.path_of(deepest)
        if not (spelling.tight(ask.path) == path or spelling.tight(ask.path).startswith((path + ".", path + "[", path + "->"))):
            return kind, "wrong", f"path {ask.path}, want {path}..."
        return kind, "right", ""

    # ---- the second oracle ----

    def oracles_disagree(self):
        """What gdb says otherwise than the program itself."""
        for row in self.rows:
            answer = self.gdb.get(row.number)
            if answer is None or "error" in answer:
                continue
            size = row.count if row.kind == "bit-field" else row.size
            if row.kind in FUNCTIONS:
                size = self.code_sizes.get(row.base, row.size)
            if row.kind in ("argv", "code of a cold part") or self.gdb_has_no_length(row, answer):
                continue
            if answer["address"] != row.base or answer["size"] not in (size, None):
                yield row, f"address {answer['address']:#x} size {answer['size']}"
            elif row.type and spelling.exact(answer["type"], row.size) != spelling.exact(row.type, row.size):
                yield row, f"type {answer['type']}"

    def gdb_has_no_length(self, row, answer):
        """Of an array whose typedef has no length in clang's debug information gdb says that it is empty."""
        return row.kind == SIZED and answer["size"] == 0

    def gdb_knows(self, ask):
        row = self.rows[ask.row]
        answer = self.gdb.get(row.number)
        return answer is not None and "error" not in answer and not self.gdb_has_no_length(row, answer)


# ---- building and running ----

class Builds:
    def __init__(self, language, full):
        compilers = ["g++", "clang++"] if language == "cxx" else ["gcc", "clang"]
        compilers = [name for name in compilers if shutil.which(name)]
        base = [[c, f"-O{o}", "-gdwarf-5", "-pie"] for c, o in itertools.product(compilers, "02")]
        more = [[c, f"-O{o}", f"-gdwarf-{d}", p] for c, o, d, p in itertools.product(
            compilers, "0123", "45", ("-pie", "-no-pie"))]
        self.all = more if full else base


def build(flags, language, prefix, folder):
    compiler, *rest = flags
    position = ["-fPIE"] if "-pie" in rest else ["-fno-pie"]
    program = folder / "subject"
    objects = []
    for source in SOURCES[language]:
        is_c = source.endswith(".c")
        standard = ["-std=gnu11"] if is_c else ["-std=c++20"]
        driver = C_COMPILER.get(compiler, compiler) if is_c else compiler
        objects.append(folder / (source + ".o"))
        subprocess.run([driver, *standard, "-w", *[flag for flag in rest if not flag.endswith("pie")], *position,
                        f"-I{prefix}/include", "-c", str(HERE / source), "-o", str(objects[-1])], check=True)
    if language in LIBRARY:
        name = LIBRARY[language]
        objects.append("-rdynamic")
        subprocess.run([compiler, *[flag for flag in rest if not flag.endswith("pie")], "-w", "-fPIC", "-shared", str(HERE / (name + ".c")),
                        f"-Wl,--version-script={HERE / (name + '.map')}", "-o", str(folder / (name + ".so"))], check=True)
    libraries = [f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib", "-lallocs", "-lpthread"]
    subprocess.run([compiler, *rest, *map(str, objects), "-o", str(program), *libraries], check=True)
    return program


def run(program, arguments, prefix, language, folder, with_gdb):
    # Images of this build of the product, not of one before.
    environment = dict(os.environ, LD_PRELOAD=f"{prefix}/lib/liballocs_preload.so", XDG_CACHE_HOME=str(folder))
    guest, (rows, asks, running, disagreements, ended) = start(program, arguments, environment)
    answers, outside = {}, {}
    if ended and with_gdb and shutil.which("gdb"):
        answers = ask_gdb(guest.pid, rows, language, folder)
    if ended:
        outside = ask_from_outside(guest.pid, asks, prefix, environment)
    guest.communicate("go on\n")
    if not ended or guest.returncode != 0:
        last = asks[-1] if asks else None
        raise RuntimeError(f"the subject ended with status {guest.returncode}; the last question was {last}")
    return rows, asks, running, disagreements, answers, outside


def start(program, arguments, environment):
    """The program, which waits, and what it printed."""
    guest = subprocess.Popen([str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    lines = []
    for line in guest.stdout:
        lines.append(line)
        if line.startswith("END"):
            break
    return guest, parse(lines)


def run_to_core(program, arguments, prefix, folder):
    """The rows and asks of another run, and what `allocs what` says about its core; None if no core can be had here."""
    environment = dict(os.environ, XDG_CACHE_HOME=str(folder))
    core, lines = folder / "core", []
    command = ["env", f"LD_PRELOAD={prefix}/lib/liballocs_preload.so", "AUDIT_CORE=1", str(program), *arguments]
    made = subprocess.run([str(HERE.parent.parent / "scripts/core_of"), str(core), *command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=environment, cwd=folder)
    if made.returncode != 0:
        print("no core:", made.stderr.strip())
        return None
    lines = made.stdout.splitlines()
    rows, asks, _, _, _ = parse(lines)
    return rows, asks, ask_from_outside(core, asks, prefix, environment)


def ask_from_outside(subject, asks, prefix, environment):
    """What `allocs what PID-OR-CORE` says, by address."""
    addresses = sorted({ask.address for ask in asks})
    done = subprocess.run([str(prefix / "bin/allocs"), "what", "--json", str(subject), *map(hex, addresses)],
                          env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"allocs what ends with status {done.returncode}: {done.stderr.strip()}")
    return {int(finding["address"], 16): finding for finding in json.loads(done.stdout)}


def ask_gdb(pid, rows, language, folder):
    wanted = [[row.number, row.kind, rows[row.object].function, rows[row.object].thread, row.base, row.expression]
              for row in rows if row.expression and not rows[row.object].kind.startswith("heap")]
    (folder / "rows.json").write_text(json.dumps(wanted))
    environment = dict(os.environ, AUDIT_ROWS=str(folder / "rows.json"), AUDIT_OUT=str(folder / "gdb.json"),
                       AUDIT_LANGUAGE="c++" if language == "cxx" else "c")
    done = subprocess.run(["gdb", "-nx", "-q", "-batch", "-p", str(pid), "-ex", "set debuginfod enabled off",
                           "-x", str(HERE / "gdb_oracle.py")], env=environment, capture_output=True, text=True)
    if not (folder / "gdb.json").exists():
        print("gdb could not be asked:", done.stderr.strip().splitlines()[-1:])
        return {}
    return {answer["row"]: answer for answer in map(json.loads, open(folder / "gdb.json"))}


def code_sizes(program, rows):
    """By address in the process: the sizes of functions, from the symbols."""
    sizes, symbols = {}, {}
    for line in subprocess.run(["nm", "-S", str(program)], capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW":
            symbols[fields[3]] = (int(fields[0], 16), int(fields[1], 16))
    main = next((row for row in rows if row.kind == "function" and row.expression == "main"), None)
    if main and "main" in symbols:
        bias = main.base - symbols["main"][0]
        for address, size in symbols.values():
            sizes[address + bias] = size
    for row in rows:
        if row.kind == "versioned function":
            sizes[row.base] = size_of_symbol(program.parent / "special_library.so", row.expression)
    return sizes


def size_of_symbol(object_file, name):
    for line in subprocess.run(["nm", "-S", str(object_file)], capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[3] == name:
            return int(fields[1], 16)
    raise RuntimeError(f"{object_file} has no symbol {name}")


# ---- reporting ----

class Table:
    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)
        self.reasons = collections.defaultdict(collections.Counter)
        self.failures = []
        self.remarks = []  # not failures, since code was optimised

    def add(self, build_name, subject, is_unoptimised):
        for ask in subject.asks:
            for kind, verdict, detail in subject.judge(ask):
                self.count(build_name, subject, ask, kind, verdict, detail, is_unoptimised)
        has_threads = any(row.allocator == "stackframe" and "of another thread" in row.kind for row in subject.rows)
        if has_threads and not subject.running:
            self.failures.append(f"{build_name}: nothing was asked while the threads ran")
        for each in subject.running:
            verdict = each.verdict(subject.rows)
            self.counts["local of a thread that runs: its stack"][verdict] += 1
            if verdict == "wrong":
                self.failures.append(f"{build_name}: of {subject.rows[each.row].expression} while its thread runs: {each}")

    def add_from_outside(self, build_name, subject, is_unoptimised):
        for ask in subject.asks:
            for kind, verdict, detail in subject.judge_from_outside(ask):
                self.count(build_name, subject, ask, kind, verdict, detail, is_unoptimised)

    def count(self, build_name, subject, ask, kind, verdict, detail, is_unoptimised):
        row = subject.rows[ask.row]
        column = verdict if verdict in ("right", "wrong") else "cannot tell"
        self.counts[kind][column] += 1
        where = f"{build_name}: {kind}: {row.function or subject.rows[row.object].function} {row.expression} " \
                f"({row.type}) {ask.which} byte {ask.address:#x}: "
        if column == "wrong":
            self.failures.append(where + "WRONG " + detail)
        elif column == "cannot tell":
            self.reasons[kind][verdict] += 1
            self.counts[kind]["gdb can"] += subject.gdb_knows(ask)
            if subject.gdb_knows(ask) or verdict == "unknown outside":
                into = self.failures if is_unoptimised else self.remarks
                into.append(where + "cannot tell (" + verdict + "), but gdb can. " + detail)

    def print(self):
        print(f"{'kind':<36}{'right':>8}{'wrong':>8}{'cannot tell':>13}{'gdb can':>9}   why not")
        total = collections.Counter()
        for kind in sorted(self.counts):
            counts = self.counts[kind]
            total.update(counts)
            why = ", ".join(f"{reason}: {n}" for reason, n in self.reasons[kind].most_common())
            print(f"{kind:<36}{counts['right']:>8}{counts['wrong']:>8}{counts['cannot tell']:>13}{counts['gdb can']:>9}   {why}")
        print(f"{'total':<36}{total['right']:>8}{total['wrong']:>8}{total['cannot tell']:>13}{total['gdb can']:>9}")


def subject_of(program, arguments, prefix, options, folder):
    rows, asks, running, disagreements, answers, outside = run(program, arguments, prefix, options.language, folder, not options.no_gdb)
    subject = Subject(rows, asks, code_sizes(program, rows), answers, {"the same from outside": outside})
    subject.running = running
    of_core = run_to_core(program, arguments, prefix, folder)
    if of_core:
        rows, asks, found = of_core
        subject.from_core = Subject(rows, asks, {}, {}, {"the same from a core": found})
    return subject, disagreements


def report(name, subject, disagreements, is_unoptimised, options, total):
    """Adds the subject's verdicts to `total`; returns what failed."""
    table = Table()
    for one in (table, total):
        one.add(name, subject, is_unoptimised)
        if subject.from_core:
            one.add_from_outside(name, subject.from_core, is_unoptimised)
    rows, answers = subject.rows, subject.gdb
    failures = table.failures
    failures += [f"{name}: {rows[int(row)].expression} {which} byte: {what} disagrees with alloc_query"
                 for row, which, what in disagreements]
    doubts = [f"{name}: ORACLES DISAGREE about {row.expression} of {row.function}: {what}, but the program says "
              f"{row.base:#x} {row.size} {row.type}" for row, what in subject.oracles_disagree()]
    known = sum("error" not in answer for answer in answers.values())
    print(f"{name}: {len(subject.objects)} objects, {len(rows)} parts, {len(subject.asks)} questions; gdb answers {known} of "
          f"{len(answers)}, and differs from the program in {len(doubts)}")
    if is_unoptimised:
        failures += doubts
    elif options.verbose:
        print("\n".join(doubts))
    if options.verbose:
        print("\n".join(table.remarks))
        table.print()
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("language", choices=SOURCES)
    parser.add_argument("--full", action="store_true", help="all optimisations, DWARF versions, PIE and not")
    parser.add_argument("--verbose", action="store_true", help="print every failure, and a table for each build")
    parser.add_argument("--only", default="", help="only builds whose command starts like this")
    parser.add_argument("--no-gdb", action="store_true")
    options = parser.parse_args()
    prefix = options.prefix.resolve()
    if not (prefix / "lib/liballocs_preload.so").exists():
        print("skipped: liballocs_preload.so is not built")
        return 77
    total, failures = Table(), []
    for flags in Builds(options.language, options.full).all:
        name = " ".join(flags)
        if not name.startswith(options.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            program = build(flags, options.language, prefix, folder)
            for mode in MODES.get(options.language, [""]):
                library = LIBRARY.get(options.language)
                arguments = [mode, str(folder / (library + ".so"))] if mode else []
                one_run = f"{name} {mode}".strip()
                try:
                    subject, disagreements = subject_of(program, arguments, prefix, options, folder)
                except RuntimeError as problem:
                    failures.append(f"{one_run}: {problem}")
                    continue
                failures += report(one_run, subject, disagreements, "-O0" in flags, options, total)
    total.print()
    shown = failures if options.verbose else failures[:40]
    print("\n".join(shown))
    if len(shown) < len(failures):
        print(f"... and {len(failures) - len(shown)} more")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
