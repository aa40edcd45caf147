# SPDX-License-Identifier: Apache-2.0
"""Types of metadata against the same types as another reader has them: what agrees, what differs, and why we may differ."""
import collections
import functools
import json
import re

import spelling

STEMS = {"int": {"int", "signed_char"}, "uint": {"uint", "unsigned_char", "utf"}, "boolean": {"boolean"}, "float": {"float"},
         "complex": {"complex_float"}}
TAGGED = ("struct", "class", "union", "enumeration")
CHARACTERS = {"char": "signed_char", "signed char": "signed_char", "unsigned char": "unsigned_char"}


# What the other reader says otherwise, and why we are right.
RULES = {
    "only ellipsis": "DWARF 5, 3.3.4 and 5.10: DW_TAG_unspecified_parameters says that more arguments follow; gdb prints a function without "
                     "others as (void)",
    "pack": "DWARF 5, 3.3.4: the arguments of a function are its formal parameter entries; gcc puts those of a pack into a "
            "DW_TAG_GNU_formal_parameter_pack, which gdb does not look into",
    "clone": "DWARF 5, 3.3.8.3: a concrete instance is described by its abstract one, where all parameters are in the source's order; gdb "
             "takes what a clone of gcc (.isra, .part, .constprop) still has",
    "size of the object": "DWARF 5, 5.5.1 and ELF st_size: an object with a flexible array member is larger than its type, as its symbol says",
    "declaration": "DWARF 5, 2.13.2: what completes a declaration has attributes of its own; gdb takes the type of the declaration, here an "
                   "array without a length",
    "merged": "ELF SHF_MERGE and -fmerge-all-constants: equal constants are one object, and have one record; each of the names is right",
    "descriptor": "DWARF 5, 5.18.1: with DW_AT_data_location the object holds a descriptor, and the elements are elsewhere; gdb describes "
                  "the elements, we say no more than that it is a descriptor",
    "slot": "DWARF 5, 2.6.1: a single location description is that of the object's whole lifetime; a slot of an unoptimised frame that "
            "belongs to one variable alone is told all through the function, where gdb knows it in its block only",
    "list of lengths": "DWARF 3, 5.9: the length of a string may be a location list; gdb takes the list's offset for the length",
    "no name": "DWARF 5, 5.7.1: a declaration is not the type's size and members; gcc declares a class without a name for one that is in a type "
               "unit, and of that gdb makes an empty one",
    "several copies": "ELF SHF_GROUP: of a function that several units have one copy is kept, and gdb takes all of their entries for it; in "
                      "libstdc++ the units differ in what they call a type",
    "atomic": "DWARF 5, 5.3: a type modified by DW_TAG_atomic_type is as large as the type; pahole 1.24 does not know the tag, and prints 0, or an error "
              "instead of the member",
    "nullptr": "DWARF 5, 5.2: decltype(nullptr) is unspecified in DWARF; C++ says that it is as large as void*",
}


def stems_of(what, size, name):
    """The stems that our name of such a base type may have; of numbers of 16 bytes the name tells binary128."""
    if what == "float" and size == 16 and re.search(r"[Ff]loat128|f128|kind=16", name or ""):
        return {"binary128"}
    # clang calls two of 32 bytes "complex".
    return STEMS[what] | ({"complex_unclear_float"} if (size, name) == (32, "complex") else set())


class Difference(Exception):
    """What two descriptions of one thing differ in."""


@functools.lru_cache(None)
def plain(name):
    name = re.sub(r"\[abi:\w+\]", "", name or "")
    name = re.sub(r"\b(\d+)([uUlL]+)\b", lambda match: match[1] + match[2].lower(), name)
    return spelling.normalise(name, merged=False).replace("(anonymous namespace)", "").replace(" ", "")


def is_called(ours, theirs):
    """What is local to a function is called after it by us; gdb leaves that out."""
    return plain(ours) == plain(theirs) or plain(ours).endswith("::" + plain(theirs))


@functools.lru_cache(None)
def last_part(name):
    """"c" of "a::b<x::y>::c"."""
    depth, start = 0, 0
    name = plain(name)
    for at, letter in enumerate(name):
        depth += (letter in "<(") - (letter in ">)")
        if depth == 0 and name.startswith("::", at):
            start = at + 2
    return name[start:]


