# Go cross-compiles, so the build runs on the builder's own platform and arm64
# needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
ARG GOPROXY=
# No defaults here: a default would override --platform.
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
ARG COMMIT=unknown
ARG DATE=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    if [ -n "$GOPROXY" ]; then export GOPROXY; else unset GOPROXY; fi; go mod download
COPY Makefile ./
COPY .ci/tools.mk .ci/
COPY cmd ./cmd
COPY app ./app
# The Makefile defines and explains the flags: static, stripped, with version.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make -s build BIN=/out/smart-factory-backend && install -d -m 770 /out/root/data

# The image holds only the binary, which contains the time zones, and CA
# certificates for PostgreSQL and Redis over TLS.
FROM scratch
ARG VERSION=unknown
ARG COMMIT=unknown
ARG DATE=unknown
LABEL org.opencontainers.image.title="Smart Factory Backend" \
      org.opencontainers.image.description="Ingests machine telemetry, stores it and streams it live" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT \
      org.opencontainers.image.created=$DATE
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/smart-factory-backend /smart-factory-backend
# Group 0 may write too: OpenShift runs containers as any user of that group. The
# directory is copied within its parent, since COPY keeps only the modes of contents.
COPY --from=build --chown=65532:0 /out/root /
# Production refuses to start without API_KEYS. /data is the only writable
# directory, so it also holds temporary files.
ENV NODE_ENV=production DATA_DIR=/data CONTROL_SOCKET=/data/control.sock TMPDIR=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["/smart-factory-backend", "healthcheck"]
ENTRYPOINT ["/smart-factory-backend"]
