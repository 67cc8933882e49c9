"""Pillow on a list of files, with its own scaled decoding of JPEG, and HEIC by libheif.

The wish is JSON. Prints the numbers of the files that it refused.
"""

import io

import files
import pillow_heif
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()
pillow_heif.options.DECODE_THREADS = 1
SRGB = ImageCms.createProfile("sRGB")


def one(path, edge):
    with Image.open(path) as picture:
        scale = min(edge / max(picture.size), 1)
        fitted = [max(round(side * scale), 1) for side in picture.size]
        # JPEG at the smallest scale that covers the size; nothing for others.
        picture.draft("RGB", fitted)
        profile = picture.info.get("icc_profile")
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=None)
        small = ImageOps.exif_transpose(picture)
        if small.has_transparency_data:
            small = small.convert("RGBA")
            white = Image.new("RGBA", small.size, "white")
            small = Image.alpha_composite(white, small)
        small = small.convert("RGB")
        if profile:
            try:
                small = ImageCms.profileToProfile(small, io.BytesIO(profile), SRGB)
            except ImageCms.PyCMSError:
                pass
        written = io.BytesIO()
        small.save(written, "JPEG", quality=80, subsampling="4:2:0", optimize=True)
        return written.getvalue()


files.make(one, Exception)
