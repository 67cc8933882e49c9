"""pyvips on a list of files; the wish is JSON. Prints the numbers of the files that it refused."""

import os

# Read when the library is loaded.
os.environ["VIPS_CONCURRENCY"] = "1"

import files  # noqa: E402
import pyvips  # noqa: E402


def one(path, edge):
    picture = pyvips.Image.thumbnail(path, edge, height=edge, size="down", output_profile="srgb")
    if picture.hasalpha():
        picture = picture.flatten(background=[255, 255, 255])
    return picture.jpegsave_buffer(Q=80, subsample_mode="on", optimize_coding=True, keep="none")


# The same files come again and again: what it remembers would be no work.
pyvips.cache_set_max(0)
files.make(one, pyvips.Error)
