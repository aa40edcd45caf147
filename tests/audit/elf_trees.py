#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints ELF files from their trees (examples/elf_printer.cc) and compares with what readelf prints of them; and prints files that are cut or
have other bytes than they should.

usage: elf_trees.py PREFIX [--whole] [FILE...]

Without FILEs some of the system are taken, and what this test builds; with --whole all of /usr/bin and of the system's libraries.
"""
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = 77
SOURCE = """
#include <stdio.h>
#include <string.h>
__thread int counter;
static int table[100], zeroes[4000];
extern int missing_one(int), missing_two(char *);
__attribute__((weak)) int maybe(void);
__attribute__((visibility("hidden"))) int hidden(int n) { return table[n] + zeroes[n]; }
static int pick(int n) { switch (n) { case 1: return 7; case 2: return 9; case 3: return 70; case 4: return 5; case 5: return 2; } return n; }
#ifdef COMMON
int small_common; char large_common[1 << 20];
#endif
#ifdef MAIN
int missing_one(int n) { return n; } int missing_two(char *s) { return (int)strlen(s); }
int main(int argc, char **argv) { (void)argv; printf("%d %d\\n", hidden(argc), pick(argc) + missing_one(3) + missing_two("four") + ++counter); return 0; }
#else
int call(int n) { return missing_one(n) + missing_two("text") + hidden(n) + pick(n) + counter + (maybe ? maybe() : 0); }
#endif
"""
BUILDS = [
    ("plain.o", ["-c"]), ("debug.o", ["-c", "-g"]), ("sections.o", ["-c", "-g", "-O2", "-ffunction-sections", "-fdata-sections"]),
    ("compressed.o", ["-c", "-g", "-gz"]), ("pic.o", ["-c", "-fPIC", "-ftls-model=global-dynamic"]), ("large.o", ["-c", "-mcmodel=large"]),
    ("program", ["-DMAIN", "-g"]), ("stripped", ["-DMAIN", "-s"]), ("static", ["-DMAIN", "-static"]), ("fixed", ["-DMAIN", "-no-pie"]),
    ("common.o", ["-c", "-fcommon", "-mcmodel=medium", "-DCOMMON"]),
    ("kept", ["-DMAIN", "-Wl,--emit-relocs"]), ("relr", ["-DMAIN", "-Wl,-z,pack-relative-relocs"]), ("library.so", ["-shared", "-fPIC", "-g"]),
]
# Of other machines clang makes object files, and lld libraries: of both classes, and of both orders of bytes.
MACHINES = ["aarch64", "riscv64", "powerpc64le", "mips64el", "aarch64_be", "powerpc64", "mips64", "s390x", "sparc64",
            "i386", "armv7", "mipsel", "riscv32", "armeb", "powerpc", "mips", "sparc", "m68k"]
# Of which older clangs do not know all, and lld fewer.
LEAST_OF_OTHERS = 30
CLANG = shutil.which("clang-19") or shutil.which("clang")
# Their numbers, how many types of relocations are asked for, and the form of the file.
RELOCATIONS = {"x86-64": (62, 50, 64, "<"), "aarch64": (183, 1100, 64, "<"), "riscv": (243, 70, 64, "<"), "ppc64": (21, 256, 64, "<"), "mips": (8, 256, 64, "<"),
               "loongarch": (258, 110, 64, "<"), "none that is told": (0x9026, 20, 64, "<"),
               "big-endian ppc64": (21, 256, 64, ">"), "big-endian mips64": (8, 256, 64, ">"), "s390": (22, 256, 64, ">"), "sparc64": (43, 256, 64, ">"),
               "i386": (3, 256, 32, "<"), "arm": (40, 256, 32, "<"), "ppc": (20, 256, 32, ">"), "sparc": (2, 256, 32, ">"), "68k": (4, 64, 32, ">"),
               "mips32": (8, 256, 32, ">"), "riscv32": (243, 70, 32, "<"), "big-endian aarch64": (183, 1100, 64, ">")}


# ---- what readelf says, line by line as the printer writes it ----

def readelf(option, path):
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, env=environment).stdout.decode(errors="replace").splitlines()


SECTION = re.compile(r"  \[ *(\d+)\] (.*?) *(\S+(?: SECTION INDICES)?) +([0-9a-f]{8}|[0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +([A-Za-z]*) +(\d+) +(\d+) +(\d+)$")


def sections(path):
    lines = []
    for line in readelf("-S", path):
        if found := SECTION.match(line):
            number, name, kind, address, offset, size, entry, flags, link, info, alignment = found.groups()
            lines.append(f"  [{number:>2}] {kind} {address} {offset} {size} {entry} {flags or '-'} {link} {info} {alignment} {name}".rstrip())
    return lines


def segments(path):
    lines = []
    for line in readelf("-l", path):
        if found := re.match(r"  (\w\S*) +(0x\w+) (0x\w+) (0x\w+) (0x\w+) (0x\w+) (.)(.)(.) (\w+)$", line):
            kind, offset, address, physical, in_file, in_memory, r, w, e, alignment = found.groups()
            flags = "".join(flag if flag != " " else "-" for flag in (r, w, e))
            alignment = "0" if int(alignment, 16) == 0 else alignment
            lines.append(f"  {kind} {offset} {address} {physical} {in_file} {in_memory} {flags} {alignment}")
        elif found := re.match(r" +\[Requesting program interpreter: (.*)\]", line):
            lines.append(f"    interpreter {found[1]}")
    return lines


def without_version(name):
    return re.sub(r"@.*$", "", name)


def symbols(path):
    lines, table = [], ""
    for line in readelf("-s", path):
        # GNU's numbers have names in files that say to be GNU's only.
        line = re.sub(r"^(.{33,}?)<OS specific>: 10 (LOCAL|GLOBAL|WEAK)", r"\1IFUNC \2", line).replace("<OS specific>: 10", "UNIQUE")
        if found := re.match(r"Symbol table '(.*)' contains (\d+) ent", line):
            table = found[1]
            lines.append(f"symbols in {table}: {found[2]}")
        elif found := re.match(r" *(\d+): ([0-9a-f]{8}|[0-9a-f]{16}) +(\w+) (\S+) +(\S+) +(\S+) +(?:\[.*\] +)?(\w+) ?(.*)$", line):
            number, value, size, kind, binding, visibility, where, name = found.groups()
            name = without_version(name) if table == ".dynsym" else name
            lines.append(f"  {number}: {value} {int(size, 0)} {kind} {binding} {visibility} {where} {name}".rstrip())
    return lines


def tables_with_versions(path):
    """The relocation sections whose symbols are dynamic: of those readelf tells the version behind the name."""
    headers = [SECTION.match(line) for line in readelf("-S", path)]
    kinds = {found[1]: found[3] for found in headers if found}
    return {found[2] for found in headers if found and found[3] in ("RELA", "REL") and kinds.get(found[9]) == "DYNSYM"}


def relocations(path):
    lines, dynamic, table = [], tables_with_versions(path), ""
    for line in readelf("-r", path):
        if found := re.match(r"Relocation section '(.*)' at offset \w+ contains (\d+) ent", line):
            table = found[1]
            if "relr" not in table:
                lines.append(f"relocations in {found[1]}: {found[2]}")
        elif found := re.match(r" +Type\d: (\w+)", line):  # what MIPS does after the first
            lines[-1] = re.sub(r"(R_\w+(?:/R_\w+)*)", rf"\1/{found[1]}", lines[-1], count=1)
        elif found := re.match(r"([0-9a-f]{8,16})  ([0-9a-f]{8,16}) (R_\w+|unrecognized: \w+) *(.*)$", line):
            offset, what, kind, rest = found.groups()
            kind = re.sub(r"unrecognized: 0*(\w)", r"0x\1", kind)
            # "value name + addend", "addend", or for a function that chooses another "name() name + addend"
            if symbol := re.match(r"([0-9a-f]{8,16}|\S+\(\)) +(.*) ([+-]) (\w+)$", rest):
                value, name, sign, addend = symbol.groups()
                name = without_version(name) if table in dynamic else name
                name = name.lstrip()
                value = f"{name}()" if value.endswith("()") else value
                name = "" if name == "<null>" else name
                rest = f"{value} {name} {sign} {addend}"
            elif symbol := re.match(r"([0-9a-f]{8}|[0-9a-f]{16}) +(\S.*)$", rest):  # without an addend
                value, name = symbol.groups()
                rest = f"{value} {without_version(name) if table in dynamic else name}"
            lines.append(f"  {offset} {what} {kind} {rest.strip()}".rstrip())
    return lines


def dynamic(path):
    found = (re.match(r" 0x\w+ \((NEEDED|SONAME)\) +[\w ]+: \[(.*)\]", line) for line in readelf("-d", path))
    return [f"{each[1].lower()}: {each[2]}" for each in found if each]


def notes(path):
    lines, section = [], ""
    for line in readelf("-n", path):
        if found := re.match(r"Displaying notes found in: (.*)", line):
            section = found[1]
            lines.append(f"notes in {section}")
        elif found := re.match(r"Displaying notes found at file offset", line):
            section = ""
        elif found := re.match(r"  (GA)[$*+!].* (0x[0-9a-f]{8})\t|  (\S*) +(0x[0-9a-f]{8})\t", line):
            found = [found[0], found[1] or found[3], found[2] or found[4]]
            lines.append(f"  {found[1]} {found[2]}")
        if found := re.match(r".*\bBuild ID: (\w+)", line):
            lines[-1] += f" build id {found[1]}"
    return lines


# ---- what the printer says ----

class Printer:
    def __init__(self, prefix, folder):
        self.program = folder / "elf_printer"
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include", "-o", self.program,
                        ROOT / "examples/elf_printer.cc", f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib", "-lallocs"], check=True)
        self.environment = {**os.environ, "LD_PRELOAD": f"{prefix}/lib/liballocs_preload.so", "XDG_CACHE_HOME": f"{prefix}/test/cache"}

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, env=self.environment, timeout=240)

    def of(self, path):
        result = self.run(path)
        if result.returncode != 0:
            raise SystemExit(f"{path}: exit status {result.returncode}: {result.stderr.decode(errors='replace')}")
        parts, part = {"sections": [], "segments": [], "symbols": [], "relocations": [], "notes": [], "dynamic": []}, None
        for line in result.stdout.decode(errors="replace").splitlines():
            if line.startswith(("needed: ", "soname: ")):
                parts["dynamic"].append(line)
            elif not line.startswith(" "):
                part = parts.get(line.split()[0].rstrip(":"))
                if part is not None and (" in " in line):
                    part.append(line)
            elif part is not None:
                part.append(line.rstrip())
        # Types of notes have names in readelf's list, which depend on their owners, and names that begin with GA are taken apart.
        parts["notes"] = [re.sub(r"^  GA[$*+!].* (0x\w{8})", r"  GA \1", re.sub(r"(0x\w{8}) (?:0x\w+|0)", r"\1", line)) for line in parts["notes"]]
        return parts


def compare(what, path, wanted, told):
    """The number of lines that differ. Tables may come in another order."""
    if wanted == told:
        return 0
    split = lambda lines: sorted("\n".join(lines).replace("\nsymbols", "\0symbols").replace("\nrelocations", "\0relocations")
                                 .replace("\nnotes", "\0notes").split("\0"))
    wanted, told = split(wanted), split(told)
    if wanted == told:
        return 0
    wanted, told = "\n".join(wanted).splitlines(), "\n".join(told).splitlines()
    differing = [(a, b) for a, b in zip(wanted, told) if a != b]
    print(f"{path}: {what}: {len(wanted)} lines of readelf's, {len(told)} of ours, {len(differing)} differ")
    for a, b in differing[:5]:
        print(f"    readelf {a!r}\n    tree    {b!r}")
    return max(len(differing), abs(len(wanted) - len(told)), 1)


def check(printer, path):
    told = printer.of(path)
    lines = differences = 0
    for what, of in (("sections", sections), ("segments", segments), ("symbols", symbols), ("relocations", relocations), ("notes", notes), ("dynamic", dynamic)):
        wanted = of(path)
        lines += len(wanted)
        differences += compare(what, path, wanted, told[what])
    return lines, differences


# ---- the forms of files ----

class Form:
    def __init__(self, data):
        self.is_32, self.order = data[4] == 1, "big" if data[5] == 2 else "little"
        self.header, self.section, self.segment = (52, 40, 32) if self.is_32 else (64, 64, 56)
        self.address = 4 if self.is_32 else 8
        self.sections_at, self.section_count = (32, 48) if self.is_32 else (40, 60)

    def number(self, data, at, size):
        return int.from_bytes(data[at:at + size], self.order)

    def take_sections_away(self, data):
        data[self.sections_at:self.sections_at + self.address] = bytes(self.address)
        data[self.section_count:self.section_count + 4] = bytes(4)


# ---- files without section headers ----

# What the sections with headers are called that the dynamic section leads to.
TAGS = {".dynsym": "DT_SYMTAB", ".rela.dyn": "DT_RELA", ".rel.dyn": "DT_REL", ".rela.plt": "DT_JMPREL", ".rel.plt": "DT_JMPREL"}


def tables(lines, names):
    """The tables among the lines that have one of the names, by the name that the other has for it."""
    found, table = {}, None
    for line in lines:
        if header := re.match(r"(?:symbols|relocations) in (.*): \d+$", line):
            table = found.setdefault(names[header[1]], []) if header[1] in names else None
        elif table is not None:
            table.append(line)
    return found


def check_without_sections(printer, path, folder):
    """A copy of which the headers say that it has no sections, against what readelf says of the file itself; of notes, which need not be in a segment, of the copy."""
    data = bytearray(path.read_bytes())
    form = Form(data)
    if form.number(data, 16, 2) not in (2, 3) or form.number(data, form.section_count, 2) == 0:
        return 0, 0
    form.take_sections_away(data)
    stripped = folder / "without_sections"
    stripped.write_bytes(data)
    told = printer.of(stripped)
    lines = differences = 0
    if not any(line.startswith("  DYNAMIC") for line in segments(path)):
        return 0, 0  # nothing tells of the tables that a static executable has
    for what, of in (("symbols", symbols), ("relocations", relocations)):
        # Names of sections' symbols are those of the sections.
        nameless = lambda lines: [line for line in lines if " SECTION " not in line]
        for name, wanted in tables(of(path), TAGS).items():
            ours = tables(told[what], {tag: tag for tag in TAGS.values()}).get(name, [])
            lines += len(wanted)
            differences += compare(f"{what} without sections, {name}", path, nameless(wanted), nameless(ours))
    if told["sections"]:
        differences += 1
        print(f"{path}: sections that it has not")
    for what, wanted in (("segments", without_places(segments(path))), ("notes", without_places(notes(stripped))), ("dynamic", sorted(dynamic(path)))):
        lines += len(wanted)
        differences += compare(f"{what} without sections", path, wanted, without_places(told[what]))
    return lines, differences


def dumps(folder):
    """Files that were written from memory: the kernel's object in this process, and a core."""
    made = []
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("[vdso]"):
            begin, end = (int(each, 16) for each in line.split()[0].split("-"))
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(begin)
                made.append(folder / "vdso")
                made[-1].write_bytes(memory.read(end - begin))
    core = folder / "core"
    subprocess.run([ROOT / "scripts/core_of", core, "sh", "-c", "kill -SEGV $$"], capture_output=True)
    return made + ([core] if core.exists() and is_readable_elf(core) else [])


