"""pyvips on a list of files; the wish is JSON. Prints the numbers of the files that it refused."""

import json
import os
import sys

# Read when the library is loaded.
os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips  # noqa: E402


def one(path, edge):
    picture = pyvips.Image.thumbnail(path, edge, height=edge, size="down", output_profile="srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=[255, 255, 255])
    return picture.jpegsave_buffer(Q=80, subsample_mode="on", optimize_coding=True, keep="none")


def main():
    wish = json.loads(sys.argv[1])
    # The same files come again and again: what it remembers would be no work.
    pyvips.cache_set_max(0)
    refused = set()
    for time in range(wish["times"]):
        for at, path in enumerate(wish["files"]):
            try:
                for edge in wish["sizes"]:
                    made = one(path, edge)
                    if wish["out"] and time == 0:
                        with open(f"{wish['out']}/{at}-{edge}.jpg", "wb") as to:
                            to.write(made)
            except pyvips.Error:
                refused.add(at)
    print(json.dumps(sorted(refused)))


main()
