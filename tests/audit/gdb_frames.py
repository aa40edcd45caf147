# SPDX-License-Identifier: Apache-2.0
"""Run inside gdb over a core: what gdb knows of each frame of each thread, as JSON lines to AUDIT_OUT.

{"thread", "depth", "pc", "sp", "function", "signal",
 "saved": {register: address},            `info frame`: where the caller's registers are
 "registers": {register: value},          what calls preserve
 "memory": [[function, name, address, [[offset, size, kind]]]],   kind: pointer, other, any
 "in_register": [[function, name, register, kind, value]]}        kind as above
"""
import json
import os
import re

import gdb

MASK = 2**64 - 1
PRESERVED = ("rbx", "rbp", "r12", "r13", "r14", "r15")
ELEMENTS = 64


def leaves(gdb_type, offset, into, in_union=False):
    """What lies at which offset in an object of the type."""
    gdb_type = gdb_type.strip_typedefs()
    code = gdb_type.code
    if code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        into.append([offset, gdb_type.sizeof, "any" if in_union else "pointer"])
    elif code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        for field in gdb_type.fields():
            if not hasattr(field, "bitpos") or field.is_base_class and field.type.sizeof == 1:
                continue
            if not field.bitsize:
                leaves(field.type, offset + field.bitpos // 8, into, in_union or code == gdb.TYPE_CODE_UNION)
    elif code == gdb.TYPE_CODE_ARRAY:
        element = gdb_type.target()
        size = element.strip_typedefs().sizeof
        if size == 1 or size == 0:
            into.append([offset, gdb_type.sizeof, "any"])
            return
        for i in range(min(gdb_type.sizeof // size, ELEMENTS)):
            leaves(element, offset + i * size, into, in_union)
    elif code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_FLT, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_CHAR):
        into.append([offset, gdb_type.sizeof, "any" if in_union else "other"])
    elif gdb_type.sizeof:
        into.append([offset, gdb_type.sizeof, "any"])


def register_of(name):
    try:
        gdb.execute(f"print &{name}", to_string=True)
    except gdb.error as error:
        found = re.search(r"which is in register \$(\w+)", str(error))
        return found.group(1) if found else None
    return None


def register_of_reference(name, pc):
    """Of a reference `print &` tells what it refers to."""
    try:
        text = gdb.execute(f"info address {name}", to_string=True)
    except gdb.error:
        return None
    found = re.search(r'" is a variable in \$(\w+)\.', text)
    if found:
        return found.group(1)
    for low, high, reg in re.findall(r"Range (0x[0-9a-f]+)-(0x[0-9a-f]+): a variable in \$(\w+)", text):
        if int(low, 16) <= pc < int(high, 16):
            return reg
    return None


def value_of(value):
    try:
        return int(value) & (2**(8 * value.type.sizeof) - 1)
    except (gdb.error, ValueError, TypeError, OverflowError):
        return None


def add_variables(frame, row, pc):
    try:
        block = frame.block()
    except RuntimeError:
        return
    frame.select()
    function = frame.function().name if frame.function() is not None else ""
    seen = set()
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if not (symbol.is_variable or symbol.is_argument) or symbol.addr_class == gdb.SYMBOL_LOC_STATIC:
                continue
            if symbol.name in seen:
                continue
            seen.add(symbol.name)
            try:
                value = symbol.value(frame)
                size = symbol.type.strip_typedefs().sizeof
                if value.is_optimized_out or size == 0:
                    continue
                parts = []
                leaves(symbol.type, 0, parts)
                is_reference = symbol.type.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)
                register = register_of_reference(symbol.name, pc) if is_reference else register_of(symbol.name)
                if register is not None:
                    kind = parts[0][2] if len(parts) == 1 and size == 8 else "any"
                    row["in_register"].append([function, symbol.name, register, kind, None if is_reference else value_of(value)])
                elif value.address is not None and not is_reference:
                    if value.is_lazy:
                        value.fetch_lazy()
                    row["memory"].append([function, symbol.name, int(value.address) & MASK, parts])
            except (gdb.error, RuntimeError):
                continue
        if block.function is not None:
            break
        block = block.superblock


def new_row(thread, depth):
    return {"thread": thread.ptid[1], "depth": depth, "saved": {}, "registers": {}, "memory": [], "in_register": []}


with open(os.environ["AUDIT_OUT"], "w") as out:
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame, depth = gdb.newest_frame(), 0
        row = new_row(thread, depth)
        was_called = False
        while frame is not None:
            lookup_pc = frame.pc() - 1 if was_called else frame.pc()
            if frame.type() == gdb.INLINE_FRAME:
                add_variables(frame, row, lookup_pc)
            elif frame.type() != gdb.TAILCALL_FRAME:
                add_variables(frame, row, lookup_pc)
                frame.select()
                try:
                    text = gdb.execute("info frame", to_string=True).split("Saved registers:")
                    row["saved"] = {reg: int(at, 16) for reg, at in re.findall(r"(\w+) at (0x[0-9a-f]+)", text[1])} if len(text) > 1 else {}
                    found = re.search(r"Previous frame's sp at (0x[0-9a-f]+)", text[0])
                    if found:
                        row["saved"]["rsp"] = int(found.group(1), 16)
                    for reg in PRESERVED:
                        value = frame.read_register(reg)
                        if not value.is_optimized_out:
                            row["registers"][reg] = int(value) & MASK
                    row.update(pc=frame.pc(), sp=int(frame.read_register("rsp")) & MASK,
                               function=frame.function().name if frame.function() is not None else "",
                               signal=frame.type() == gdb.SIGTRAMP_FRAME)
                    out.write(json.dumps(row) + "\n")
                except gdb.error:
                    break
                was_called = not row["signal"]
                depth += 1
                row = new_row(thread, depth)
            try:
                frame = frame.older()
            except gdb.error:
                break
