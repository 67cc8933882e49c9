"""What every check needs: pictures of their own, the service's answers, and a line for each check."""

import hashlib
import json
import os
import pathlib
import tempfile
import time
import urllib.request

PHOTO = pathlib.Path(__file__).resolve().parents[3] / "fixtures" / "images" / "gps_iphone.jpg"
MIB = 1 << 20


class Service:
    """A running service and the key to it."""

    def __init__(self, url, key):
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"}

    def bytes(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, body, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            raise RuntimeError(f"{method} {path}: {refusal.code} {text}") from None

    def ask(self, method, path, body=None):
        body = json.dumps(body).encode() if body is not None else None
        return json.loads(self.bytes(method, path, body))

    def arrived(self, upload_id, data):
        """The medium of the upload, once it is published with exactly these bytes."""
        upload = self.ask("GET", f"/v1/uploads/{upload_id}")
        if not upload.get("mediaId"):
            raise RuntimeError(f"the upload has no medium: {upload}")
        path = f"/v1/media/{upload['mediaId']}"
        until = time.monotonic() + 60
        media = self.ask("GET", path)
        while media["processingStatus"] not in ("completed", "failed"):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
            media = self.ask("GET", path)
        if media["processingStatus"] != "completed":
            raise RuntimeError(f"the medium ended {media}")
        got = self.bytes("GET", f"{path}/file")
        if hashlib.sha256(got).digest() != hashlib.sha256(data).digest():
            raise RuntimeError(f"{len(got)} other bytes came back")
        return media


def picture(size):
    """A picture of its own: what stands behind its end is no matter to readers."""
    photo = PHOTO.read_bytes()
    return photo + os.urandom(size - len(photo))


def stored(data):
    """The bytes as a file that the caller removes."""
    with tempfile.NamedTemporaryFile(suffix=".jpg", delete=False) as file:
        file.write(data)
    return pathlib.Path(file.name)


def run(name, checks):
    """Runs the checks, a line each, and says whether all passed."""
    all_passed = True
    for check in checks:
        title = check.__doc__
        try:
            check()
            print(f"ok   {name}: {title}", flush=True)
        except Exception as error:
            print(f"FAIL {name}: {title}: {type(error).__name__}: {error}", flush=True)
            all_passed = False
    return all_passed
