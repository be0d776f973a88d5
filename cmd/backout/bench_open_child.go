package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// openChild is the process that is killed: Backout as `serve` wires it, without
// its public listener and with one action that calls the bench.
type openChild struct {
	dir, target string
	count       int
	log         io.Writer
}

// childMemory is what a process says it takes, in bytes.
type childMemory struct {
	Heap int64 `json:"heap"`
	RSS  int64 `json:"rss"`
	Anon int64 `json:"anon"`
}

// run says where its API is as soon as it is ready, answers each line of in with
// what it takes, and ends when in does.
func (c openChild) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if c.dir == "" || c.count == 0 || c.target == "" {
		return usageError{errors.New("--bare needs --dir, --count and --target")}
	}
	target := &benchTarget{url: c.target, client: &http.Client{Timeout: 10 * time.Second}}
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: c.dir, World: lastWorld(c.count), Action: &benchAction{do: target.do}, Log: c.log})
	if err != nil {
		return err
	}
	rig.cfg.Instance.AdminListen = "127.0.0.1:0"
	registry := prometheus.NewRegistry()
	registry.MustRegister(newStateMetrics(rig.engine))
	if err := rig.listenAdmin(registry); err != nil {
		return errors.Join(err, rig.close())
	}
	fmt.Fprintf(out, "ready admin=http://%s nats=%s\n", rig.admin.Addr(), rig.server.URL())
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		m, err := memoryNow()
		if err == nil {
			err = json.NewEncoder(out).Encode(m)
		}
		if err != nil {
			return errors.Join(err, rig.close())
		}
	}
	return errors.Join(lines.Err(), rig.close())
}

func memoryNow() (childMemory, error) {
	runtime.GC()
	runtime.GC() // the first one only retires what pools keep
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m := childMemory{Heap: int64(stats.HeapAlloc)}
	status, err := os.ReadFile("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		return m, nil // not on this system
	}
	if err != nil {
		return m, fmt.Errorf("reading what this process takes: %w", err)
	}
	m.RSS, m.Anon = statusKiB(status, "VmRSS:"), statusKiB(status, "RssAnon:")
	return m, nil
}

// statusKiB reads a line such as "VmRSS:   123 kB" (proc_pid_status(5)) as bytes;
// 0 when it is not there.
func statusKiB(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == name {
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return n << 10
		}
	}
	return 0
}