# ---- files that nobody has at hand ----

def with_every_relocation(path, machine, count, bits, order):
    """An object file with a relocation of each of the first types."""
    word, (size, section_size, symbol, relocation) = ("Q", (64, 64, 24, 24)) if bits == 64 else ("I", (52, 40, 16, 12))

    def section_header(name, kind, at, size, link=0, info=0, entry=0):
        return struct.pack(f"{order}II4{word}II2{word}", name, kind, 0, 0, at, size, link, info, 8, entry)

    names = b"\0.rela\0.symtab\0.strtab\0"
    is_in_front = machine == 8 and bits == 64 and order == "<"
    relocations = b"".join(struct.pack(f"{order}2{word}{word.lower()}", 0, kind << 56 if is_in_front else kind, 0) for kind in range(count))
    symbols_at = size + len(relocations)
    sections_at = symbols_at + symbol + 32
    sections = [bytes(section_size), section_header(1, 4, size, len(relocations), 2, 0, relocation), section_header(7, 2, symbols_at, symbol, 3, 1, symbol),
                section_header(15, 3, symbols_at + symbol, len(names))]
    header = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    header += struct.pack(f"{order}HHI3{word}IHHHHHH", 1, machine, 1, 0, 0, sections_at, 0, size, 0, 0, section_size, len(sections), 3)
    path.write_bytes(header + relocations + bytes(symbol) + names.ljust(32, b"\0") + b"".join(sections))


