# The image of ipam: one binary, which needs glibc alone.
#   docker build -t ipam .
#   docker run -p 8080:8080 -v ipam-data:/data ipam            # standalone
# A cluster of three: examples/cluster/docker-compose.yml.
FROM debian:bookworm AS build
WORKDIR /src
# First the packages, so that a change of the sources does not install them again.
COPY scripts/setup.sh scripts/
RUN scripts/setup.sh build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN scripts/build.sh build && strip build/src/server/ipam

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin ipam \
    && mkdir /data && chown ipam:ipam /data
COPY --from=build /src/build/src/server/ipam /usr/bin/ipam
COPY examples/cluster/docker-entrypoint.sh examples/cluster/docker-healthcheck.sh /usr/lib/ipam/
USER ipam
# Commands of the CLI in the container are about its data; the entry point says so to the server.
ENV IPAM_DB_PATH=/data
WORKDIR /data
VOLUME /data
# HTTP and, in cluster mode, raft.
EXPOSE 8080 5000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["/usr/lib/ipam/docker-healthcheck.sh"]
# ipam ends in good order on SIGTERM: it hands leadership over and answers what is under way.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/lib/ipam/docker-entrypoint.sh"]
