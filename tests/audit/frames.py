#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what is told of frames with gdb: saved registers and what they hold, what registers hold, which words are pointers.

usage: frames.py PREFIX [--all]

Each stop is a core written by gcore while a program runs on; gdb and `allocs frames` read the same core. For each frame that both have:
- each slot of ours is where `info frame` says that the register is saved, and gdb's saved registers that lie in the frame are slots of ours;
- what calls preserve has gdb's value, and lies where gdb says;
- what we say to be in a register, or in a saved one, gdb has in that register, in that frame, with that value, and no frame between has saved it again;
- a word that we say certainly to be a pointer is none of gdb's numbers, and one that we say certainly to be none is none of gdb's pointers.
Right answers, wrong ones, and what we cannot tell although gdb can are counted apart; any wrong one fails. --all: more stops, python and redis too.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from stacks import HERE, PYTHON, bare, watch

WORD = 8
LEVELS = ("-O0", "-O2", "-O1", "-O3", "-Os", "-O2 -fno-omit-frame-pointer")
MASKS = (2**64 - 1, 2**32 - 1, 2**16 - 1, 2**8 - 1)


class Tally:
    def __init__(self):
        self.cores = self.frames = self.unmatched = 0
        self.counts = collections.Counter()
        self.wrong = []

    def right(self, what):
        self.counts[what, "right"] += 1

    def untold(self, what):
        self.counts[what, "cannot tell"] += 1

    def say_wrong(self, what, *detail):
        self.counts[what, "wrong"] += 1
        self.wrong.append((what, *detail))


def number(text):
    return int(text, 16)


def agree(function, other):
    """Names that gdb's demangler does not know tell nothing."""
    return function.startswith("_Z") or other.startswith("_Z") or bare(function) == bare(other)


def splits(occupant):
    """The function and the variable of "f::p"; of an inlined one "f::g::p"."""
    function, _, variable = occupant.rpartition("::")
    return function, variable


class OurFrame:
    def __init__(self, frame):
        self.told = frame
        self.cfa = number(frame["cfa"])
        self.words = {}
        self.slots = {}
        self.registers = {}
        for place in frame["places"]:
            part = place["part"]
            if part == "register":
                self.registers[place["register"]] = place
                continue
            at = number(place["address"])
            if part in ("saved register", "return address"):
                self.slots[place["register"]] = place
            for word in range(at, at + place["size"], WORD):
                self.words[word] = place


def compare_slots(ours, caller, mine, above, places, tally):
    """`mine` and `above`: gdb's of the frame and of its caller; `caller`: our caller's; `places`: where the caller's registers have been saved."""
    base = number(ours.told["base"])
    for reg, place in ours.slots.items():
        at = number(place["address"])
        if mine["saved"].get(reg) == at:
            tally.right("slots")
        elif reg == "rip" and reg not in mine["saved"] and at == above["sp"] - WORD:
            # gdb makes up the frames of functions that have ended in a tail call, and has the return address from the code that called them.
            tally.counts["slots", "return addresses behind tail calls"] += 1
        elif reg not in mine["saved"] and at < mine["sp"]:
            # At the end of a function its registers are restored already: by the call frame information the place still has the value, and so it has.
            places[reg] = at
            tally.counts["slots", "below the stack pointer"] += 1
        else:
            tally.say_wrong("slots", mine["function"], hex(mine["pc"]), reg, hex(at), mine["saved"].get(reg))
    for reg, at in mine["saved"].items():
        if reg in ours.slots or not base <= at < ours.cfa or at not in ours.words:
            continue
        tally.untold("slots")
    if caller is None:
        return
    for reg, value in above["registers"].items():
        place = caller.registers.get(reg)
        if place is None:
            tally.untold("values of registers")
            continue
        same_place = places.get(reg) == (number(place["address"]) if "address" in place else None)
        if number(place["value"]) == value and same_place:
            tally.right("values of registers")
        else:
            tally.say_wrong("values of registers", above["function"], reg, hex(value), place, places.get(reg))


def find_occupant(place, reg, frames, first):
    """Does gdb have that variable, or frame pointer, in the register: in frame `first`, or further out, with no frame between that saved it? None: gdb has no such variable."""
    occupant = place["occupant"]
    for index in range(first, len(frames)):
        frame = frames[index]
        here = [v for v in frame["in_register"] if v[2] == reg]
        if place.get("frame_pointer"):
            wanted = occupant.removeprefix("the frame pointer").removeprefix(" of ")
            if not wanted or not frame["function"] or agree(wanted, frame["function"]):
                return frame["registers"].get(reg) == number(place["value"])
        else:
            function, name = splits(occupant)
            for _, variable, _, _, value in here:
                if variable == name:
                    return value is None or any(value == number(place["value"]) & mask for mask in MASKS)
            if bare(function.split("::")[0]) == bare(frame["function"]):
                return None
        if not here and not place.get("frame_pointer") and frame["function"] and bare(frame["function"]) in occupant:
            return None  # one of several variables of one name, as those of a parameter pack are: gdb shows one
        if here or reg in frame["saved"]:
            return False
    return None