def check_relocations(printer, folder):
    """Each type is called as readelf calls it; of those that it knows and the printer does not, the number is told."""
    lines = differences = 0
    for name, (machine, count, bits, order) in RELOCATIONS.items():
        path = folder / "every_relocation"
        with_every_relocation(path, machine, count, bits, order)
        wanted, told = relocations(path), printer.of(path)["relocations"]
        named = 0
        for number, (a, b) in enumerate(zip(wanted[1:], told[1:])):
            kind = b.split()[2]
            numbers = f"0x{number:x}" if number else "0"
            named += kind != numbers and not kind.startswith(numbers + "/")
            if a != b and kind.split("/")[0] != numbers:
                differences += 1
                print(f"relocations of {name}:\n    readelf {a!r}\n    tree    {b!r}")
        lines += len(wanted)
        if len(wanted) != len(told) or (named > 30) != (name != "none that is told"):
            differences += 1
            print(f"relocations of {name}: {len(wanted)} lines of readelf's, {len(told)} of ours, {named} with a name")
    return lines, differences


def others(folder):
    """More sections than fit into 16 bits; debug information beside its program; other machines' files."""
    made = []

    def run(target, *command):
        done = subprocess.run([*command, "-o", folder / target] if command[0] != "objcopy" else [*command, folder / target], capture_output=True)
        if done.returncode == 0:
            made.append(folder / target)
        return done.returncode == 0

    many = "".join(f'.section .s{i},"a"\n.globl g{i}\ng{i}: .byte 1\n' for i in range(70000))
    # All in one table: readelf reads the symbols for each.
    (folder / "many.s").write_text(many + '.section .references,"a"\n' + "".join(f".quad .s{i}, g{i}\n" for i in range(0, 70000, 7)))
    run("many.o", "as", folder / "many.s")
    run("kept.debug", "objcopy", "--only-keep-debug", folder / "program")
    if CLANG:
        (folder / "freestanding.c").write_text(re.sub(r"#include.*", "", SOURCE))
        for machine in MACHINES:
            target = [CLANG, f"--target={machine}-linux-gnu", "-w", "-ffreestanding", "-g", "-x", "c", folder / "freestanding.c"]
            run(f"{machine}.o", *target, "-c", "-O1")
            if shutil.which("ld.lld"):
                # MIPS has no table of GNU's. Of two tables the one of the ABI is the first that is taken where sections are not told.
                run(f"{machine}.so", *target, "-fPIC", "-shared", "-nostdlib", "-fuse-ld=lld", f"-Wl,--build-id,--hash-style={'sysv' if 'mips' in machine else 'gnu'}")
                run(f"{machine}.pie", *target, "-fPIE", "-pie", "-nostdlib", "-fuse-ld=lld", "-Wl,-e,call,--unresolved-symbols=ignore-all,--hash-style=sysv")
    run("compiled32.o", "gcc", "-m32", "-w", "-ffreestanding", "-g", "-c", "-x", "c", folder / "freestanding.c")
    return made


