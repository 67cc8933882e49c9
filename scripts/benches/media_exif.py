"""How far EXIF as we read it is what exiftool reads, counted as the test of `jobs/decode` does."""

import json
import subprocess

TAGS = ["MIMEType", "Make", "Model", "Orientation", "DateTimeOriginal", "CreateDate",
        "OffsetTimeOriginal", "GPSLatitude", "GPSLongitude", "Flash", "FocalLength", "FNumber",
        "ISO"]


def exiftool(files):
    """What it says of each file, by its path."""
    command = ["exiftool", "-n", "-json", *(f"-{tag}" for tag in TAGS), *files]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return {one["SourceFile"]: one for one in json.loads(said or "[]")}


def text(theirs, name):
    value = theirs.get(name)
    return value.strip() or None if isinstance(value, str) else None


def number(theirs, name, digits):
    """Zero is how many cameras say that they do not know."""
    value = theirs.get(name)
    is_said = isinstance(value, (int, float)) and value != 0
    return f"{value:.{digits}f}" if is_said else None


def time(theirs, is_film):
    """The camera's clock; of films, where only the container has one, that in UTC."""
    created = text(theirs, "CreateDate") if is_film else None
    for value in (text(theirs, "DateTimeOriginal"), created):
        if value and not value.startswith("0000") and any(map(str.isdigit, value)):
            return value.rstrip("Z").replace(":", "-", 2).replace(" ", "T", 1)
    return None


def offset(minutes):
    if minutes is None:
        return None
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    return f"{sign}{size // 60:02}:{size % 60:02}"


def fields(theirs, ours):
    """Pairs of values in one notation; none where nothing is said."""
    is_film = str(theirs.get("MIMEType", "")).startswith(("video/", "audio/"))
    shown = lambda name, digits: None if ours.get(name) is None else f"{ours[name]:.{digits}f}"
    taken = time(theirs, is_film)
    turn = number(theirs, "Orientation", 0)
    flash = theirs.get("Flash")
    gps = ours.get("gps") or (None, None)
    place = [None if value is None else f"{value:.4f}" for value in gps]
    local = ours.get("local_time")
    return [
        (text(theirs, "Make"), ours.get("make")),
        (text(theirs, "Model"), ours.get("model")),
        (turn if turn is not None and float(turn) <= 8 else None, shown("orientation", 0)),
        (taken, local and local[:19]),
        (text(theirs, "OffsetTimeOriginal") or ("+00:00" if is_film and taken else None),
         offset(ours.get("offset_minutes"))),
        (number(theirs, "GPSLatitude", 4), place[0]),
        (number(theirs, "GPSLongitude", 4), place[1]),
        (None if not isinstance(flash, int) else bool(flash & 1), ours.get("flash")),
        (number(theirs, "FocalLength", 2), shown("focal_length_mm", 2)),
        (number(theirs, "FNumber", 2), shown("f_number", 2)),
        (number(theirs, "ISO", 0), shown("iso", 0)),
    ]


def agreement(files, said):
    """Values that are the same, and all that exiftool has, of the files that we do not refuse."""
    theirs = exiftool(files)
    same = every = 0
    for one in said:
        if one["refused"] or files[one["file"]] not in theirs:
            continue
        for wanted, found in fields(theirs[files[one["file"]]], one["facts"]["exif"] or {}):
            every += wanted is not None
            same += wanted is not None and wanted == found
    return same, every
