"""The tools of the command line on a list of files; the wish is JSON.

vipsthumbnail and exiftool take many files at once; ffprobe and ffmpeg are started for each, there
is no other way. Prints the numbers of the files that they refused.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def vipsthumbnail(wish):
    refused = set()
    with tempfile.TemporaryDirectory(prefix="iven-bench-") as folder:
        # It names a picture after its file.
        links = [f"{folder}/{at}" for at in range(len(wish["files"]))]
        for link, path in zip(links, wish["files"]):
            os.symlink(path, link)
        out = wish["out"] or folder
        for edge in wish["sizes"]:
            options = ["--vips-concurrency=1", "--vips-cache-max=0", "--export-profile=srgb",
                       f"--size={edge}x{edge}>", f"--output={out}/%s-{edge}.jpg[Q=80,strip]"]
            command = ["vipsthumbnail", *options, *links * wish["times"]]
            subprocess.run(command, **QUIET)
            # Of a file that it cannot read, it leaves an empty picture.
            made = {path.name for path in pathlib.Path(out).iterdir() if path.stat().st_size}
            refused |= {at for at in range(len(links)) if f"{at}-{edge}.jpg" not in made}
    return refused


def exiftool(wish):
    """With the values as they are, without the makers' own notes: its fastest way."""
    tags = ["Make", "Model", "Orientation", "DateTimeOriginal", "OffsetTimeOriginal", "Flash",
            "GPSLatitude", "GPSLongitude", "FocalLength", "FNumber", "ISO", "ImageSize"]
    command = ["exiftool", "-n", "-json", "-fast2", *(f"-{tag}" for tag in tags)]
    subprocess.run([*command, *wish["files"] * wish["times"]], **QUIET)
    return set()


def ffprobe(path, _):
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path]
    return subprocess.run(command, **QUIET).returncode == 0


def ffmpeg(path, to):
    """Only the keyframe at that place is decoded, by one thread, and scaled the cheapest way."""
    scale = "scale=w=320:h=320:force_original_aspect_ratio=decrease:flags=area"
    before = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-skip_frame", "nokey"]
    after = ["-noaccurate_seek", "-i", path, "-an", "-sn", "-dn", "-frames:v", "1", "-vf", scale,
             "-pix_fmt", "yuvj420p", "-q:v", "4", "-threads", "1", "-f", "mjpeg", to]
    for place in (["-ss", "1"], []):
        ended = subprocess.run([*before, *place, *after], **QUIET)
        if ended.returncode == 0 and os.path.getsize(to) > 0:
            return True
    return False


def one_by_one(tool, wish):
    with tempfile.NamedTemporaryFile(prefix="iven-bench-") as to:
        return {at for _ in range(wish["times"]) for at, path in enumerate(wish["files"])
                if not tool(path, to.name)}


def main():
    wish = json.loads(sys.argv[1])
    tool = globals()[wish["how"]]
    many = wish["how"] in ("vipsthumbnail", "exiftool")
    refused = tool(wish) if many else one_by_one(tool, wish)
    print(json.dumps(sorted(refused)))


main()