def without_places(lines):
    return sorted(line for line in lines if not line.startswith("notes in"))


# ---- files that are broken ----

def damaged(data, random_bits):
    """Some ways to break a file: cut, bytes changed in its headers, tables and anywhere."""
    form = Form(data)
    header_end, section_table = form.header + form.segment * 16, form.number(data, form.sections_at, form.address)
    yield data[:random_bits.randrange(len(data))]
    yield data[:random_bits.randrange(min(2000, len(data)))]
    for first, end, count in ((0, 64, 1), (0, header_end, 6), (section_table, len(data), 8), (section_table, len(data), 80), (0, len(data), 200)):
        broken = bytearray(data)
        for _ in range(count):
            at = random_bits.randrange(first, max(end, first + 1)) % len(data)
            broken[at] = random_bits.choice((0, 0xFF, 0x80, random_bits.randrange(256)))
        yield bytes(broken)
    # Numbers that are nearly right: another section's, one more, the largest.
    broken = bytearray(data)
    for _ in range(10):
        at = section_table + form.section * random_bits.randrange(max(1, (len(data) - section_table) // form.section))
        at += random_bits.choice((16, 20, 24, 28, 36) if form.is_32 else (24, 32, 40, 44, 56))
        broken[at:at + 4] = random_bits.choice((0, 1, 0xFFFFFFFF, len(data), len(data) - 1, section_table)).to_bytes(4, form.order)
    yield bytes(broken[:len(data)])
    # Without section headers, and what is left changed.
    for first, end, count in ((0, 0, 0), (form.header, header_end, 3), (0, 8000, 30), (0, len(data), 200)):
        broken = bytearray(data)
        for _ in range(count):
            broken[random_bits.randrange(first, max(end, first + 1)) % len(data)] = random_bits.choice((0, 0xFF, 0x80, random_bits.randrange(256)))
        form.take_sections_away(broken)
        yield bytes(broken[:random_bits.choice((len(data), random_bits.randrange(len(data))))])


def survive(printer, paths, folder, rounds):
    """Each damaged file is printed in all three ways: an answer, or an error, but no crash. Returns how many were, and how many did worse."""
    random_bits = random.Random(20240611)
    files = []
    for path in paths:
        data = path.read_bytes()
        for _ in range(rounds):
            for broken in damaged(data, random_bits):
                files.append(folder / f"damaged{len(files)}")
                files[-1].write_bytes(broken)
    failures = 0
    for option in ([], ["--references"], ["--parts"]):
        for first in range(0, len(files), 50):
            some = files[first:first + 50]
            if printer.run(*option, *some).returncode in (0, 1):
                continue
            for each in some:
                result = printer.run(*option, each)
                if result.returncode not in (0, 1):
                    failures += 1
                    kept = pathlib.Path(tempfile.gettempdir()) / f"elf_printer_failed_on_{each.name}"
                    shutil.copy(each, kept)
                    print(f"{kept}: exit status {result.returncode} {' '.join(option)}")
    return len(files), failures


def is_readable_elf(path):
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return head[:6] == b"\x7fELF\x02\x01" and head[18] == 62


def main():
    arguments = sys.argv[1:]
    is_whole = "--whole" in arguments
    arguments = [each for each in arguments if each != "--whole"]
    if not arguments:
        print(__doc__)
        return 2
    if shutil.which("readelf") is None:
        print("skipped: readelf is not installed")
        return SKIPPED
    prefix = pathlib.Path(arguments[0]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        printer = Printer(prefix, folder)
        built = []
        (folder / "a.c").write_text(SOURCE)
        for target, flags in BUILDS:
            made = subprocess.run([os.environ.get("CC", "cc"), "-w", *flags, "-o", folder / target, folder / "a.c"], capture_output=True)
            if made.returncode == 0:
                built.append(folder / target)
        if len(built) < len(BUILDS) - 2:  # a linker may not know the newest options
            print(f"only {len(built)} of {len(BUILDS)} could be built")
            return 1
        paths = [pathlib.Path(each) for each in arguments[1:]]
        if is_whole:
            found = [*pathlib.Path("/usr/bin").iterdir(), *pathlib.Path("/usr/lib/x86_64-linux-gnu").iterdir(), *pathlib.Path("/usr/lib/gcc").rglob("*")]
            paths = sorted({path.resolve() for path in found if path.is_file() and is_readable_elf(path)})
        elif not paths:
            system = ["/bin/true", "/bin/sh", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/crt1.o",
                      "/usr/lib/x86_64-linux-gnu/libm.so.6"]
            paths = [path for path in map(pathlib.Path, system) if path.exists()]
            paths += [prefix / "lib/liballocs.so", prefix / "lib/liballocs_preload.so"]
        lines = differences = 0
        written = dumps(folder)
        for path in written:
            if path.name == "core":
                told = printer.of(path)
                for what, wanted in (("segments", segments(path)), ("notes", without_places(notes(path)))):
                    lines += len(wanted)
                    ours = without_places(told[what]) if what == "notes" else told[what]
                    differences += compare(what, path, wanted, ours)
        if not written:
            print("no file could be written from memory")
            differences += 1
        made = others(folder)
        if CLANG and shutil.which("ld.lld") and len(made) < LEAST_OF_OTHERS:
            print(f"only {len(made)} files of other kinds could be made")
            differences += 1
        if not any(path.name == "many.o" for path in made):
            print("no file with many sections could be made")
            differences += 1
        told, wrong = check_relocations(printer, folder)
        lines, differences = lines + told, differences + wrong
        for path in built + made + [each for each in written if each.name != "core"] + paths:
            for told, wrong in (check(printer, path), check_without_sections(printer, path, folder)):
                lines += told
                differences += wrong
        small = [each for each in made if each.stat().st_size < 1 << 16]
        broken, failures = survive(printer, built + small + [each for each in written if each.stat().st_size < 1 << 20], folder, 40 if is_whole else 2)
    print(f"{len(built) + len(made) + len(written) + len(paths)} files, {lines} lines of readelf's, {differences} differ; {broken} damaged files, {failures} not survived")
    return 1 if differences or failures or lines == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