def compare_occupants(ours, mine, frames, index, tally):
    for reg, place in ours.slots.items():
        if place["part"] != "saved register":
            continue
        if "occupant" not in place:
            above = frames[index + 1]["in_register"] if index + 1 < len(frames) else []
            if any(v[2] == reg for v in above):
                tally.untold("what saved registers hold")
            continue
        found = find_occupant(place, reg, frames, index + 1)
        if found is None:
            tally.counts["what saved registers hold", "not in gdb's scopes"] += 1
        elif found:
            tally.right("what saved registers hold")
        else:
            tally.say_wrong("what saved registers hold", mine["function"], hex(mine["pc"]), place)
    for reg, place in ours.registers.items():
        here = [v for v in mine["in_register"] if v[2] == reg]
        if "occupant" not in place:
            if here:
                tally.untold("what registers hold")
            continue
        if here and splits(place["occupant"])[1] not in [v[1] for v in here] and not place.get("frame_pointer"):
            # Of several variables the first is told; in gdb's scopes the others may be hidden.
            if bare(splits(place["occupant"])[0].split("::")[0]) != bare(mine["function"]):
                tally.say_wrong("what registers hold", mine["function"], hex(mine["pc"]), place, here)
                continue
        found = find_occupant(place, reg, frames, index)
        if found is None:
            tally.counts["what registers hold", "not in gdb's scopes"] += 1
        elif found:
            tally.right("what registers hold")
        else:
            tally.say_wrong("what registers hold", mine["function"], hex(mine["pc"]), place)
    for _, name, reg, kind, _ in mine["in_register"]:
        place = ours.registers.get(reg)
        if place is None or kind == "any":
            continue
        check_kind("kinds of registers", kind, place["holds"], (mine["function"], hex(mine["pc"]), name, reg), tally,
                   any(v[2] == reg and v[3] != kind for v in mine["in_register"]))


def check_kind(what, kind, holds, detail, tally, is_shared):
    if holds == "unknown" or is_shared:
        tally.untold(what)
    elif (kind == "pointer") == (holds == "pointer"):
        tally.right(what)
    else:
        tally.say_wrong(what, *detail, "gdb:", kind, "ours:", holds)


def compare_words(ours, mine, tally):
    kinds = collections.defaultdict(set)
    for function, name, address, parts in mine["memory"]:
        for offset, size, kind in parts:
            at = address + offset
            if kind == "pointer" and at % WORD != 0:
                kind = "any"
            for word in range(at & ~(WORD - 1), at + size, WORD):
                kinds[word].add((kind, function, name))
    for word, said in kinds.items():
        place = ours.words.get(word)
        if place is None:
            continue
        one = {kind for kind, _, _ in said}
        if len(one) > 1 or "any" in one:
            if place["holds"] == "pointer" and "pointer" not in one and "any" not in one:
                tally.say_wrong("words", mine["function"], hex(word), sorted(said), place)
            continue
        check_kind("words that are pointers" if "pointer" in one else "words that are none", one.pop(), place["holds"],
                   (mine["function"], hex(mine["pc"]), hex(word), sorted(said)), tally, False)


def compare(prefix, core, rows, tally):
    done = subprocess.run([prefix / "bin/allocs", "frames", "--json", core], stdout=subprocess.PIPE, text=True, check=True)
    told = {thread["thread"]: [OurFrame(f) for f in thread["frames"]] for thread in json.loads(done.stdout)}
    tally.cores += 1
    threads = collections.defaultdict(list)
    for row in rows:
        threads[row["thread"]].append(row)
    for thread, frames in threads.items():
        by_cfa = {f.cfa: i for i, f in enumerate(told.get(thread, []))}
        places = {}
        for index in range(len(frames) - 1):
            mine, above = frames[index], frames[index + 1]
            places.update(mine["saved"])
            found = by_cfa.get(above["sp"])
            if found is None:
                tally.unmatched += 1
                continue
            tally.frames += 1
            ours = told[thread][found]
            caller = told[thread][found + 1] if found + 1 < len(told[thread]) else None
            compare_slots(ours, caller, mine, above, places, tally)
            compare_occupants(ours, mine, frames, index, tally)
            compare_words(ours, mine, tally)


def subjects_of(folder, all_of_them):
    subjects = {}
    for compiler in (os.environ.get("CXX", "g++"), "clang++-19"):
        if not shutil.which(compiler):
            continue
        for source in ("many_frames", "saving_frames"):
            for flags in LEVELS if all_of_them else LEVELS[:2]:
                program = folder / f"{source}.{compiler}{flags.replace(' ', '')}"
                subprocess.run([compiler, "-g", "-std=c++20", *flags.split(), "-pthread", "-o", program, HERE.parent / f"programs/{source}.cc"], check=True)
                subjects[f"{source} {compiler} {flags}"] = [program]
    if all_of_them:
        subjects["python3"] = [sys.executable, "-c", PYTHON]
        if shutil.which("redis-server"):
            subjects["redis-server"] = ["redis-server", "--port", "0", "--io-threads", "4", "--unixsocket", str(folder / "s"), "--save", ""]
    return subjects


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("prefix", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="", help="subjects whose name has this")
    parser.add_argument("--stops", type=int, default=0, help="of each subject")
    options = parser.parse_args()
    prefix = options.prefix.resolve()
    if not shutil.which("gdb") or not shutil.which("gcore"):
        print("gdb is missing")
        sys.exit(77)
    bad = False
    with tempfile.TemporaryDirectory(prefix="allocs-frames.") as name:
        folder = pathlib.Path(name)
        for subject, command in subjects_of(folder, options.all).items():
            if options.only not in subject:
                continue
            tally = Tally()
            try:
                watch(prefix, command, options.stops or (20 if options.all else 1), folder, "gdb_frames.py", compare, tally)
            except subprocess.CalledProcessError as error:
                print(f"{subject}: {error}")
                sys.exit(77)
            print(f"{subject}: {tally.cores} stops, {tally.frames} frames ({tally.unmatched} that we do not have), {len(tally.wrong)} wrong")
            for (what, verdict), count in sorted(tally.counts.items()):
                print(f"    {what}: {count} {verdict}")
            for each in tally.wrong[:10]:
                print("  ", *each, flush=True)
            bad |= bool(tally.wrong) or tally.frames == 0
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
