"""Notifications: our carriers beside those of Node, and the whole service when many are due.

Mails go to Postfix's smtp-sink and to a real Postfix, by our mailer and by nodemailer's pool, with
the same number of connections and the same message. Pushes go to a Google on this machine by
HTTP/2 and TLS, by our sender and by firebase-admin, 500 at once. Runs alternate, the table shows
medians. Then the service itself, with its default settings and embedded records, sends what falls
due to a mail server and a Google that know when it was due.
"""

import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from notifications_servers import Fakes, Postfix, Service, Sink, Sockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "scripts" / "benches" / "peers" / "notify"
# Ignored by git, and kept between runs.
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "benches"
# What nodemailer asks for.
NODE = 20
CONNECTIONS = 8
# What firebase-admin takes in one call.
AT_ONCE = 500
# The promise is a second; a machine that takes this long has broken it.
LONGEST_SECONDS = 900
URGENT = 20


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def build():
    """Our own program, which is no part of the product: cargo says where it lies."""
    command = ["cargo", "build", "--release", "--package", "iven-worker", "--bench", "notify_bench",
               "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    said = map(json.loads, done.stdout.splitlines())
    ours = [line for line in said if line.get("target", {}).get("name") == "notify_bench"]
    return ours[-1]["executable"]


def install():
    """The peers, at the versions that their manifest pins."""
    say("installing the peers")
    version = subprocess.run(["node", "--version"], check=True, stdout=subprocess.PIPE, text=True)
    if int(version.stdout.strip("v\n").split(".")[0]) < NODE:
        sys.exit(f"bench: nodemailer asks for Node {NODE} or newer, this is {version.stdout}")
    folder = BUILT / "notify"
    folder.mkdir(parents=True, exist_ok=True)
    for file in PEERS.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    # What firebase-admin has for databases and buckets is not needed.
    npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--omit=optional"]
    subprocess.run(npm, cwd=folder, check=True, stdout=sys.stderr)
    return folder


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"bench: {command[0]} failed")
    return json.loads(done.stdout.splitlines()[-1])


def counted(port, *command, cwd=None):
    with Sockets(port) as sockets:
        found = run(*command, cwd=cwd)
    return {**found, "sockets": sockets.most}


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

    def beside(self, test, value, unit, peer, peer_value, least=None):
        passed = least is None or value >= least * peer_value
        self.add(test, value, unit, least and f">= {least}x", passed, peer, peer_value)

    def show(self):
        print(f"notifications: {os.cpu_count()} cores, medians")
        for row in self.rows:
            peer = "" if row["peer"] is None else f"{row['peer']} {row['peerValue']}"
            ratio = "" if row["ratio"] is None else f"{row['ratio']}x"
            verdict = "" if row["target"] is None else ("ok" if row["pass"] else "MISSED")
            print(f"  {row['test']:<52} {row['value']:>10} {row['unit']:<9} {peer:<24} "
                  f"{ratio:>8} {row['target'] or '':<9} {verdict}")


def mails(table, test, program, node, server, turns, many, few, least):
    words = json.dumps(run(program, "words"))
    port = server.port
    mine, its = alternate(
        turns,
        lambda: counted(port, program, "mail", "--port", port, "--mails", many,
                        "--connections", CONNECTIONS),
        lambda: counted(port, "node", "mail.js", port, few, CONNECTIONS, words, cwd=node))
    peer = "nodemailer"
    table.beside(test, mine["perSecond"], "mails/s", peer, its["perSecond"], least)
    table.add(f"{test}: sockets", mine["sockets"], "sockets", f"<= {CONNECTIONS}",
              mine["sockets"] <= CONNECTIONS, peer, its["sockets"])
    table.beside(f"{test}: CPU of a mail", mine["cpuMicros"], "us", peer, its["cpuMicros"])


def pushes(table, program, node, latency_ms, turns, many, few, least):
    fakes = Fakes(program, latency_ms)
    try:
        mine, its = alternate(
            turns,
            lambda: run(program, "push", "--port", fakes.fcm, "--ca", fakes.ca,
                        "--pushes", many, "--at-once", AT_ONCE),
            lambda: run("node", "push.js", fakes.fcm, fakes.ca, few, cwd=node))
    finally:
        fakes.stop()
    test, peer = f"pushes, Google takes {latency_ms} ms", "firebase-admin"
    table.beside(test, mine["perSecond"], "pushes/s", peer, its["perSecond"], least)
    table.beside(f"{test}: CPU of a push", mine["cpuMicros"], "us", peer, its["cpuMicros"])


def through(worker, program, watch, way, count, due_in_ms, spread_ms=0, latency_ms=0):
    """Fills a store, lets the service at it, and returns what `watch` makes of it."""
    fakes = Fakes(program, latency_ms)
    folder = tempfile.mkdtemp(prefix="iven-bench-")
    service = None
    try:
        due_at = run(program, "fill", "--data", f"{folder}/data", "--count", count, "--way", way,
                     "--due-in-ms", due_in_ms, "--spread-ms", spread_ms)["dueAt"]
        service = Service(worker, folder, fakes)
        if time.time() * 1000 > due_at:
            sys.exit("bench: the first notification was due before the service was up")
        return watch(service, fakes, due_at)
    finally:
        if service:
            service.stop()
        fakes.stop()
        shutil.rmtree(folder, ignore_errors=True)


