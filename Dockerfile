# One static binary on an empty image: no shell, no package manager, no root.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata puts the time zone database into the binary, since the image has none.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata -ldflags '-s -w' -o /out/backout ./cmd/backout \
 && mkdir -p /out/data /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/backout /backout
COPY --from=build --chown=65532:65532 /out/data /var/lib/backout
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
VOLUME /var/lib/backout
EXPOSE 8080 8090
# There is no curl here: the binary asks its own public listener, GET http://ADDR/healthz, and exits 0 or 1.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["/backout", "healthz", "--listen", "127.0.0.1:8090"]
ENTRYPOINT ["/backout"]
CMD ["serve", "--config", "/etc/backout/backout.yaml", "--data", "/var/lib/backout", "--listen", "0.0.0.0:8090"]
