# SPDX-License-Identifier: Apache-2.0
"""Run inside gdb, on a file: what gdb says about its types, static objects and functions, as JSON lines to AUDIT_OUT.

AUDIT_ASK is a file with a JSON object of "addresses", link addresses of code, and "names" of types. What is read is the blocks around the
addresses, all of the units that these are in or where a type of one of the names is, and "variables", a list of pc and name. A line is
    {"definition": number, "kind", "name", "size", "members", "enumerators"}    a structure, union or enumeration, each once
    {"typedef": name, "of": term}
    {"static": name, "address", "size", "type": term}
    {"code": name, "address", "type": term}    a function
    {"scoped": name, "function", "type": term}    a variable somewhere in a function
    {"variable": number, "function", "type": term}    one candidate for a variable that was asked about
A term is a list: ["void"], ["int" or "uint" or ..., size], ["pointer", term], ["array", count or null, term], ["string", count or null], ["function", result,
[arguments], variadic], ["tag", kind, name, size or null] for a tagged type with a name, ["definition", number] for one without.
Typedefs and qualifiers are seen through.
"""
import collections
import itertools
import json
import os

import gdb

INTEGERS = {gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR}
TAGGED = {gdb.TYPE_CODE_STRUCT: "struct", gdb.TYPE_CODE_UNION: "union", gdb.TYPE_CODE_ENUM: "enumeration"}
WRAPPED = {gdb.TYPE_CODE_PTR: "pointer", gdb.TYPE_CODE_REF: "reference", gdb.TYPE_CODE_RVALUE_REF: "rvalue reference",
           gdb.TYPE_CODE_MEMBERPTR: "member pointer", gdb.TYPE_CODE_METHODPTR: "method pointer"}
DEEPEST = 40


