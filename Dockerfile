# The binary is built for the target on the builder's own platform: Go
# cross-compiles, so arm64 needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
ARG GOPROXY=
# Without defaults: a default would win over what --platform says.
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
# The Makefile has the flags, and why: static, stripped, with what version prints.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make -s build BIN=/out/smart-factory-backend && mkdir /out/data

# Nothing but the binary, which has the time zones in it, and the certificates
# of the builder's image for PostgreSQL and Redis over TLS.
FROM scratch
ARG VERSION=unknown
ARG COMMIT=unknown
ARG DATE=unknown
LABEL org.opencontainers.image.title="Smart Factory Backend" \
      org.opencontainers.image.description="Takes telemetry from machines, keeps it, watches it, and shows what changes" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT \
      org.opencontainers.image.created=$DATE
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/smart-factory-backend /smart-factory-backend
COPY --from=build --chown=65532:65532 --chmod=700 /out/data /data
# Production refuses to start without API_KEYS, on purpose. /data is the only
# place that can be written to, so what is temporary goes there too.
ENV NODE_ENV=production DATA_DIR=/data CONTROL_SOCKET=/data/control.sock TMPDIR=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 CMD ["/smart-factory-backend", "healthcheck"]
ENTRYPOINT ["/smart-factory-backend"]
