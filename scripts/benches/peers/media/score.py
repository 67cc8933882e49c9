"""How close pictures are to the best one, and how large: the wish is JSON, so is the answer.

The best one is the whole file decoded by Pillow (HEIC by libheif), turned as it is shown, in sRGB,
and reduced by Lanczos3 in one step to the size of the picture that is looked at.
"""

import io
import json
import pathlib
import sys

import numpy
import pillow_heif
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()
SRGB = ImageCms.createProfile("sRGB")
Image.MAX_IMAGE_PIXELS = None
WINDOW = 7


def whole(path):
    picture = ImageOps.exif_transpose(Image.open(path))
    profile = picture.info.get("icc_profile")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("RGB")
    if profile:
        try:
            picture = ImageCms.profileToProfile(picture, io.BytesIO(profile), SRGB)
        except ImageCms.PyCMSError:
            pass
    return picture


def means(values):
    """Of each window."""
    sums = numpy.cumsum(numpy.cumsum(numpy.pad(values, ((1, 0), (1, 0))), 0), 1)
    found = sums[WINDOW:, WINDOW:] - sums[:-WINDOW, WINDOW:] - sums[WINDOW:, :-WINDOW]
    return (found + sums[:-WINDOW, :-WINDOW]) / WINDOW**2


def ssim(one, other):
    a, b = (numpy.asarray(of.convert("L"), dtype=numpy.float64) for of in (one, other))
    small, little = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    of_a, of_b = means(a), means(b)
    # As in the paper of Wang and others, with the variance of a sample.
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    in_a, in_b = (means(a * a) - of_a**2) * unbiased, (means(b * b) - of_b**2) * unbiased
    both = (means(a * b) - of_a * of_b) * unbiased
    above = (2 * of_a * of_b + small) * (2 * both + little)
    return float(numpy.mean(above / ((of_a**2 + of_b**2 + small) * (in_a + in_b + little))))


def main():
    wish = json.loads(sys.argv[1])
    found = {name: {"ssim": [], "bytes": 0, "boxes": []} for name in wish["outs"]}
    for at, path in enumerate(wish["files"]):
        best, reduced = whole(path), {}
        for edge in wish["sizes"]:
            for name, out in wish["outs"].items():
                made = pathlib.Path(out) / f"{at}-{edge}.jpg"
                picture = Image.open(made)
                if picture.size not in reduced:
                    reduced[picture.size] = best.resize(picture.size, Image.Resampling.LANCZOS)
                found[name]["ssim"].append(ssim(picture, reduced[picture.size]))
                found[name]["bytes"] += made.stat().st_size
                found[name]["boxes"].append(picture.size)
    for one in found.values():
        one["ssim"] = sum(one["ssim"]) / len(one["ssim"])
    print(json.dumps(found))


main()