class Reader:
    def __init__(self, out):
        self.out = out
        self.numbers = {}
        self.lines = set()
        self.seen = set()
        self.depth = 0

    def put(self, line):
        self.out.write(json.dumps(line) + "\n")

    def once(self, line):
        text = json.dumps(line)
        if text not in self.lines:
            self.lines.add(text)
            self.out.write(text + "\n")

    def term(self, kind):
        self.depth += 1
        try:
            return self.term_of(kind) if self.depth < DEEPEST else ["deep"]
        finally:
            self.depth -= 1

    def term_of(self, kind):
        while kind.code == gdb.TYPE_CODE_TYPEDEF:
            kind = kind.target()
        kind = kind.unqualified()
        code = kind.code
        if code in TAGGED:
            if kind.name is None:
                return ["definition", self.definition(kind)]
            return ["tag", TAGGED[code], kind.name, kind.sizeof]
        if code in WRAPPED:
            return [WRAPPED[code], self.term(kind.target())]
        if code == gdb.TYPE_CODE_ARRAY:
            return ["array", count_of(kind), self.term(kind.target())]
        if code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_METHOD):
            arguments = [self.term(field.type) for field in kind.fields()]
            return ["function", self.term(kind.target()), arguments, str(kind).endswith("...)")]
        if code == gdb.TYPE_CODE_VOID:
            return ["void"] if kind.name in (None, "void") else ["unspecified", kind.name]
        if code in INTEGERS:
            return ["int" if kind.is_signed else "uint", kind.sizeof, kind.name]
        if code == gdb.TYPE_CODE_FLT:
            return ["float", kind.sizeof, kind.name]
        if code == gdb.TYPE_CODE_COMPLEX:
            return ["complex", kind.sizeof, kind.name]
        if code == gdb.TYPE_CODE_BOOL:
            return ["boolean", kind.sizeof, kind.name]
        if code == gdb.TYPE_CODE_STRING:
            return ["string", count_of(kind)]
        if code == gdb.TYPE_CODE_RANGE:
            return ["range", list(kind.range()), self.term(kind.target())]
        return ["other", code, kind.name]

    def members(self, kind):
        found = []
        for field in kind.fields():
            if not hasattr(field, "bitpos") and not field.is_base_class:
                continue  # a static member
            bits = field.bitsize if hasattr(field, "bitsize") else 0
            found.append([field.name if not field.is_base_class else None, getattr(field, "bitpos", None), bits, field.is_base_class,
                          self.term(field.type) if field.type else None])
        return found

    def definition(self, kind, name=None):
        content = {"kind": TAGGED[kind.code], "name": kind.name or name, "size": kind.sizeof}
        if kind.code == gdb.TYPE_CODE_ENUM:
            content["enumerators"] = [[field.name, field.enumval] for field in kind.fields()]
        else:
            content["members"] = self.members(kind)
        key = json.dumps(content)
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.numbers)
            self.put({"definition": number, **content})
        return number

    def named_type(self, symbol):
        kind = symbol.type
        if kind is None:
            return
        if kind.code == gdb.TYPE_CODE_TYPEDEF and symbol.name != kind.name:
            return
        if kind.code == gdb.TYPE_CODE_TYPEDEF:
            self.once({"typedef": kind.name, "of": self.term(kind.target())})
        elif kind.code in TAGGED and not is_opaque(kind):
            self.definition(kind)
        else:
            self.term(kind)

    def symbol(self, symbol, block):
        if symbol.addr_class == gdb.SYMBOL_LOC_TYPEDEF:
            self.named_type(symbol)
        elif symbol.addr_class == gdb.SYMBOL_LOC_BLOCK and block.function is not None:
            pass  # inlined there
        elif symbol.addr_class == gdb.SYMBOL_LOC_BLOCK:
            self.put({"code": symbol.name, "address": int(symbol.value().address), "type": self.term(symbol.type)})
        elif symbol.addr_class == gdb.SYMBOL_LOC_STATIC:
            value = symbol.value()
            self.put({"static": symbol.name, "address": int(value.address), "size": symbol.type.sizeof, "type": self.term(symbol.type)})
        elif symbol.is_variable or symbol.is_argument:
            while block is not None and block.function is None:
                block = block.superblock
            if block is not None:
                self.once({"scoped": symbol.name, "function": block.function.name, "type": self.term(symbol.type)})

    def variable(self, number, pc, name):
        """All that may be called so at that pc, innermost first."""
        block = gdb.block_for_pc(pc)
        while block is not None and not block.is_static:
            for symbol in block:
                if symbol.name == name and (symbol.is_variable or symbol.is_argument):
                    function = block
                    while function.function is None:
                        function = function.superblock
                    self.put({"variable": number, "function": function.function.name, "type": self.term(symbol.type)})
            block = block.superblock

    def blocks_around(self, block):
        """The blocks from this one out to the whole unit, each once."""
        while block is not None:
            of_unit = block.is_global or block.is_static
            # Units without code have one extent: their symbols tell them apart.
            more = tuple(symbol.symtab.filename for symbol in itertools.islice(block, 3)) if of_unit else str(block.function)
            key = (block.start, block.end, block.is_global, of_unit, more)
            if key not in self.seen:
                self.seen.add(key)
                yield block
            elif of_unit and not block.is_global:
                return
            block = block.superblock

    def blocks(self, ask):
        tables = set()
        for address in ask["addresses"]:
            yield from self.blocks_around(gdb.block_for_pc(address))
            symtab = gdb.find_pc_line(address).symtab
            if symtab is None or (symtab.filename, symtab.static_block().start) in tables:
                continue
            tables.add((symtab.filename, symtab.static_block().start))
            for line in symtab.linetable():
                yield from self.blocks_around(gdb.block_for_pc(line.pc))
        for name in ask["names"]:
            for domain in (gdb.SYMBOL_STRUCT_DOMAIN, gdb.SYMBOL_VAR_DOMAIN):
                for symbol in gdb.lookup_static_symbols(name, domain):
                    yield from self.blocks_around(symbol.symtab.static_block())


def is_opaque(kind):
    return not kind.fields() and kind.sizeof == 0


def count_of(kind):
    """The number of elements, or None: of an array whose end is not told gdb says that it ends where it begins."""
    try:
        low, high = kind.range()
    except (gdb.error, ValueError, RuntimeError):
        return None
    if high < low or kind.sizeof == 0 and kind.target().sizeof != 0:
        return None
    return high - low + 1


def main():
    gdb.execute("set width 0")
    gdb.execute("set pagination off")
    gdb.execute("maintenance expand-symtabs")
    problems = collections.Counter()
    with open(os.environ["AUDIT_ASK"]) as ask, open(os.environ["AUDIT_OUT"], "w") as out:
        reader = Reader(out)
        asked = json.load(ask)
        for block in reader.blocks(asked):
            for symbol in block:
                try:
                    reader.symbol(symbol, block)
                except Exception as problem:  # gdb.error and what its bindings raise
                    problems[f"{type(problem).__name__}: {problem}"[:120]] += 1
        for number, (pc, name) in enumerate(asked["variables"]):
            reader.variable(number, pc, name)
        reader.put({"problems": problems})


main()
