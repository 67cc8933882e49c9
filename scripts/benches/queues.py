"""Jobs that do nothing: what the queue itself costs, beside its peers.

Ours is an example of the package (examples/queue_bench): the product's own workers, on the embedded
engine with every commit synced, and on a MongoDB-compatible server. The peers get the same number
of waiting jobs and of places: BullMQ on Debian's Redis without persistence, apalis-sqlite, Agenda
on the same MongoDB-compatible server as ours. Runs alternate, the table shows medians.

The MongoDB-compatible server is slow: figures on it count only against the peer on the same server.
"""

import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "scripts" / "benches" / "peers"
# Ignored by git, and kept between runs.
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "benches"
# How many jobs run at once, ours and the peers'.
PLACES = 64
START_SECONDS = 90


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def install():
    """The peers, at the versions that their manifests pin."""
    say("installing the peers")
    node = BUILT / "node"
    node.mkdir(parents=True, exist_ok=True)
    for file in (PEERS / "node").iterdir():
        shutil.copy(file, node)
    npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=node, check=True, stdout=sys.stderr)
    build = ["cargo", "build", "--release", "--locked"]
    target = BUILT / "apalis_sqlite"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    folder = PEERS / "apalis_sqlite"
    subprocess.run(build, cwd=folder, check=True, stdout=sys.stderr, env=environment)
    return node, target / "release" / "apalis_sqlite_peer"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A process that listens on a port of this machine, with a folder of its own."""

    def __init__(self, command):
        self.folder = tempfile.mkdtemp(prefix="iven-bench-")
        self.port = free_port()
        command = [word.format(port=self.port, folder=self.folder) for word in command]
        # Some look for settings there.
        environment = {**os.environ, "HOME": self.folder}
        log = open(pathlib.Path(self.folder) / "log", "w")
        self.process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"bench: {command[0]} did not start: {open(log.name).read()}")
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mongo:
    """The MongoDB-compatible server, in the order in which the tests look for one."""

    def __init__(self):
        self.server, self.databases = None, 0
        self.url = os.environ.get("MONGODB_TEST_URL")
        if self.url:
            return
        installed = ROOT / ".local" / "secantus" / "bin" / "secantusd-py"
        if shutil.which("secantusd-rs"):
            program = "secantusd-rs"
        elif installed.exists():
            program = str(installed)
        else:
            sys.exit("bench: no MongoDB-compatible server: set MONGODB_TEST_URL, or run "
                     "scripts/setup --tests, which installs SecantusDB")
        self.server = Server([program, "--host", "127.0.0.1", "--port", "{port}",
                              "--log-level", "WARNING", "--storage-path", "{folder}/db"])
        self.url = f"mongodb://127.0.0.1:{self.server.port}/?replicaSet=secantus"

    def database(self):
        """A database that nobody has used."""
        self.databases += 1
        address, _, parameters = self.url.partition("?")
        hosts = "/".join(address.split("/")[:3])
        return f"{hosts}/bench_{os.getpid()}_{self.databases}?{parameters}"

    def stop(self):
        if self.server:
            self.server.stop()


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"bench: {command[0]} failed")
    return json.loads(done.stdout.splitlines()[-1])


def ours(program, measure, jobs, **more):
    with tempfile.TemporaryDirectory(prefix="iven-bench-") as folder:
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        return run(program, measure, "--data", folder, "--jobs", jobs, *options)


def apalis(program, jobs):
    with tempfile.TemporaryDirectory(prefix="iven-bench-") as folder:
        return run(program, f"{folder}/jobs.db", jobs, PLACES, "durable")


def alternate(turns, *contestants):
    """Each of them once a turn; their medians by name of the figure."""
    found = [[] for _ in contestants]
    for _ in range(turns):
        for figures, contestant in zip(found, contestants):
            figures.append(contestant())
    return [{name: statistics.median(figure[name] for figure in figures) for name in figures[0]}
            for figures in found]


class Table:
    def __init__(self):
        self.rows = []

    def add(self, test, value, unit, target=None, passed=True, peer=None, peer_value=None):
        ratio = None if peer_value is None else round(value / peer_value, 2)
        self.rows.append({
            "test": test, "value": round(value, 2), "unit": unit, "peer": peer,
            "peerValue": None if peer_value is None else round(peer_value, 2), "ratio": ratio,
            "target": target, "pass": bool(passed),
        })

    def beside(self, test, value, unit, peer, peer_value, least=None, most=None):
        ratio = value / peer_value
        target = f">= {least}x" if least else f"<= {most}x"
        self.add(test, value, unit, target, ratio >= least if least else ratio <= most,
                 peer, peer_value)

    def show(self):
        print(f"queue: {os.cpu_count()} cores, {PLACES} jobs at once, medians")
        for row in self.rows:
            peer = "" if row["peer"] is None else f"{row['peer']} {row['peerValue']}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']}x"
            verdict = "" if row["target"] is None else ("ok" if row["pass"] else "MISSED")
            print(f"  {row['test']:<44} {row['value']:>10} {row['unit']:<7} {peer:<28} "
                  f"{ratio:>8} {row['target'] or '':<14} {verdict}")


def speed(table, program, peers, redis, turns, jobs):
    node, sqlite = peers
    bull = lambda: run("node", "bullmq.js", redis.port, jobs, PLACES, cwd=node)
    our = lambda: ours(program, "drain", jobs, places=PLACES)
    # apalis-sqlite slows down with each job that its worker has ended, so it is shown twice: with
    # as many jobs as the others, and with so few that it does not matter.
    mine, its, same, few = alternate(
        turns, our, bull, lambda: apalis(sqlite, jobs), lambda: apalis(sqlite, 500))
    name, unit = "no-op jobs, embedded engine, durable", "jobs/s"
    rate = mine["jobsPerSecond"]
    table.beside(name, rate, unit, "BullMQ", its["jobsPerSecond"], least=1.5)
    table.beside(name, rate, unit, "apalis-sqlite", same["jobsPerSecond"], least=1)
    table.beside(name, rate, unit, "apalis-sqlite, 500", few["jobsPerSecond"], least=1)
    table.beside("CPU of a no-op job, with the engine's", mine["cpuMicrosPerJob"], "us",
                 "BullMQ's worker", its["cpuMicrosPerJob"], most=0.5)


def on_mongo(table, program, node, mongo, turns, jobs):
    mine, its = alternate(
        turns,
        lambda: ours(program, "drain", jobs, places=PLACES, mongodb=mongo.database()),
        lambda: run("node", "agenda.js", mongo.database(), jobs, PLACES, cwd=node))
    table.beside("no-op jobs, MongoDB-compatible server", mine["jobsPerSecond"], "jobs/s",
                 "Agenda", its["jobsPerSecond"], least=10)


def waiting(table, program, turns, jobs):
    [pace] = alternate(turns, lambda: ours(program, "pace", jobs))
    most = 4 + pace["fdatasync"]
    table.add("one fdatasync beside it, p50", pace["fdatasync"], "ms")
    table.add("one fdatasync beside it, p99", pace["fdatasyncP99"], "ms")
    table.add("enqueue to start, idle, 100/s, p50", pace["p50"], "ms", f"<= {most:.1f}",
              pace["p50"] <= most)
    table.add("enqueue to start, idle, 100/s, p99", pace["p99"], "ms", "<= 50", pace["p99"] <= 50)


def idle(table, program, test, jobs, seconds, **more):
    cost = ours(program, "idle", jobs, seconds=seconds, **more)
    ops, cpu = cost["storeOpsPerSecond"], cost["cpuPercent"]
    table.add(f"idle, {test}: calls to the store", ops, "1/s", "<= 2", ops <= 2)
    table.add(f"idle, {test}: CPU", cpu, "%", "<= 1", cpu <= 1)


def flood(table, program, jobs):
    found = ours(program, "flood", jobs, places=PLACES)
    p99 = found["urgentP99"]
    table.add(f"{jobs:,} due at once: jobs that are dead", found["dead"], "jobs", "0",
              found["dead"] == 0)
    table.add(f"{jobs:,} due at once: drained in", found["seconds"], "s")
    table.add(f"{jobs:,} due at once: priority 0, p99", p99, "ms", "< 1000", p99 < 1000)


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    is_short = "--short" in arguments
    turns, jobs = (3, 5000) if is_short else (5, 10_000)
    # Agenda does about one job a second there, and ends by itself when it has many at once.
    few = 150
    seconds = 20 if is_short else 60
    peers = install()
    table, servers = Table(), []
    try:
        redis = Server(["redis-server", "--port", "{port}", "--bind", "127.0.0.1",
                        "--save", "", "--appendonly", "no", "--dir", "{folder}"])
        servers.append(redis)
        say("speed, embedded engine")
        speed(table, program, peers, redis, turns, jobs)
        mongo = Mongo()
        servers.append(mongo)
        say("speed, MongoDB-compatible server")
        on_mongo(table, program, peers[0], mongo, min(turns, 3), few)
        say("idle, MongoDB-compatible server")
        idle(table, program, "MongoDB", 0, seconds, mongodb=mongo.database())
    finally:
        for server in servers:
            server.stop()
    say("waiting")
    waiting(table, program, turns, 500 if is_short else 2000)
    say("idle")
    for finished in (0, 20_000 if is_short else 1_000_000):
        idle(table, program, f"{finished:,} finished", finished, seconds)
    say("many at once")
    flood(table, program, 10_000 if is_short else 100_000)
    if "--json" in arguments:
        machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps({"bench": "queue", "machine": machine, "rows": table.rows}, indent=2))
    else:
        table.show()
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


main()
