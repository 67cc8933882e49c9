"""Sends pictures by tuspy and asks whether they arrived.

usage: by_tuspy.py URL KEY
"""

import asyncio
import io
import sys

from tusclient.client import TusClient

import published
from published import MIB, picture

service = published.Service(*sys.argv[1:3])
client = TusClient(f"{service.url}/v1/tus", headers=service.headers)


def uploader(data, make=client.uploader, **more):
    metadata = {"eventId": "1", "userId": "1", "filename": "photo.jpg", "filetype": "image/jpeg"}
    return make(file_stream=io.BytesIO(data), metadata=metadata, **more)


def arrived(url, data):
    service.arrived(url.rsplit("/", 1)[1], data)


def whole():
    """in one request"""
    data = picture(25 * MIB)
    upload = uploader(data)
    upload.upload()
    arrived(upload.url, data)


def requests():
    """requests of 4 MiB"""
    data = picture(25 * MIB)
    upload = uploader(data, chunk_size=4 * MIB)
    upload.upload()
    arrived(upload.url, data)


def checksum():
    """with checksums"""
    data = picture(25 * MIB)
    upload = uploader(data, chunk_size=4 * MIB, upload_checksum=True)
    upload.upload()
    arrived(upload.url, data)


def checksum_whole():
    """with a checksum, in one request"""
    data = picture(25 * MIB)
    upload = uploader(data, upload_checksum=True)
    upload.upload()
    arrived(upload.url, data)


def resume():
    """stop and resume"""
    data = picture(25 * MIB)
    first = uploader(data, chunk_size=3 * MIB)
    first.upload(stop_at=13 * MIB)
    second = uploader(data, chunk_size=5 * MIB, url=first.url)
    if second.offset != 13 * MIB:
        raise RuntimeError(f"it goes on at {second.offset}, not {13 * MIB}")
    second.upload()
    arrived(first.url, data)


def resume_with_checksum():
    """stop and resume, with checksums"""
    data = picture(25 * MIB)
    first = uploader(data, chunk_size=3 * MIB, upload_checksum=True)
    first.upload(stop_at=13 * MIB)
    second = uploader(data, chunk_size=5 * MIB, url=first.url, upload_checksum=True)
    second.upload()
    arrived(first.url, data)


def in_the_background():
    """its asynchronous uploader"""
    data = picture(3 * MIB)
    upload = uploader(data, make=client.async_uploader, chunk_size=MIB)
    asyncio.run(upload.upload())
    arrived(upload.url, data)


CHECKS = [whole, requests, checksum, checksum_whole, resume, resume_with_checksum, in_the_background]
sys.exit(0 if published.run("tuspy", CHECKS) else 1)
