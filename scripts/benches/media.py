"""The decoder on real files, beside the programs that others make thumbnails with.

Ours is the sandbox with its cells (examples/media_bench); the peers are sharp, Pillow, pyvips, the
crate image alone, and the tools vipsthumbnail, ffprobe, ffmpeg and exiftool. All get the same files, boxes, quality (JPEG
80, 4:2:0) and one thread a picture. Every figure is the difference between a run that goes through
the files once and one that does so often, so that nobody's start is counted; processor time is that
of the process with all its children, by the kernel's count when they have ended, and peak memory is
that of the largest of them. Runs alternate on one machine, the table shows medians.

Files are those of the corpus (IVEN_CORPUS, or ../shared/corpus), or of the folder in the arguments.
This script stays small: a child's peak memory begins with that of the one that starts it.
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

import media_exif
import media_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "scripts" / "benches" / "peers" / "media"
# Ignored by git, and kept between runs.
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "benches" / "media"
CORES = os.cpu_count()
# The most that a hostile file may take.
HOSTILE_MS = 2000
# How many of exiftool's values we have alike, in percent.
AGREEMENT = 97.5

ALL = (320, 960, 1920)
# Group, its name, sizes, and the peers with how often ours is to be as fast, and its part of their
# memory; none is only shown. Debian's vipsthumbnail refuses some HEIC that the newest libheif
# reads, which Pillow has.
PICTURES = [
    ("photos", "JPEG 10-22 MP to 320", (320,),
     {"sharp": (1.35, 0.25), "pillow": (1.0, None), "pyvips": (None, None),
      "image": (None, None)}),
    ("photos", "JPEG 10-22 MP to 320+960+1920", ALL,
     {"sharp": (3.0, None), "sharp once": (2.2, None), "pillow": (None, None),
      "pyvips": (None, None), "image": (None, None)}),
    ("p3", "JPEG Display P3 to 320+960+1920", ALL, {"sharp": (4.0, None)}),
    ("progressive", "JPEG progressive to 320", (320,),
     {"sharp": (2.3, None), "pillow": (None, None), "image": (None, None)}),
    ("webp", "WebP to 320", (320,), {"sharp": (1.6, None), "pillow": (None, None),
                                 "image": (None, None)}),
    ("png", "PNG to 320", (320,), {"sharp": (1.0, 0.5), "pillow": (None, None),
                               "image": (None, None)}),
    ("avif", "AVIF to 320", (320,), {"sharp": (3.0, None), "pillow": (None, None)}),
    ("heic thmb", "HEIC with thmb to 320", (320,),
     {"vipsthumbnail": (10.0, None), "pillow": (10.0, None)}),
    ("heic whole", "HEIC without thmb to 320", (320,),
     {"vipsthumbnail": (1.4, None), "pillow": (None, None)}),
]


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def install():
    """The peers, at the versions that their manifests pin."""
    say("installing the peers")
    BUILT.mkdir(parents=True, exist_ok=True)
    wanted = PEERS / "requirements.txt"
    kept = BUILT / wanted.name
    is_new = not kept.exists() or kept.read_bytes() != wanted.read_bytes()
    pip = [BUILT / "venv" / "bin" / "pip", "install", "--quiet", "--requirement", wanted]
    if is_new:
        subprocess.run([sys.executable, "-m", "venv", "--clear", BUILT / "venv"], check=True)
        subprocess.run(pip, check=True, stdout=sys.stderr)
    for file in PEERS.iterdir():
        if file.is_file():
            shutil.copy(file, BUILT)
    npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=BUILT, check=True, stdout=sys.stderr)
    build = ["cargo", "build", "--release", "--locked", "--target-dir", BUILT / "image"]
    subprocess.run(build, cwd=PEERS.parent / "image", check=True, stdout=sys.stderr)


class Bench:
    def __init__(self, example, program, is_short, is_json):
        python = str(BUILT / "venv" / "bin" / "python")
        self.commands = {"ours": [example, program], "ours here": [example, program]}
        for name, script in [("sharp", "by_sharp.js"), ("sharp once", "by_sharp.js")]:
            self.commands[name] = ["node", str(BUILT / script)]
        for name in ["pillow", "pyvips"]:
            self.commands[name] = [python, str(BUILT / f"by_{name}.py")]
        for name in ["vipsthumbnail", "ffprobe", "ffmpeg", "exiftool"]:
            self.commands[name] = [python, str(BUILT / "by_command.py")]
        self.commands["image"] = [str(BUILT / "image" / "release" / "image_peer")]
        self.turns, self.seconds = (3, 0.6) if is_short else (5, 2.0)
        self.rows, self.is_json = [], is_json

    def run(self, name, op, files, sizes=(), times=1, at_once=1, out=None):
        """Seconds of the clock and of processors, peak memory, and what it said."""
        wish = {"op": op, "files": files, "sizes": sizes, "times": times, "atOnce": at_once,
                "out": out, "inProcess": name == "ours here", "how": name.removeprefix("sharp ")}
        environment = {**os.environ, "UV_THREADPOOL_SIZE": str(max(at_once, 1))}
        began = time.monotonic()
        process = subprocess.Popen([*self.commands[name], json.dumps(wish)], env=environment,
                                   stdout=subprocess.PIPE)
        said = process.stdout.read()
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"bench: {name} failed on {files[:3]}")
        return {"wall": time.monotonic() - began, "cpu": spent.ru_utime + spent.ru_stime,
                "peak": spent.ru_maxrss / 1024, "said": json.loads(said)}

    def taken(self, names, op, files, sizes, outs):
        """Who can do something with the files, and the files that none of those refuses.

        There are pictures in their folders then.
        """
        names = list(names)
        while files:
            by_name = {}
            for name in names:
                said = self.run(name, op, files, sizes, out=outs.get(name))["said"]
                if name == "ours":
                    said = [one["file"] for one in said if one["refused"]]
                by_name[name] = set(said)
            for name in names[1:]:
                if len(by_name[name]) == len(files):
                    say(f"left out, as it refuses every file: {name}")
                    names.remove(name)
                    del by_name[name]
            refused = set().union(*by_name.values())
            if not refused:
                break
            for at in sorted(refused):
                say(f"left out, as one of them refuses it: {pathlib.Path(files[at]).name}")
            files = [path for at, path in enumerate(files) if at not in refused]
        return names, files

    def costs(self, names, op, files, sizes=(), at_once=1):
        """Milliseconds of clock and processor a file, and the peak in MB; medians by name."""
        often, found = {}, {name: [] for name in names}
        for name in names:
            once, thrice = (self.run(name, op, files, sizes, n, at_once) for n in (1, 3))
            one = max((thrice["wall"] - once["wall"]) / 2, 0.001)
            often[name] = min(max(round(self.seconds / one), 2), 200)
        for _ in range(self.turns):
            for name in names:
                times = often[name]
                once = self.run(name, op, files, sizes, 1, at_once)
                more = self.run(name, op, files, sizes, 1 + times, at_once)
                each = {of: 1000 * (more[of] - once[of]) / times / len(files)
                        for of in ("wall", "cpu")}
                found[name].append({**each, "peak": more["peak"]})
        return {name: {of: statistics.median(one[of] for one in all_) for of in all_[0]}
                for name, all_ in found.items()}

    def row(self, test, value, unit, peer=None, beside=None, ratio=None, target=None, passed=True):
        self.rows.append({
            "test": test, "value": round(value, 3), "unit": unit, "peer": peer,
            "peerValue": None if beside is None else round(beside, 3),
            "ratio": None if ratio is None else round(ratio, 2), "target": target,
            "pass": bool(passed),
        })
        # Not at the end: all of it takes minutes.
        if not self.is_json:
            self.show(self.rows[-1])

    def faster(self, test, ours, peer, beside, least, unit="ms CPU"):
        """How many times as much the peer takes."""
        target = None if least is None else f">= {least}x"
        ratio = beside / max(ours, 1e-6)
        self.row(test, ours, unit, peer, beside, ratio, target, least is None or ratio >= least)

    def smaller(self, test, ours, peer, beside, most, unit):
        target = None if most is None else f"<= {most}x"
        ratio = ours / beside
        self.row(test, ours, unit, peer, beside, ratio, target, most is None or ratio <= most)

    def pictures(self, files, title, sizes, peers):
        names = ["ours", *peers]
        with tempfile.TemporaryDirectory(prefix="iven-bench-") as folder:
            outs = {name: f"{folder}/{n}" for n, name in enumerate(names)}
            for out in outs.values():
                os.mkdir(out)
            names, files = self.taken(names, "pictures", files, sizes, outs)
            if not files or len(names) == 1:
                return
            outs = {name: outs[name] for name in names}
            peers = {name: peers[name] for name in names[1:]}
            say(f"{title}: {len(files)} files")
            wish = json.dumps({"files": files, "sizes": sizes, "outs": outs})
            python = str(BUILT / "venv" / "bin" / "python")
            scored = subprocess.run([python, str(BUILT / "score.py"), wish], check=True,
                                    stdout=subprocess.PIPE)
        scores = json.loads(scored.stdout)
        costs = self.costs(names, "pictures", files, sizes)
        ours, looks = costs["ours"], scores["ours"]
        for peer, (least, _) in peers.items():
            self.faster(title, ours["cpu"], peer, costs[peer]["cpu"], least)
        for peer, (_, most) in peers.items():
            self.smaller("  peak memory", ours["peak"], peer, costs[peer]["peak"], most, "MB")
        for peer in peers:
            # Only the first is the measure of how it is to look.
            is_measure = peer == names[1]
            beside = scores[peer]
            self.row("  SSIM to the best", looks["ssim"], "", peer, beside["ssim"], None,
                     ">= peer's" if is_measure else None,
                     not is_measure or round(looks["ssim"], 3) >= round(beside["ssim"], 3))
            self.smaller("  bytes", looks["bytes"] / len(files) / 1000, peer,
                         beside["bytes"] / len(files) / 1000, 1.05 if is_measure else None, "kB")
            if beside["boxes"] != looks["boxes"]:
                say(f"{title}: other boxes by {peer}: {looks['boxes']} {beside['boxes']}")

    def all_cores(self, files):
        costs = self.costs(["ours", "sharp"], "pictures", files, (320,), CORES)
        ours, theirs = (1000 / costs[name]["wall"] for name in ("ours", "sharp"))
        self.row(f"JPEG 10-22 MP to 320, {CORES} at once", ours, "files/s", "sharp", theirs,
                 ours / theirs)

    def facts(self, files, title, op, peer, least):
        sizes = (320,) if op == "pictures" else ()
        names, files = self.taken(["ours", peer], op, files, sizes, {})
        if not files or len(names) == 1:
            return
        say(f"{title}: {len(files)} files")
        costs = self.costs(["ours", "ours here", peer], op, files, sizes)
        self.faster(title, costs["ours"]["cpu"], peer, costs[peer]["cpu"], least)
        self.faster("  without the sandbox", costs["ours here"]["cpu"], peer, costs[peer]["cpu"],
                    None)
        self.faster("  by the clock", costs["ours"]["wall"], peer, costs[peer]["wall"], None, "ms")
        self.smaller("  peak memory", costs["ours"]["peak"], peer, costs[peer]["peak"], None, "MB")

    def agreement(self, files):
        """How far our EXIF is exiftool's."""
        said = self.run("ours", "facts", files)["said"]
        same, every = media_exif.agreement(files, said)
        if every == 0:
            return
        percent = 100 * same / every
        title = f"EXIF agreement with exiftool ({every} values)"
        self.row(title, percent, "%", target=f">= {AGREEMENT} %", passed=percent >= AGREEMENT)

    def sandbox(self, files):
        """What a job costs that does next to nothing, here and there."""
        found = {True: [], False: []}
        for _ in range(self.turns):
            for here, times in found.items():
                name = "ours here" if here else "ours"
                said = self.run(name, "sniff", files, times=200)["said"]
                times.append(statistics.median(one["ms"] for one in said))
        cost = statistics.median(found[False]) - statistics.median(found[True])
        self.row("sandbox: cost of a job", cost, "ms", target="<= 3 ms", passed=cost <= 3)

    def hostile(self, files):
        """Each is refused or decoded, soon, and the next one is."""
        if not files:
            return
        slow = []
        for path in files:
            ended = self.run("ours", "pictures", [path], (320,))
            slow.append((1000 * ended["cpu"], ended["peak"]))
        most, peak = max(cpu for cpu, _ in slow), max(peak for _, peak in slow)
        title = f"bombs and broken files ({len(files)}), the slowest"
        self.row(title, most, "ms CPU", target=f"< {HOSTILE_MS} ms", passed=most < HOSTILE_MS)
        self.row("  peak memory", peak, "MB", target="<= 512 MB", passed=peak <= 512)

    def show(self, one):
        peer = "" if one["peer"] is None else f"{one['peer']} {one['peerValue']}"
        ratio = "" if one["ratio"] is None else f"{one['ratio']}x"
        verdict = "" if one["target"] is None else ("ok" if one["pass"] else "MISSED")
        print(f"  {one['test']:<44} {one['value']:>9} {one['unit']:<8} {peer:<24} "
              f"{ratio:>8} {one['target'] or '':<10} {verdict}".rstrip(), flush=True)


