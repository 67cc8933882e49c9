"""Sends pictures into a bucket, by every door, and looks with boto3 what lies in it in the end.

usage: by_boto3.py prepare STORE BUCKET ORIGIN   makes the bucket, for pages of this origin too
       by_boto3.py clean STORE BUCKET NAME       nothing but media is left, whoever sent them
       by_boto3.py URL KEY STORE BUCKET          the uploads
"""

import hashlib
import io
import sys
import time

import boto3
import requests
from botocore.config import Config
from tusclient.client import TusClient

import published
from published import MIB, picture


def connect(store):
    keys = {"aws_access_key_id": "acceptance", "aws_secret_access_key": "acceptance-secret"}
    # The bytes are looked at here; what moto says of the checksum of a whole of parts does not say
    # so, as a store of Amazon does, and boto3 would take it for that of the bytes.
    more = {"config": Config(response_checksum_validation="when_required"), **keys}
    return boto3.client("s3", endpoint_url=store, region_name="us-east-1", **more)


def clean(s3, bucket):
    """Nothing is left of uploads: the service may take some time for it (`sweep`)."""
    until = time.monotonic() + 90
    while True:
        objects = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        left = [item["Key"] for item in objects if not item["Key"].startswith("events/")]
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            left.append(f"multipart upload of {upload['Key']}")
        if not left:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"left in the bucket: {', '.join(left)}")
        time.sleep(0.5)


class Doors:
    """The ways into the bucket."""

    def __init__(self, url, key, store, bucket):
        self.service = published.Service(url, key)
        self.s3, self.bucket = connect(store), bucket

    def checks(self):
        return [self.chunks, self.presigned, self.shuffled, self.tus, self.small, self.given_up]

    def announce(self, data, **more):
        wish = {"eventId": 1, "userId": 1, "filename": "photo.jpg", "mimeType": "image/jpeg"}
        return self.service.ask("POST", "/v1/uploads", {**wish, "size": len(data), **more})

    def pieces(self, upload, data):
        size = upload["chunkSize"]
        return [data[start:start + size] for start in range(0, len(data), size)]

    def signed(self, upload, numbered):
        parts = [{"number": n, "sha256": hashlib.sha256(piece).hexdigest()} for n, piece in numbered]
        path = f"/v1/uploads/{upload['uploadId']}/parts"
        return self.service.ask("POST", path, {"parts": parts})["parts"]

    def put(self, part, piece):
        answer = requests.put(part["url"], data=piece, headers=part["headers"], timeout=60)
        if answer.status_code != 200:
            raise RuntimeError(f"PUT of part {part['number']}: {answer.status_code} {answer.text}")

    def completed(self, upload, data):
        self.service.ask("POST", f"/v1/uploads/{upload['uploadId']}/complete")
        self.arrived(upload["uploadId"], data)

    def arrived(self, upload_id, data):
        """Published with these bytes, which lie in the bucket, and nothing else does of it."""
        self.service.arrived(upload_id, data)
        digest = hashlib.sha256(data).digest()
        # Small pictures lie beside it.
        for item in self.s3.list_objects_v2(Bucket=self.bucket, Prefix="events/")["Contents"]:
            if item["Size"] == len(data):
                body = self.s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
                if hashlib.sha256(body).digest() == digest:
                    return clean(self.s3, self.bucket)
        raise RuntimeError("no object under events/ has these bytes")

    def chunks(self):
        """by chunks"""
        data = picture(25 * MIB)
        upload = self.announce(data)
        for n, piece in enumerate(self.pieces(upload, data), 1):
            self.service.bytes("PUT", f"/v1/uploads/{upload['uploadId']}/chunks/{n}", piece)
        self.completed(upload, data)

    def presigned(self):
        """by presigned parts"""
        data = picture(25 * MIB)
        upload = self.announce(data, transport="presigned")
        numbered = list(enumerate(self.pieces(upload, data), 1))
        for part, (_, piece) in zip(self.signed(upload, numbered), numbered, strict=True):
            self.put(part, piece)
        self.completed(upload, data)

    def shuffled(self):
        """by presigned parts, the last one first and one of them twice"""
        data = picture(25 * MIB)
        upload = self.announce(data, transport="presigned")
        numbered = list(enumerate(self.pieces(upload, data), 1))[::-1]
        for one in [*numbered, numbered[-1]]:
            self.put(self.signed(upload, [one])[0], one[1])
        self.completed(upload, data)

    def tus(self):
        """by tus"""
        data = picture(25 * MIB)
        client = TusClient(f"{self.service.url}/v1/tus", headers=self.service.headers)
        metadata = {"eventId": "1", "userId": "1", "filename": "a.jpg", "filetype": "image/jpeg"}
        # No request ends where a part of the store does.
        sending = {"chunk_size": 4 * MIB, "metadata": metadata, "upload_checksum": True}
        upload = client.uploader(file_stream=io.BytesIO(data), **sending)
        upload.upload()
        self.arrived(upload.url.rsplit("/", 1)[1], data)

    def small(self):
        """in one request"""
        data = picture(MIB)
        path = "/v1/media?eventId=1&userId=1&filename=photo.jpg"
        headers = {**self.service.headers, "Content-Type": "image/jpeg"}
        answer = requests.post(self.service.url + path, data, headers=headers, timeout=60)
        if answer.status_code != 202:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text}")
        self.arrived(answer.json()["uploadId"], data)

    def given_up(self):
        """cancelled uploads leave nothing"""
        data = picture(25 * MIB)
        for transport in ("chunks", "presigned"):
            upload = self.announce(data, transport=transport)
            address = f"/v1/uploads/{upload['uploadId']}"
            piece = self.pieces(upload, data)[0]
            if transport == "presigned":
                self.put(self.signed(upload, [(1, piece)])[0], piece)
            else:
                self.service.bytes("PUT", f"{address}/chunks/1", piece)
            self.service.bytes("DELETE", address)
        clean(self.s3, self.bucket)


def prepare(s3, bucket, origin):
    s3.create_bucket(Bucket=bucket)
    # What a page needs that puts parts: it reads from the answers what each of them is called.
    rule = {"AllowedOrigins": [origin], "AllowedMethods": ["PUT"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def whoever(store, bucket):
    def nothing_is_left():
        """nothing but media is left in the bucket"""
        clean(connect(store), bucket)

    return nothing_is_left


match sys.argv[1:]:
    case ["prepare", store, bucket, origin]:
        prepare(connect(store), bucket, origin)
    case ["clean", store, bucket, name]:
        sys.exit(0 if published.run(name, [whoever(store, bucket)]) else 1)
    case [url, key, store, bucket]:
        sys.exit(0 if published.run("boto3", Doors(url, key, store, bucket).checks()) else 1)
    case _:
        sys.exit(__doc__)
