"""Which files `scripts/bench media` measures on, by what their first bytes say."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = 1 << 20
VIDEO_ENDINGS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".3gp"}
# What is small enough is over before any codec shows what it can.
LARGE = 2_000_000
# Fewer bytes a pixel than any camera writes: a picture of one colour, made by hand.
FLAT = 0.02


def jpeg(head):
    """Kind, width and height; none if the head does not say."""
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(head[at + 5:at + 7], "big")
            width = int.from_bytes(head[at + 7:at + 9], "big")
            kind = {0xC0: "baseline", 0xC1: "baseline", 0xC2: "progressive"}.get(marker, "other")
            return kind, width, height
        at += 2 + int.from_bytes(head[at + 2:at + 4], "big")
    return None


def webp(head):
    chunk = head[12:16]
    if chunk == b"VP8X":
        return [int.from_bytes(head[at:at + 3], "little") + 1 for at in (24, 27)]
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return [int.from_bytes(head[at:at + 2], "little") & 0x3FFF for at in (26, 28)]


def heif(head):
    """The largest of its pictures; tiles are smaller than the whole."""
    sizes, at = [(0, 0)], head.find(b"ispe")
    while at >= 0:
        sizes.append(tuple(int.from_bytes(head[at + n:at + n + 4], "big") for n in (8, 12)))
        at = head.find(b"ispe", at + 4)
    return max(sizes, key=lambda size: size[0] * size[1])


def kinds(path):
    """The groups that it belongs to, and how many pixels it has."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    size = path.stat().st_size
    if head[:2] == b"\xff\xd8":
        kind, width, height = jpeg(head) or ("other", 0, 0)
        pixels = width * height
        if size < pixels * FLAT:
            return [], pixels
        # 10 to 22 MP, as cameras are sold.
        large = kind == "baseline" and 9_900_000 <= pixels <= 22_500_000
        groups = ["photos"] * large + ["progressive"] * (kind == "progressive")
        profile = head.find(b"ICC_PROFILE\0")
        named = head[profile:profile + 4096] if profile >= 0 else b""
        # Its name is in bytes of one or of two a letter.
        wide = b"Display P3" in named.replace(b"\0", b"")
        return groups + ["p3"] * (large and wide) + ["exif"] * (b"Exif\0\0" in head), pixels
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        sides = [int.from_bytes(head[at:at + 4], "big") for at in (16, 20)]
        return ["png"] * (b"acTL" not in head[:4096]), sides[0] * sides[1]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        width, height = webp(head)
        return ["webp"] * (b"ANIM" not in head[:4096]), width * height
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"heic", b"heix", b"mif1"):
        width, height = heif(head)
        if head[8:12] == b"avif":
            return ["avif"], width * height
        return ["heic thmb" if b"thmb" in head[:65536] else "heic whole"], width * height
    if path.suffix.lower() in VIDEO_ENDINGS:
        return ["video"], LARGE
    return [], 0


def under(folder, names):
    """The files of a folder, or those of the corpus in its folders of these names."""
    roots = [folder] if folder else [corpus() / name for name in names]
    return [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]


def every(folder):
    """All that is no trap."""
    names = ["photos", "orientation", "heic", "webp", "png", "gif", "tiff", "avif", "video"]
    return [str(path.resolve()) for path in under(folder, names)]


def find(folder):
    """Files by group; of pictures only large ones, unless there is none."""
    found = {}
    for path in under(folder, ["photos", "heic", "webp", "png", "avif", "video"]):
        groups, pixels = kinds(path)
        for group in groups:
            found.setdefault(group, []).append((pixels, path))
    chosen = {}
    for group, files in found.items():
        large = [path for pixels, path in files if pixels >= LARGE or group == "exif"]
        chosen[group] = [str(path.resolve()) for path in large or [max(files)[1]]]
    if not chosen:
        sys.exit("bench: no files; IVEN_CORPUS or an argument names the folder where they lie")
    return chosen


def corpus():
    return pathlib.Path(os.environ.get("IVEN_CORPUS", ROOT.parent / "shared" / "corpus"))


def hostile(folder):
    """Files that ask for very much, or are broken; only the corpus has them."""
    folders = [] if folder else [corpus() / "bombs", corpus() / "hostile"]
    return [str(path.resolve()) for root in folders for path in sorted(root.glob("*"))]
