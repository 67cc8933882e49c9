# syntax=docker/dockerfile:1
# The image of iven-worker: the program, FFmpeg's libraries, and nothing to build with.
#
#   docker build -t iven-worker .
#   docker run --read-only --tmpfs /tmp -v iven:/data -e MONGODB_URL=... -e S3_BUCKET=... iven-worker

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY scripts/setup scripts/rust.sh scripts/
# What apt brings changes rarely, and is kept as a layer of its own.
RUN scripts/setup
COPY . .
RUN scripts/package /package

FROM debian:12-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates libavcodec59 libavformat59 libavutil57 libswscale6 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin iven \
 && install --directory --owner iven --group iven /data
COPY --from=build /package/ /usr/local/
USER 10001:10001
WORKDIR /data
VOLUME /data
# Everything that is written lies there or, for a moment, in /tmp: the rest may be read-only.
ENV IVEN__STORE__DATA_DIR=/data \
    IVEN_BIND=0.0.0.0:8787 \
    IVEN__HTTP__METRICS_BIND=127.0.0.1:9787 \
    IVEN__LOG__FORMAT=json
EXPOSE 8787
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9787 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3 | grep -q 200"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/iven-worker"]
CMD ["serve"]
