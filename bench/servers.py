# SPDX-License-Identifier: Apache-2.0
"""Programs that are too large or too dependent on time to count their instructions: their CPU time over the same without liballocs."""
import pathlib
import statistics
import subprocess
import tempfile
import time

from figures import Figure, absent
from hosts import ORDINARY
from measure import Failure, PROGRAMS, have, interleaved, median_ratio, run


def server_rows(bench):
    yield from node_rows(bench)
    yield from redis_rows(bench)


def node_rows(bench):
    """A JavaScript program that makes objects, strings and buffers outside of V8's heap, and is compiled while it runs."""
    node = have("node")
    if not node:
        yield absent("CPU time: node", "node")
        return
    command = [node, PROGRAMS / "buffers.js", str(bench.choose(40, 2))]
    if run(command, bench.under()) != run(command, bench.under(bench.preload)):
        raise Failure("node: another output under liballocs")
    plain, ours = interleaved(bench, bench.choose(7, 1), ({}, command), ({"LD_PRELOAD": bench.preload}, command))
    note = f"{statistics.median(plain.cpu) / 1e6:.0f} ms without"
    yield Figure("CPU time: node", median_ratio(ours.cpu, plain.cpu), "ratio", ORDINARY, note=note)


def redis_rows(bench):
    """redis-server while redis-benchmark asks it; the server's own account of its CPU time."""
    if not all(have(tool) for tool in ("redis-server", "redis-benchmark", "redis-cli")):
        yield absent("CPU time: redis-server", "redis")
        return
    requests = bench.choose(100000, 500)
    plain, ours = [], []
    for _ in range(bench.choose(5, 1)):
        plain.append(redis_seconds(bench, None, requests))
        ours.append(redis_seconds(bench, bench.preload, requests))
    note = f"{statistics.median(plain):.2f} s without, three times {requests} requests"
    yield Figure("CPU time: redis-server", median_ratio(ours, plain), "ratio", ORDINARY, note=note)


def redis_seconds(bench, preload, requests):
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        return redis_seconds_in(bench, preload, requests, pathlib.Path(folder))


def redis_seconds_in(bench, preload, requests, folder):
    socket = folder / "socket"
    server = subprocess.Popen(["/usr/bin/redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
                              env=bench.under(preload), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        for _ in range(200):
            if socket.exists() or server.poll() is not None:
                break
            time.sleep(0.05)
        client = ["-s", str(socket)]
        run(["/usr/bin/redis-benchmark", *client, "-q", "-t", "set,lpush,hset", "-n", str(requests), "-r", "100000", "-d", "40"],
            bench.environment)
        told = dict(line.split(":", 1) for line in run(["/usr/bin/redis-cli", *client, "info", "cpu"], bench.environment).splitlines()
                    if ":" in line)
        subprocess.run(["/usr/bin/redis-cli", *client, "shutdown", "nosave"], env=bench.environment, capture_output=True, check=False)
        if server.wait(20) != 0:
            raise Failure(f"redis-server: status {server.returncode}")
        return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
