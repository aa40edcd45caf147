# SPDX-License-Identifier: Apache-2.0
# usage: malloc_bound.py ROUNDS     Lists, dictionaries and strings, many and small; prints a number that depends on all of them.
import sys


def build(seed):
    state = seed
    words = []
    for index in range(400):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        words.append("w%x" % (state >> 8) + str(index))
    table = {}
    for word in words:
        table.setdefault(word[:3], []).append({"word": word, "length": len(word), "pair": (word, [len(word)])})
    lines = [" ".join(entry["word"] for entry in entries) for entries in table.values()]
    return table, lines


def main():
    kept = []
    total = 0
    for seed in range(int(sys.argv[1])):
        table, lines = build(seed)
        kept.append(table)
        if len(kept) > 20:
            kept.pop(seed % 20)
        total = (total * 31 + sum(map(len, lines)) + len(table)) % 1000000007
        total += sum(len(line.replace("w", "--").split("-")) for line in lines)
    print(total)


main()
