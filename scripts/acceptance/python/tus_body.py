"""Tells Schemathesis how bytes for tus are sent: as they are."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