class Comparison:
    """Our types against another reader's; what was seen in comparisons that went well is right."""

    def __init__(self, types, lines):
        self.types = types
        self.definitions = {line["definition"]: line for line in lines if "definition" in line}
        self.typedefs = collections.defaultdict(set)  # names of a definition without one
        for line in lines:
            if "typedef" in line and line["of"][0] == "definition":
                self.typedefs[line["of"][1]].add(plain(line["typedef"]))
        self.right = set()
        self.known = {}
        self.entry = ""  # of the debug information, what is compared
        self.used = collections.Counter()  # (rule, entry)

    def use(self, rule, is_needed=True):
        """One of RULES says why the two differ although we are right."""
        self.used[rule, self.entry] += bool(is_needed)

    # ---- terms: raise Difference or return the set of our types that are in it ----

    def check(self, term, index):
        """Is our type `index` what `term` says?"""
        key = (json.dumps(term), index)
        if key not in self.known:
            self.known[key] = set()  # a cycle is right if the rest of it is
            try:
                self.known[key] = self.compare(term, index)
            except Difference as difference:
                self.known[key] = difference
        if isinstance(self.known[key], Difference):
            raise self.known[key]
        return self.known[key]

    def compare(self, term, index):
        if term is None or index is None or index >= len(self.types):
            raise Difference(f"{term} is {index}")
        ours = self.types[index]
        kind, what = ours["kind"], term[0]

        def want(good, why=""):
            if not good:
                raise Difference(f"{ours['human_name'] or ours['name']} is {term} {why}")

        if what == "deep":
            return set()
        if what == "void":
            want(kind == "void")
            return {index}
        if what == "unspecified":
            is_null = "nullptr" in term[1] and kind == "base" and ours["name"] == "address$64"
            want(kind == "void" or is_null)
            self.use("nullptr", is_null)
            return {index}
        if what in STEMS:
            stem = ours["name"].split("$")[0]
            want(kind == "base" and "bit_size" not in ours and ours["size"] == term[1])
            want(stem in stems_of(what, term[1], term[2]) and (term[1] > 1 or CHARACTERS.get(term[2], stem) == stem), stem)
            return {index}
        if what in ("pointer", "reference", "rvalue reference"):
            want(kind == what and ours["size"] == 8, kind)
            return self.check(term[1], ours["target"]) | {index}
        if what in ("member pointer", "method pointer"):
            want(kind == "member pointer" and ours["size"] == (8 if what == "member pointer" else 16), kind)
            return self.check(term[1], ours["target"]) | {index}
        if what == "array" and ours["human_name"] == "<array descriptor>":
            want(ours.get("incomplete"))
            self.use("descriptor")
            return set()
        if what == "array":
            want(kind == "array" and ours.get("count") == term[1], ours.get("count"))
            return self.check(term[2], ours["target"]) | {index}
        if what == "string":
            want(kind == "array" and self.types[ours["target"]]["name"] == "signed_char$8")
            want(ours.get("count") in (term[1], None), "length")
            self.use("list of lengths", ours.get("count") != term[1])
            return {index, ours["target"]}
        if what == "function":
            arguments = [member["type"] for member in ours.get("members", [])]
            want(kind == "subprogram" and len(arguments) == len(term[2]), f"{len(arguments)} arguments")
            if ours.get("variadic", False) != term[3]:
                want(not arguments, "variadic")
                self.use("only ellipsis")
            seen = self.check(term[1], ours["target"]) | {index}
            for argument, mine in zip(term[2], arguments):
                seen |= self.check(argument, mine)
            return seen
        if what == "tag":
            want(self.sort(kind) == term[1] and is_called(ours["name"], term[2]))
            want("size" not in ours or not term[3] or ours["size"] == term[3], "size")
            return set()
        if what == "definition":
            return self.check_definition(self.definitions[term[1]], index)
        raise Difference(f"{ours['human_name']} is {term}: no rule")

    @staticmethod
    def sort(kind):
        return "struct" if kind == "class" else kind

    def check_definition(self, theirs, index):
        ours = self.types[index]

        def want(good, why):
            if not good:
                raise Difference(f"{ours['name']}: {why}")

        want(self.sort(ours["kind"]) == theirs["kind"], f"a {ours['kind']}, theirs a {theirs['kind']}")
        if theirs["name"] is None:
            names = self.typedefs[theirs["definition"]]
            want(ours.get("made_up_name") or plain(ours["name"]) in names or
                 any(plain(ours["name"]).endswith("::" + name) for name in names), f"called {names}")
        else:
            want(is_called(ours["name"], theirs["name"]), f"called {theirs['name']}")
        is_declaration = theirs["name"] is None and not theirs.get("members", True) and (theirs["size"] or ours.get("incomplete"))
        if is_declaration and ours.get("made_up_name"):
            self.use("no name")
            return set()
        want(not ours.get("incomplete"), "incomplete")
        want(ours.get("size") == theirs["size"], f"size {ours.get('size')}, theirs {theirs['size']}")
        if theirs["kind"] == "enumeration":
            mine = [(one["name"], one["value"]) for one in ours.get("enumerators", [])]
            others = [(name.split("::")[-1], as_signed(value)) for name, value in theirs["enumerators"]]
            want(mine == others, f"enumerators {mine} instead of {others}")
            return {index}
        mine = ours.get("members", [])
        want(len(mine) == len(theirs["members"]), f"{len(mine)} members, theirs {len(theirs['members'])}")
        seen = {index}
        left = list(mine)
        for member in theirs["members"]:
            seen |= self.take_member(ours, left, member)
        return seen

    def take_member(self, ours, left, theirs):
        name, at, bits, is_base, term = theirs
        problem = Difference(f"{ours['name']}: no member {name} at bit {at}: {[one['name'] for one in left]}")
        for candidate in left:
            kind = self.types[candidate["type"]]
            place = None if "offset" not in candidate else candidate["offset"] * 8 + kind.get("bit_offset", 0)
            if candidate["name"] != (name or "") or candidate.get("base_class", False) != is_base:
                continue
            try:
                if place != at:
                    raise Difference(f"at bit {place} instead of {at}")
                seen = self.check_bits(term, kind, bits) if bits else self.check(term, candidate["type"])
                if bits:
                    seen = {candidate["type"]}
                left.remove(candidate)
                return seen
            except Difference as difference:
                problem = Difference(f"{ours['name']}.{name}: {difference}")
        raise problem

    @staticmethod
    def check_bits(term, ours, bits):
        if ours["kind"] == "enumeration":
            if term[0] in ("tag", "definition") and ours["size"] * 8 == bits:
                return
            raise Difference(f"an enumeration for {bits} bits")
        stem = ours["name"].split("$")[0]
        if ours.get("bit_size", ours["size"] * 8) != bits:
            raise Difference(f"{ours.get('bit_size')} bits instead of {bits}")
        if term[0] in STEMS and stem not in STEMS[term[0]]:
            raise Difference(f"{stem} instead of {term}")


def as_signed(value):
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