def until_all(service, fakes, name, count, look=lambda seen: None):
    """Waits until so many have come, and the service knows that they have."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        seen = fakes.seen()
        look(seen)
        if seen[name] >= count:
            waiting = service.jobs()
            if all(waiting.get(state, 0) == 0 for state in ("new", "ready", "running")):
                return seen, waiting
        if time.monotonic() > deadline:
            sys.exit(f"bench: {seen[name]} of {count} have come after {LONGEST_SECONDS} s")
        time.sleep(0.2)


def steady(table, worker, program, way, name, latency_ms=0):
    """A thousand a second for ten seconds."""
    count = 10_000

    def watch(service, fakes, due_at):
        seen, _ = until_all(service, fakes, name, count)
        return {**seen, "cpu": service.cpu_seconds() * 1e6 / count}

    found = through(worker, program, watch, way, count, 20_000, 10_000, latency_ms)
    late = found["late"]
    waits = f", Google takes {latency_ms} ms" if latency_ms else ""
    test = f"1,000 {name} due a second{waits}: due to first byte"
    table.add(f"{test}, p50", late["p50"], "ms")
    table.add(f"{test}, p99", late["p99"], "ms", "<= 1000", late["p99"] <= 1000)
    table.add(f"1,000 {name} due a second{waits}: sent twice", found[name] - count, name, "0",
              found[name] == count)
    table.add(f"1,000 {name} due a second{waits}: CPU of one", found["cpu"], "us")


def invite(service):
    """An invitation that somebody waits for, among reminders."""
    service.ask("POST", "/v1/notifications", {
        "userId": 1, "type": "event_invite", "title": f"urgent {int(time.time() * 1000)}",
        "body": "Arthur vous a invité", "channels": ["email"],
    })


def reminders(table, worker, program, count):
    """All of them due in the same second, by the app's list and by mail."""
    sent = 0

    def watch(service, fakes, due_at):
        def look(seen):
            nonlocal sent
            if sent < URGENT and 0 < seen["mails"] < count * 0.9:
                invite(service)
                sent += 1

        seen, jobs = until_all(service, fakes, "mails", count, look)
        drained = time.time() - due_at / 1000
        last = (seen["lastAt"] - due_at) / 1000
        return {**seen, "last": last, "drained": drained, "dead": jobs.get("dead", 0),
                "cpu": service.cpu_seconds()}

    # Filling is measured generously: the service has to be up before the first is due.
    found = through(worker, program, watch, "both", count, 15_000 + count * 6 // 10)
    test = f"{count:,} reminders due at once"
    wrong = found["dead"] + abs(found["mails"] - count - sent)
    table.add(f"{test}: dead, lost or sent twice", wrong, "mails", "0", wrong == 0)
    table.add(f"{test}: the last mail after", found["last"], "s")
    table.add(f"{test}: drained in", found["drained"], "s")
    table.add(f"{test}: CPU of one", found["cpu"] * 1e6 / count, "us")
    table.add(f"{test}: sockets", found["sockets"], "sockets", f"<= {CONNECTIONS}",
              found["sockets"] <= CONNECTIONS)
    urgent = found["urgent"]
    table.add(f"{test}: {urgent['count']} invitations meanwhile, p50", urgent["p50"] or 0, "ms")
    table.add(f"{test}: the slowest invitation", urgent["most"] or 0, "ms", "<= 1000",
              urgent["count"] > 0 and urgent["most"] <= 1000)


def carriers(table, program, is_short):
    turns = 3 if is_short else 5
    node = install()
    sink = Sink()
    try:
        say("mail to a sink")
        many, few = (10_000, 2_000) if is_short else (40_000, 6_000)
        mails(table, "mail to a sink", program, node, sink, turns, many, few, 8)
    finally:
        sink.stop()
    why_not = Postfix.why_not()
    if why_not:
        say(f"{why_not}: mail to Postfix is left out")
    else:
        say("mail to Postfix")
        postfix = Postfix()
        try:
            many, few = (2_000, 500) if is_short else (6_000, 1_500)
            mails(table, "mail to Postfix", program, node, postfix, turns, many, few, 3)
        finally:
            postfix.stop()
    for latency_ms, least in ((0, 5), (50, 3)):
        say(f"pushes, {latency_ms} ms")
        many, few = (20_000, 5_000) if is_short else (60_000, 10_000)
        pushes(table, program, node, latency_ms, turns, many, few, least)


def main():
    worker, arguments = sys.argv[1], sys.argv[2:]
    is_short = "--short" in arguments
    program, table = build(), Table()
    carriers(table, program, is_short)
    say("a thousand due a second")
    steady(table, worker, program, "push", "pushes")
    steady(table, worker, program, "push", "pushes", 50)
    steady(table, worker, program, "email", "mails")
    say("many due at once")
    reminders(table, worker, program, 10_000 if is_short else 100_000)
    if "--json" in arguments:
        machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps({"bench": "notifications", "machine": machine, "rows": table.rows}, indent=2))
    else:
        table.show()
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


main()
