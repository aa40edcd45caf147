# SPDX-License-Identifier: Apache-2.0
"""Generated inputs, the same on every machine: an own generator of random numbers, and checksums of what comes out."""
import hashlib

from measure import Failure, run

# First 16 digits of sha256, by name and size.
CHECKSUMS = {
    ("cxx_source", 24): "3005cf1dda5a095d",
    ("cxx_source", 6): "95c0caa7a6adecbc",
    ("git_output", 1500): "ab127ae34ce50f6c",
    ("git_output", 60): "730c9f85715052d5",
    ("git_repository", 1500): "b3d4703fc0002349",
    ("git_repository", 60): "3e5269d44b2883ed",
    ("perl_output", 20): "42a216016b483bf9",
    ("perl_output", 200): "47b257a691a66b23",
    ("python_output", 120): "0aa7cc3525871aab",
    ("python_output", 15): "3afbd42f390bb711",
    ("sql_script", 2000): "54bdec3aac398fbc",
    ("sql_script", 20000): "7c1d140941888832",
    ("sqlite3_output", 2000): "738a81e41230bf2f",
    ("sqlite3_output", 20000): "8ba89971536b7d41",
}


def checked(name, size, data):
    if isinstance(data, str):
        data = data.encode()
    found = hashlib.sha256(data).hexdigest()[:16]
    if CHECKSUMS.get((name, size)) != found:
        raise Failure(f"{name} {size}: checksum {found}, expected {CHECKSUMS.get((name, size))}")
    return data


class Random:
    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        return (self.state >> 33) % limit


def sql_script(rows):
    """Inserts, indexes, joins and aggregates in memory."""
    random = Random(1)
    lines = ["CREATE TABLE item(id INTEGER PRIMARY KEY, owner INTEGER, name TEXT, price REAL);",
             "CREATE TABLE owner(id INTEGER PRIMARY KEY, town TEXT);", "BEGIN;"]
    lines += [f"INSERT INTO owner VALUES({i}, 'town{random.below(40)}');" for i in range(rows // 10)]
    for i in range(rows):
        lines.append(f"INSERT INTO item VALUES({i}, {random.below(rows // 10)}, 'item-{random.below(1 << 30):x}', "
                     f"{random.below(100000)}.25);")
    lines += ["COMMIT;", "CREATE INDEX item_owner ON item(owner);", "CREATE INDEX item_name ON item(name);",
              "SELECT town, count(*), sum(price) FROM item JOIN owner ON owner.id = item.owner GROUP BY town ORDER BY town;",
              "SELECT count(*) FROM item a JOIN item b ON a.owner = b.owner WHERE a.price < b.price;",
              "UPDATE item SET name = upper(name) || '/' || owner WHERE id % 3 = 0;",
              "SELECT substr(name, 1, 6) s, count(*), max(name) FROM item GROUP BY s ORDER BY s LIMIT 50;",
              "DELETE FROM item WHERE price < 50000;", "SELECT count(*), total(price) FROM item;"]
    return checked("sql_script", rows, "\n".join(lines) + "\n")


def cxx_source(classes):
    """A translation unit without includes: class templates, virtual functions, arithmetic."""
    random = Random(2)
    lines = ["template <typename T, int N> struct ring { T slot[N]; int at = 0; void put(T v) { slot[at = (at + 1) % N] = v; }",
             "  T sum() const { T r = T(); for (int i = 0; i < N; i++) r += slot[i]; return r; } };"]
    for i in range(classes):
        base = f" : shape{random.below(i)}" if i > 3 and random.below(3) == 0 else ""
        lines.append(f"struct shape{i}{base} {{ virtual ~shape{i}() {{}} virtual int area{i}(int x) const; int width{i} = {i};"
                     f" ring<long, {random.below(30) + 2}> history{i}; }};")
        lines.append(f"int shape{i}::area{i}(int x) const {{ int r = width{i}; for (int k = 0; k < x; k++) {{")
        for _ in range(4):
            lines.append(f"  if ((r ^ k) & {random.below(1000) + 1}) r = r * {random.below(99) + 2} + (k << {random.below(7)}); else"
                         f" r -= k / {random.below(9) + 1};")
        lines.append(f"  }} return r + static_cast<int>(history{i}.sum()); }}")
        lines.append(f"int use{i}(shape{i}* s) {{ s->history{i}.put({i}); return s->area{i}({random.below(50)}); }}")
    return checked("cxx_source", classes, "\n".join(lines) + "\n")


def git_repository(bench, commits):
    """A repository whose history is fixed down to the last hash."""
    folder = bench.work / f"repository-{commits}"
    if not (folder / "done").exists():
        run(["git", "init", "-q", "--bare", folder], bench.environment)
        random = Random(3)
        files = {}
        stream = []
        for commit in range(commits):
            stream.append(f"commit refs/heads/main\ncommitter A <a@example.org> {1600000000 + commit * 3600} +0000")
            message = f"change {commit}"
            stream.append(f"data {len(message)}\n{message}")
            for _ in range(1 + random.below(4)):
                path = f"d{random.below(8)}/f{random.below(12)}.txt"
                text = files.setdefault(path, [])
                for _ in range(1 + random.below(20)):
                    text.insert(random.below(len(text) + 1), f"line {random.below(1 << 20):x} of {path}")
                del text[random.below(len(text)):][:random.below(5)]
                body = "\n".join(text) + "\n"
                stream.append(f"M 100644 inline {path}\ndata {len(body)}\n{body}")
        run(["git", "-C", folder, "fast-import", "--quiet"], bench.environment, input="\n".join(stream) + "\n")
        (folder / "done").touch()
    checked("git_repository", commits, run(["git", "-C", folder, "rev-parse", "main"], bench.environment).strip())
    return folder
