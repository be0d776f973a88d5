package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/gateway"
)

// runBench runs a bench with few events and returns what it printed. That every
// incident went through its plan is checked by the bench itself.
func runBench(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	var out, log bytes.Buffer
	args = append([]string{"bench"}, append(args, "--dir", dir)...)
	if code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &log}); code != 0 {
		t.Fatalf("exit %d: %s", code, log.String())
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
	return out.String()
}

func TestBenchLatency_measuresEveryLine(t *testing.T) {
	t.Parallel()
	var r benchReport
	if err := json.Unmarshal([]byte(runBench(t, "latency", "--rate", "40,80", "--count", "12", "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Latency) != 4 || r.Fsync.Samples == 0 || r.Fsync.P50 <= 0 {
		t.Fatalf("%+v", r)
	}
	for _, l := range r.Latency {
		if l.Samples != 12 || l.P50 <= 0 || l.Max < l.P99 || l.P99 < l.P50 {
			t.Errorf("%s at %d/s: %+v", l.Ingress, l.Rate, l.quantiles)
		}
	}
}

func TestBenchIncidents_finishesEveryIncident(t *testing.T) {
	t.Parallel()
	text := runBench(t, "incidents", "--in-flight", "4,16", "--count", "40", "--rounds", "2", "--syncs=false")
	for _, want := range []string{"4 in flight", "16 in flight", "processor each", "log entries each", "not counted: --syncs=false", "fdatasync"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func TestBenchEvents_countsEachAlertOnce(t *testing.T) {
	t.Parallel()
	var r benchReport
	if err := json.Unmarshal([]byte(runBench(t, "events", "--count", "2010", "--senders", "3", "--rounds", "1", "--syncs=false", "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	if l := r.Events; l == nil || l.Events != 2010 || l.PerSecond.Median <= 0 || l.HTTPus.Median > l.CPUus.Median {
		t.Fatalf("%+v", l)
	}
}

// TestBenchOpen_goesOnAfterAKill runs the program itself: it starts and kills
// itself, and checks what was acknowledged and called.
func TestBenchOpen_goesOnAfterAKill(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), bin, "bench", "open", "--count", "200", "--rounds", "2", "-o", "json", "--dir", dir)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var r benchReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Open) != 1 || r.Open[0].Incidents != 200 || len(r.Open[0].Call.Rounds) != 2 || r.Open[0].Call.Low < r.Open[0].Ready.Low || r.Open[0].Heap.Median <= 0 {
		t.Fatalf("%+v", r.Open)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

func TestBenchMessage_repeatsWhatWasSent(t *testing.T) {
	t.Parallel()
	l := newEventsLoad("", "", 1, 100)
	seen := map[string]bool{}
	for _, fresh := range []int{eventsNew, eventsNew, 3} {
		d, err := gateway.DecodeAlertmanager(gateway.Delivery{Origin: "http/alertmanager", Body: l.message(nil, 7, fresh)})
		if err != nil || len(d.Items) != fresh+eventRepeats {
			t.Fatalf("%d items, %v", len(d.Items), err)
		}
		before := len(seen)
		for _, it := range d.Items {
			seen[it.Record.Event.ID] = true
		}
		if len(seen)-before != fresh {
			t.Fatalf("%d of %d alerts are new", len(seen)-before, fresh)
		}
		l.sent[7] += fresh
	}
}

func TestBench_refusesWhatItCannotMeasure(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"bench", "latency", "--rate", "0"},
		{"bench", "latency", "--count", "100000"},
		{"bench", "incidents", "--rounds", "0"},
		{"bench", "incidents", "-o", "xml"},
		{"bench", "events", "--senders", "0"},
		{"bench", "events", "--count", "1000000"},
		{"bench", "open", "--counts", "10"},
		{"bench", "open", "--bare"},
	} {
		var out, log bytes.Buffer
		if code := run(t.Context(), append(args, "--dir", t.TempDir()), stdio{strings.NewReader(""), &out, &log}); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, log.String())
		}
	}
}

func TestReadSyncs(t *testing.T) {
	t.Parallel()
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 91.02    0.412345         205      2011           fdatasync
  8.98    0.040700         101       401         2 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.453045         187      2412         2 total
`
	if n, err := readSyncs(strings.NewReader(table)); n != 2412 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	if _, err := readSyncs(strings.NewReader("")); err == nil {
		t.Fatal("no sync at all is not zero syncs")
	}
}

func TestRank_takesWhatWasMeasured(t *testing.T) {
	t.Parallel()
	var samples []time.Duration
	for i := range 200 {
		samples = append(samples, time.Duration(200-i)*time.Millisecond)
	}
	q := rank(samples)
	if q.P50 != 100 || q.P90 != 180 || q.P99 != 198 || q.Max != 200 || q.Percentiles[0] != 1 {
		t.Fatalf("%+v", q)
	}
	if s := spreadOf([]float64{3, 1, 2, 10}); math.Abs(s.Median-2.5) > 1e-9 || s.Low != 1 || s.High != 10 {
		t.Fatalf("%+v", s)
	}
}

func TestFigure_comparesWithItsBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    figure
		want string
	}{
		{figure{Measured: 2, Bar: 2.5}, "yes"},
		{figure{Measured: 3, Bar: 2.5}, "no"},
		{figure{Measured: 700, Bar: 600, AtLeast: true}, "yes"},
		{figure{Measured: 500, Bar: 600, AtLeast: true}, "no"},
		{figure{Measured: 500}, ""},
		{figure{Bar: 4, Note: "not counted"}, ""},
	} {
		if got := c.f.within(); got != c.want {
			t.Errorf("%+v: %q", c.f, got)
		}
	}
}
