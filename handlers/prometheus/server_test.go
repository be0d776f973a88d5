package prometheus_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// server starts a real Prometheus that scrapes an exporter of the test, and gives its
// address once it has scraped a few times.
func server(t *testing.T) string {
	t.Helper()
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("prometheus is not here (Debian package prometheus)")
		}
		t.Skip("prometheus is not here (Debian package prometheus)")
	}
	var scrapes atomic.Int64
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		fmt.Fprintf(w, "requests_total %d\nerrors_total %d\nsame{a=\"1\"} 1\nsame{a=\"2\"} 2\nshare 0.0144\nnothing NaN\nidle_total 0\n", 1000*n, 5*n)
	}))
	t.Cleanup(exporter.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	config := "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: shop, static_configs: [{targets: [\"" + strings.TrimPrefix(exporter.URL, "http://") + "\"]}]}]\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	_ = ln.Close()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, bin, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at, "--log.level=warn")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	logs := &strings.Builder{}
	cmd.Stderr = logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was told to end.
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for scrapes.Load() < 8 {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("Prometheus does not scrape: %s", logs)
		}
	}
	return "http://" + at
}
