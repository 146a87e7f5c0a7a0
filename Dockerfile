# Multi-stage: a static binary in an image that holds nothing else. tests/manual/image.sh goes through the same steps
# without Docker.
#   docker build -t logclass .
#   docker run --read-only --tmpfs /tmp -p 5000:5000 -e LOGCLASS_TOKEN="$(openssl rand -hex 32)" logclass
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY benches benches
COPY examples examples
COPY models models
COPY python python
COPY resources resources
COPY src src
# glibc, linked statically: musl's allocator is slow where several threads allocate. Naming the target, whichever it
# is, keeps the flag away from build scripts and procedural macros, which cannot be static.
RUN target="$(rustc --print host-tuple)" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin logclass --target "$target" \
 && mkdir -p /root-of-image/tmp \
 && chmod 1777 /root-of-image/tmp \
 && cp "target/$target/release/logclass" /root-of-image/logclass

FROM scratch
COPY --from=build /root-of-image/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Uploads and results that do not fit into memory are nameless files here: mount a volume, or a tmpfs, which is memory.
ENV LOGCLASS_HOST=0.0.0.0 PORT=5000 TMPDIR=/tmp
USER 65532:65532
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/logclass", "serve", "--check"]
ENTRYPOINT ["/logclass"]
CMD ["serve", "--log-format", "json"]
