# SPDX-License-Identifier: Apache-2.0
"""Run inside gdb over a core: each frame of each thread, and each variable in memory of those with debug information, as JSON lines to AUDIT_OUT.

{"thread", "depth", "pc", "sp", "function", "signal", "variables": [[name, address, size]]}
"""
import json
import os

import gdb

MASK = 2**64 - 1


def variables_of(frame):
    found = {}
    try:
        block = frame.block()
    except RuntimeError:
        return []
    innermost = True
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if not (symbol.is_variable or symbol.is_argument) or symbol.addr_class == gdb.SYMBOL_LOC_STATIC:
                continue
            try:
                value = symbol.value(frame)
                if value.is_optimized_out or value.address is None or value.type.sizeof == 0:
                    continue
                if value.type.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
                    continue
                if value.is_lazy:
                    value.fetch_lazy()
                found.setdefault(symbol.name, [symbol.name, int(value.address) & MASK, value.type.sizeof])
            except (gdb.error, RuntimeError):
                continue
        if block.function is not None:
            break
        block = block.superblock
    return list(found.values())


def function_of(frame):
    """As the debug information has it; of a symbol alone there may be several spellings."""
    function = frame.function()
    return function.name if function is not None else ""


with open(os.environ["AUDIT_OUT"], "w") as out:
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame, depth = gdb.newest_frame(), 0
        while frame is not None:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                row = {"thread": thread.ptid[1], "depth": depth, "pc": frame.pc(),
                       "sp": int(frame.read_register("rsp")) & MASK, "function": function_of(frame),
                       "signal": frame.type() == gdb.SIGTRAMP_FRAME, "variables": variables_of(frame)}
                out.write(json.dumps(row) + "\n")
                depth += 1
            try:
                frame = frame.older()
            except gdb.error:
                break
