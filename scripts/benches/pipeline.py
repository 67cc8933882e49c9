"""Sends photos through the whole pipeline of a real service and says what it cost.

Two runs on fresh data: four photos at once (throughput, time of each step, memory), then one at a
time with one place for decoding, so that nothing overlaps and the time that is not scan, decode,
encode or disk can be told. Photos are the largest JPEGs of the corpus (IVEN_CORPUS, or
../shared/corpus).
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT_ONCE = 4
STEPS = ["upload", "virusScanning", "metadataExtraction", "thumbnailGeneration"]
# What is not ours: the scanner, the codecs, and everything that ends on the disk.
# Reads of records come from memory and count as ours.
PORTS = ["scan_seconds_sum", "decode_seconds_sum", "object_op_seconds_sum"] + [
    f"store_op_seconds_sum:{op}" for op in ("insert", "patch", "patch_many", "delete")
]


class Service:
    """A running service on a folder of its own."""

    def __init__(self, program, clamd, settings):
        self.folder = tempfile.mkdtemp(prefix="iven-bench-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        names = {
            "IVEN_BIND": f"127.0.0.1:{self.port}",
            "CLAMD": clamd,
            "IVEN__STORE__DATA_DIR": self.folder,
            "IVEN__LOG__LEVEL": "warn",
        }
        environment = {**os.environ, **names, **settings}
        self.process = subprocess.Popen([program, "serve"], env=environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.call("GET", "/readyz")[0] == 200:
                    break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
            time.sleep(0.05)

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]}")
        return json.loads(answer)

    def metrics(self):
        """Every sample, summed over its labels and, as `name:op`, for each op."""
        sums = {}
        for line in self.call("GET", "/metrics")[1].decode().splitlines():
            match = re.match(r"(\w+)(\{.*\})? ([-+.e\d]+)$", line)
            if match and "quantile" not in (match[2] or ""):
                op = re.search(r'op="(\w+)"', match[2] or "")
                for name in [match[1]] + ([f"{match[1]}:{op[1]}"] if op else []):
                    sums[name] = sums.get(name, 0.0) + float(match[3])
        return sums

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def send(self, path):
        """One photo, from its first byte until it is published; the medium and the seconds."""
        data = path.read_bytes()
        began = time.perf_counter()
        wish = {
            "eventId": 1, "userId": 1, "filename": path.name, "size": len(data),
            "mimeType": "image/jpeg",
        }
        upload = self.ask("POST", "/v1/uploads", json.dumps(wish))
        chunk = upload["chunkSize"]
        for n in range(upload["chunkCount"]):
            piece = data[n * chunk:(n + 1) * chunk]
            self.ask("PUT", f"/v1/uploads/{upload['uploadId']}/chunks/{n + 1}", piece)
        done = self.ask("POST", f"/v1/uploads/{upload['uploadId']}/complete")
        while True:
            media = self.ask("GET", f"/v1/media/{done['mediaId']}")
            if media["processingStatus"] in ("completed", "failed"):
                media["upload"] = self.ask("GET", f"/v1/uploads/{upload['uploadId']}")
                return media, time.perf_counter() - began
            time.sleep(0.005)

    def stop(self):
        self.process.terminate()
        self.process.wait(40)
        shutil.rmtree(self.folder, ignore_errors=True)


def photos(count):
    corpus = pathlib.Path(os.environ.get("IVEN_CORPUS", ROOT.parent / "shared" / "corpus"))
    found = [path for path in (corpus / "photos").glob("*") if path.suffix.lower() == ".jpg"]
    if not found:
        sys.exit(f"bench: no photos in {corpus}; IVEN_CORPUS names the folder of the corpus")
    found.sort(key=lambda path: -path.stat().st_size)
    return found[:count]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def at_once(program, clamd, files):
    service = Service(program, clamd, {})
    try:
        service.send(files[-1])  # The scanner's own test and the first build of every cache.
        before = service.metrics()
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ended = list(pool.map(service.send, files))
        took = time.perf_counter() - began
        after = service.metrics()
        requests = after["object_requests_total"] - before["object_requests_total"]
        return ended, took, requests / len(files), service.peak_mb()
    finally:
        service.stop()


def one_by_one(program, clamd, files):
    """Milliseconds a photo: whole, and what is neither scan, decode, encode nor disk."""
    service = Service(program, clamd, {"IVEN__WORKER__MEDIA": "1"})
    try:
        service.send(files[-1])
        whole, own = [], []
        for path in files:
            before = service.metrics()
            media, _ = service.send(path)
            after = service.metrics()
            spent = sum(after.get(name, 0.0) - before.get(name, 0.0) for name in PORTS)
            # By the service's own clock: from the announcement to the write that says completed.
            took = moment(media["updatedAt"]) - moment(media["upload"]["createdAt"])
            whole.append(took * 1000)
            own.append((took - spent) * 1000)
        return whole, own
    finally:
        service.stop()


def moment(text):
    text = text.replace("Z", "+00:00")
    match = re.match(r"(.*T\d+:\d+:\d+)(\.\d+)?(\+.*)", text)
    whole = time.mktime(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    return whole + float(match[2] or 0)


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    files = photos(12 if "--short" in arguments else 50)
    folder = tempfile.mkdtemp(prefix="iven-bench-clamd-")
    start = [str(ROOT / "scripts" / "clamd"), "start", folder]
    subprocess.run(start, check=True, stdout=sys.stderr, env={**os.environ, "IVEN_FRESHCLAM": "no"})
    try:
        clamd = f"unix:{folder}/clamd.sock"
        ended, took, requests, peak = at_once(program, clamd, files)
        whole, own = one_by_one(program, clamd, files)
    finally:
        subprocess.run([str(ROOT / "scripts" / "clamd"), "stop", folder], stdout=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    rows = []

    def row(test, value, unit, target=None, passed=None):
        rows.append({
            "test": test, "value": round(value, 2), "unit": unit, "peer": None, "peerValue": None,
            "ratio": None, "target": target, "pass": True if passed is None else passed,
        })

    failed = sum(media["processingStatus"] != "completed" for media, _ in ended)
    row(f"photos not completed, of {len(files)}", failed, "photos", "0", failed == 0)
    row(f"first byte to published, {AT_ONCE} at once", len(files) / took, "files/s")
    for name in STEPS:
        times = [media["processingSteps"][name]["durationMs"] for media, _ in ended]
        row(f"step {name} p50", statistics.median(times), "ms")
        row(f"step {name} p99", percentile(times, 0.99), "ms")
    row("requests to the object store a medium", requests, "requests")
    row(f"peak memory of the service, {AT_ONCE} at once", peak, "MB", "<= 256", peak <= 256)
    row("one at a time, whole, median", statistics.median(whole), "ms")
    median = statistics.median(own)
    row("of it neither scan, decode, encode nor disk", median, "ms", "< 10", median < 10)
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    if "--json" in arguments:
        print(json.dumps({"bench": "pipeline", "machine": machine, "rows": rows}, indent=2))
    else:
        print(f"pipeline: {len(files)} photos, {machine['cores']} cores")
        for r in rows:
            verdict = "" if r["target"] is None else ("ok" if r["pass"] else "MISSED")
            print(f"  {r['test']:<48} {r['value']:>10} {r['unit']:<9} {r['target'] or '':<7} {verdict}")
    sys.exit(0 if all(r["pass"] for r in rows) else 1)


main()
