"""One large upload through each door to the disk, beside what the machine and the peer can do.

By numbered chunks, three under way at a time, each synced before it is answered, beside `cp` of the same bytes with a sync at
its end; by tus in one request, beside the tus project's own server, which syncs nothing. Runs
alternate on one machine, the table shows medians. The bytes are noise, and nobody scans them: the
worker waits for its scanner all the while.
"""

import base64
import contextlib
import http.client
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
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "benches"
START_SECONDS = 60
# As `iven-worker ingest` sends them.
UNDER_WAY = 3


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A process that listens on a port of this machine, on a folder of its own."""

    def __init__(self, where, command, **environment):
        self.folder = tempfile.mkdtemp(prefix="iven-bench-", dir=where)
        self.port = free_port()
        names = {"port": str(self.port), "folder": self.folder}
        environment = {name: value.format(**names) for name, value in environment.items()}
        command = [word.format(**names) for word in command]
        self.process = subprocess.Popen(command, env={**os.environ, **environment},
                                        stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def ask(self, method, path, body=None, headers=None):
        # In large pieces: the senders share the machine's cores with those that are measured.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300,
                                                blocksize=1 << 20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                sys.exit(f"bench: {method} {path}: {answer.status} {text[:300]}")
            return answer.headers, text
        finally:
            connection.close()

    def peak_mb(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def service(where, program):
    return Server(where, [program, "serve"], IVEN_BIND="127.0.0.1:{port}",
                  CLAMD="unix:{folder}/none.sock", IVEN__STORE__DATA_DIR="{folder}/data",
                  IVEN__LOG__LEVEL="error")


def by_chunks(where, program, file):
    server = service(where, program)
    try:
        size = file.stat().st_size
        wish = {"eventId": 1, "userId": 1, "filename": "a.bin", "size": size,
                "mimeType": "application/octet-stream"}
        upload = json.loads(server.ask("POST", "/v1/uploads", json.dumps(wish))[1])
        path, most = f"/v1/uploads/{upload['uploadId']}/chunks", upload["chunkSize"]
        numbers = iter(range(upload["chunkCount"]))

        def send():
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
            with contextlib.closing(connection), open(file, "rb") as bytes_:
                for n in numbers:
                    bytes_.seek(n * most)
                    connection.request("PUT", f"{path}/{n + 1}", bytes_.read(most))
                    answer = connection.getresponse()
                    text = answer.read()
                    if answer.status >= 300:
                        raise RuntimeError(f"chunk {n + 1}: {answer.status} {text[:300]}")

        began = time.monotonic()
        senders = [threading.Thread(target=send) for _ in range(UNDER_WAY)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        seconds = time.monotonic() - began
        kept = json.loads(server.ask("GET", f"/v1/uploads/{upload['uploadId']}")[1])
        if kept["missing"]:
            sys.exit(f"bench: the chunks {kept['missing']} are missing")
        return {"rate": size / seconds / 1e6, "peak": server.peak_mb()}
    finally:
        server.stop()


def copied(where, file):
    with tempfile.TemporaryDirectory(dir=where) as folder:
        began = time.monotonic()
        subprocess.run(["cp", file, f"{folder}/copy"], check=True)
        subprocess.run(["sync", f"{folder}/copy"], check=True)
        return {"rate": file.stat().st_size / (time.monotonic() - began) / 1e6}


def by_tus(server, path, file):
    size = file.stat().st_size
    said = {"eventId": "1", "userId": "1", "filename": "a.bin"}
    pairs = [f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items()]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size),
               "Upload-Metadata": ",".join(pairs)}
    created, _ = server.ask("POST", path, None, headers)
    address = created["Location"].split(str(server.port))[-1]
    with open(file, "rb") as bytes_:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Length": str(size),
                   "Content-Type": "application/offset+octet-stream"}
        began = time.monotonic()
        server.ask("PATCH", address, bytes_, headers)
        seconds = time.monotonic() - began
    return {"rate": size / seconds / 1e6, "peak": server.peak_mb()}


def ours_by_tus(where, program, file):
    server = service(where, program)
    try:
        return by_tus(server, "/v1/tus", file)
    finally:
        server.stop()


def theirs_by_tus(where, peer, file):
    server = Server(where, ["node", str(peer / "server.js"), "{port}", "{folder}"])
    try:
        return by_tus(server, "/files", file)
    finally:
        server.stop()


def install():
    """The peer, at the versions that its manifest pins."""
    folder = BUILT / "tus"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (ROOT / "scripts" / "benches" / "peers" / "tus").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=folder, check=True, stdout=sys.stderr)
    return folder


def alternate(turns, *contestants):
    """Each of them once a turn; their medians by name of the figure."""
    found = [[] for _ in contestants]
    for _ in range(turns):
        for figures, contestant in zip(found, contestants):
            figures.append(contestant())
    return [{name: statistics.median(figure[name] for figure in figures) for name in figures[0]}
            for figures in found]


def row(test, value, unit, target, passed, peer=None, peer_value=None):
    ratio = None if peer_value is None else round(value / peer_value, 2)
    rounded = None if peer_value is None else round(peer_value, 1)
    return {"test": test, "value": round(value, 1), "unit": unit, "peer": peer,
            "peerValue": rounded, "ratio": ratio, "target": target, "pass": bool(passed)}


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    turns, megabytes = (3, 200) if "--short" in arguments else (5, 1000)
    peer = install()
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="iven-bench-", dir=BUILT) as where:
        file = pathlib.Path(where) / "noise"
        with open(file, "wb") as to:
            for _ in range(megabytes):
                to.write(os.urandom(1_000_000))
            os.fsync(to.fileno())
        chunks, copy, tus, theirs = alternate(
            turns,
            lambda: by_chunks(where, program, file),
            lambda: copied(where, file),
            lambda: ours_by_tus(where, program, file),
            lambda: theirs_by_tus(where, peer, file))
    rows = [
        row("numbered chunks, each synced", chunks["rate"], "MB/s", ">= 0.6x",
            chunks["rate"] >= 0.6 * copy["rate"], "cp and sync", copy["rate"]),
        row("tus in one request, each chunk synced", tus["rate"], "MB/s", ">= 2x",
            tus["rate"] >= 2 * theirs["rate"], "@tus/server", theirs["rate"]),
        row("memory of the service, chunks", chunks["peak"], "MB", "< 128", chunks["peak"] < 128),
        row("memory of the service, tus", tus["peak"], "MB", "< 128", tus["peak"] < 128,
            "@tus/server", theirs["peak"]),
    ]
    if "--json" in arguments:
        machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        print(json.dumps({"bench": "uploads", "machine": machine, "rows": rows}, indent=2))
    else:
        print(f"uploads: {os.cpu_count()} cores, {megabytes} MB, medians")
        for one in rows:
            beside = "" if one["peer"] is None else f"{one['peer']} {one['peerValue']}"
            ratio = "" if one["ratio"] is None else f"{one['ratio']}x"
            verdict = "ok" if one["pass"] else "MISSED"
            print(f"  {one['test']:<40} {one['value']:>8} {one['unit']:<5} {beside:<22} "
                  f"{ratio:>7} {one['target']:<8} {verdict}")
    sys.exit(0 if all(one["pass"] for one in rows) else 1)


main()
