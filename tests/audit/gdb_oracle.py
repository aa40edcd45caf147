# SPDX-License-Identifier: Apache-2.0
"""Run inside gdb, attached to a subject: what gdb says about each row of AUDIT_ROWS, as JSON lines to AUDIT_OUT.

A row is a list [number, object, kind, function, thread, base, expression, object's expression]. An answer is
{"row", "address", "size", "type", "symbol", "outer"}; where gdb fails, {"row", "error"}.
"""
import json
import os

import gdb


def frames_of_selected_thread():
    found = []
    frame = gdb.newest_frame()
    while frame is not None:
        found.append(frame)
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found


def plain_name(frame):
    name = frame.name() or ""
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0 and not name.startswith("(anonymous", at):
            return name[:at]
    return name


class Process:
    def __init__(self):
        self.threads = {thread.ptid[1]: thread for thread in gdb.selected_inferior().threads()}
        self.frames = {}

    def frames_named(self, thread, function):
        self.threads[thread].switch()
        if thread not in self.frames:
            self.frames[thread] = frames_of_selected_thread()
        frames = self.frames[thread]
        named = [(at, frame) for at, frame in enumerate(frames) if plain_name(frame) == function]
        outer = []
        for at, frame in named:
            while frames[at].type() == gdb.INLINE_FRAME and at + 1 < len(frames):
                at += 1
            outer.append((frame, plain_name(frames[at])))
        return outer


def bit_field(expression):
    parent, _, name = expression.rpartition(".")
    whole = gdb.parse_and_eval(parent)
    for field in whole.type.strip_typedefs().fields():
        if field.name == name and field.bitsize:
            return {
                "address": int(whole.address) + field.bitpos // 8,
                "size": field.bitsize,
                "type": str(field.type),
            }
    raise gdb.error("no such bit-field")


def code(address, value):
    block = gdb.block_for_pc(address)
    while block.function is None:
        block = block.superblock
    return {"address": block.start, "size": block.end - block.start, "type": str(value.type)}


def evaluate(kind, base, expression):
    if kind == "bit-field":
        return bit_field(expression)
    value = gdb.parse_and_eval(expression)
    if kind in ("function", "function with aliases", "versioned function"):
        return code(base, value)
    if kind == "argv":
        return {"address": int(value), "size": None, "type": str(value.type)}
    if value.type.code == gdb.TYPE_CODE_REF:
        value = value.referenced_value()
    if value.address is None:
        raise gdb.error("no address")
    return {"address": int(value.address), "size": value.type.sizeof, "type": str(value.type)}


def answer_for(process, kind, function, thread, base, expression):
    candidates = process.frames_named(thread, function) if function else []
    if not candidates:
        process.threads[thread].switch()
        candidates = [(gdb.newest_frame(), "")]
    answer = None
    for frame, outer in candidates:
        frame.select()
        answer = evaluate(kind, base, expression)
        answer["outer"] = outer
        if answer["address"] == base:
            break
    answer["symbol"] = gdb.execute(f"info symbol {base}", to_string=True).strip()
    return answer


def main():
    gdb.execute("set language " + os.environ["AUDIT_LANGUAGE"])
    process = Process()
    with open(os.environ["AUDIT_ROWS"]) as rows, open(os.environ["AUDIT_OUT"], "w") as out:
        for number, kind, function, thread, base, expression in json.load(rows):
            try:
                answer = answer_for(process, kind, function, thread, base, expression)
            except Exception as problem:  # gdb.error and what its bindings raise
                answer = {"error": str(problem)}
            out.write(json.dumps({"row": number, **answer}) + "\n")


main()