def main():
    example, options = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    program = example.parent.parent / "iven-worker"
    folders = [pathlib.Path(word) for word in options if not word.startswith("--")]
    folder = folders[0] if folders else None
    install()
    files = media_files.find(folder)
    is_json = "--json" in options
    bench = Bench(str(example), str(program), "--short" in options, is_json)
    if not is_json:
        print(f"media: {CORES} cores, medians of {bench.turns}, of one file; a ratio of times says "
              "how many times ours the peer takes")
    for group, title, sizes, peers in PICTURES:
        if group in files:
            bench.pictures(files[group], title, sizes, peers)
    if "photos" in files:
        bench.all_cores(files["photos"])
    if "video" in files:
        bench.facts(files["video"], "video: probe", "facts", "ffprobe", 8)
        bench.facts(files["video"], "video: poster", "pictures", "ffmpeg", 8)
    if "exif" in files:
        bench.facts(files["exif"], "EXIF", "facts", "exiftool", 20)
    bench.agreement(media_files.every(folder))
    bench.sandbox(next(iter(files.values()))[:1])
    bench.hostile(media_files.hostile(folder))
    if is_json:
        machine = {"cpu": platform.processor() or platform.machine(), "cores": CORES}
        print(json.dumps({"bench": "media", "machine": machine, "rows": bench.rows}, indent=2))
    sys.exit(0 if all(one["pass"] for one in bench.rows) else 1)


main()
