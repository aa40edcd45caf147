# SPDX-License-Identifier: Apache-2.0
"""What judges the types of heap blocks without any analysis of ours: sites that people have read, and objects that say what they are.

Reviewed sites (tests/real/reviewed_sites.tsv): drawn at random from the site tables of the programs, read in the source, and written
down before it was known what we say of them. The checksum of the line ties a row to the release of the program that was read.

Objects: a block whose first word leads to the virtual table of a class, by the symbol table of the program, is an object of that class, or something that begins
with one. That is compared with the type that its site told. Types that were told by the virtual table themselves are left out.
"""
import collections
import csv
import os
import pathlib
import re
import subprocess
import zlib

REVIEWED = pathlib.Path(__file__).resolve().parent.parent / "tests" / "real" / "reviewed_sites.tsv"
WRAPPER, CONFLICT = 1, 2
VIRTUAL_TABLE = 1 << 17  # ALLOC_EV_VIRTUAL_TABLE
VERDICTS = ("right", "wrong", "cannot tell", "no such call")


def summary(counts):
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)


def checksum(line):
    return f"{zlib.crc32(line.strip().encode()):08x}"


def reviewed_sites(program):
    with open(REVIEWED, newline="") as file:
        rows = csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t")
        return [row for row in rows if row["program"] == program]


def source_line(folder, name, number):
    path = folder / name
    lines = path.read_bytes().decode(errors="replace").splitlines() if path.exists() else []
    return lines[number - 1] if number <= len(lines) else None


def spelled(site, image):
    """As the rows spell it: `T`, `T[]`, `T, U[]`, "caller"; None where nothing is told."""
    if site["flags"] & WRAPPER:
        return "caller"
    if site["flags"] & CONFLICT or "type" not in site:
        return None
    return spelled_type(image["types"][site["type"]], image)


def spelled_type(type_, image):
    if type_["name"].startswith("__FLEX_"):
        return ", ".join(spelled_type(image["types"][member["type"]], image) for member in type_["members"])
    if type_["kind"] == "array" and "count" not in type_:
        return spelled_type(image["types"][type_["target"]], image) + "[]"
    return re.sub(r"^(struct|union|class|enum) ", "", type_["human_name"]).replace(" ", "")


def verdict_of(expected, answers):
    """`expected`: alternatives that are equally right, "|" between them."""
    right = {one.strip().replace(" ", "") for one in expected.split("|")}
    told = {answer.replace(" ", "") for answer in answers if answer is not None}
    if not told:
        return "cannot tell"
    return "right" if told <= right else "wrong"


def judge_reviewed(program, folder, image):
    """(counts of verdicts, lines about what is wrong)"""
    at = collections.defaultdict(set)
    rows = reviewed_sites(program)
    files = {row["file"] for row in rows}
    for site in image["sites"]:
        if "source" in site:
            file, _, line = site["source"].rpartition(":")
            said = f"/{os.path.normpath(file)}"
            # Compilers say it with a folder or without: it is the longest name in which this ends, else any that ends so.
            longest = max((name for name in files if said.endswith(f"/{name}")), key=len, default=None)
            for name in [longest] if longest else [name for name in files if f"/{name}".endswith(said)]:
                at[(name, int(line))].add(spelled(site, image))
    counts, notes = collections.Counter(), []
    for row in rows:
        place = (row["file"], int(row["line"]))
        line = source_line(folder, row["file"], place[1])
        if line is None or checksum(line) != row["checksum"]:
            verdict = "no such call"  # of another release
        elif place not in at:
            verdict = "no such call"
        else:
            verdict = verdict_of(row["type"], at[place])
        counts[verdict] += 1
        if verdict != "right":
            said = ", ".join(sorted(answer or "?" for answer in at[place])) if place in at else "-"
            notes.append(f"    {verdict:12} {row['file']}:{row['line']}: {row['type']}, said {said}")
    return counts, notes


def virtual_tables(binary):
    """{where objects of the class point: the class}"""
    tables = {}
    for option in ([], ["-D"]):
        symbols = subprocess.run(["nm", "-C", *option, binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for line in symbols.splitlines():
            found = re.fullmatch(r"([0-9a-f]+) \w vtable for (.*)", line)
            if found:
                tables[int(found[1], 16) + 16] = found[2].replace(" ", "")  # behind the distance to the top and the type's description
    return tables


def begins_with(name, class_, by_name, depth=0):
    """Whether the type of that canonical name is the class, or has it as the first thing in it. None: the type is not described."""
    name = re.sub(r"^(__ARR\d+_)+", "", name)
    if name.replace(" ", "") == class_:
        return True
    if name not in by_name:
        return None
    members = [member for member in by_name[name].get("members", []) if member.get("offset") == 0]
    answers = [begins_with(member["type_name"], class_, by_name, depth + 1) for member in members] if depth < 16 else []
    return True if True in answers else None if None in answers else False


def judge_objects(lines, files, image):
    """(counts of blocks by verdict, lines about what is wrong). `files`: {module as in the lines: its file}"""
    by_name = {type_["name"]: type_ for type_ in image["types"]}
    for type_ in by_name.values():
        for member in type_.get("members", []):
            member["type_name"] = image["types"][member["type"]]["name"]
    tables, counts, notes = {}, collections.Counter(), collections.Counter()
    for line in lines:
        site_module, site, _, evidence, name, module, address, blocks, _ = line.split("\t")
        if module not in tables:
            tables[module] = virtual_tables(files[module]) if module in files else {}
        class_ = tables[module].get(int(address, 16))
        if class_ is None or int(evidence, 16) & VIRTUAL_TABLE:
            continue
        answer = None if name == "-" else begins_with(name, class_, by_name)
        verdict = "cannot tell" if answer is None else "right" if answer else "wrong"
        counts[verdict] += int(blocks)
        if verdict != "right":
            notes[f"{verdict:12} {os.path.basename(site_module)}+0x{site}: {name}, an object of {class_}"] += int(blocks)
    return counts, [f"    {number:8} blocks  {text}" for text, number in notes.most_common(20)]
