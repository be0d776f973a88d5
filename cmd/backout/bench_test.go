package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// shippedBench runs a bench of the shipped program, which starts itself as children.
func shippedBench(t *testing.T, args ...string) (r benchReport) {
	t.Helper()
	args = append([]string{must(built.plain())(t), "bench"}, append(args, "--dir", t.TempDir(), "-o", "json")...)
	code, out, said := once(t, "", nil, args...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
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

func TestBenchIngest_countsEachAlertOnce(t *testing.T) {
	t.Parallel()
	var r benchReport
	if err := json.Unmarshal([]byte(runBench(t, "ingest", "--count", "1010", "--senders", "3", "--syncs=false", "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Ingest) != 2 {
		t.Fatalf("%+v", r.Ingest)
	}
	for _, l := range r.Ingest {
		// 26 messages with ten repeats each: 25 of 40 new ones, and one of ten.
		if l.Events != 1010 || l.Repeats != 260 || l.PerSecond.Median <= 0 || len(l.Windows.Rounds) == 0 || l.CPUus.Median <= 0 {
			t.Errorf("%+v", l)
		}
	}
	if l := r.Ingest[0]; l.Way != "http" || l.SendersUS == nil || l.SendersUS.Median > l.CPUus.Median {
		t.Errorf("%+v", l)
	}
	if l := r.Ingest[1]; l.Way != "nats" || l.SendersUS != nil {
		t.Errorf("%+v", l)
	}
}

// TestAlertLoad_endsWhenAllIsFull has time for more than the incidents take.
func TestAlertLoad_endsWhenAllIsFull(t *testing.T) {
	t.Parallel()
	way := &countingWay{}
	l := newAlertLoad(way, 3, 7, 1_000_000)
	got, err := l.drive(t.Context(), time.Now().Add(time.Minute))
	if want := 7 * ingestEach; err != nil || got != want || int(way.fresh.Load()) != want {
		t.Fatalf("%d sent, %d came, %v; want %d", got, way.fresh.Load(), err, want)
	}
}

// TestAlertLoad_sendsAgain is about a log that is busy at first.
func TestAlertLoad_sendsAgain(t *testing.T) {
	t.Parallel()
	way := &countingWay{}
	way.busy.Store(2)
	l := newAlertLoad(way, 1, 1, 100)
	got, err := l.drive(t.Context(), time.Now().Add(time.Minute))
	if err != nil || got != 100 || way.fresh.Load() != 100 || l.refused.Load() != 2 || l.repeats.Load() != 30 {
		t.Fatalf("%d sent, %d came, %d refused, %d repeats, %v", got, way.fresh.Load(), l.refused.Load(), l.repeats.Load(), err)
	}
}

// countingWay counts what it takes, after it has been busy so many times.
type countingWay struct{ busy, fresh atomic.Int64 }

func (w *countingWay) send(_ context.Context, m *alertMessage) (bool, error) {
	if w.busy.Add(-1) >= 0 {
		return true, nil
	}
	w.fresh.Add(int64(m.fresh))
	return false, nil
}

func (w *countingWay) close() {}

// TestBenchStorm_countsWhatItDoesNotKeep has a budget that the storm is past soon.
func TestBenchStorm_countsWhatItDoesNotKeep(t *testing.T) {
	t.Parallel()
	var r benchReport
	if err := json.Unmarshal([]byte(runBench(t, "storm", "--count", "5000", "--budget", "600", "-o", "json")), &r); err != nil {
		t.Fatal(err)
	}
	l := r.Storm
	if l == nil || l.Posted != 5000 || l.Different != 4050 || len(l.Acks) != 2 || len(l.Samples) == 0 {
		t.Fatalf("%+v", l)
	}
	if l.Kept < 600 || l.Kept > 1200 || l.Kept+l.Counted < 4050 || l.Kept+l.Counted > 5050 {
		t.Errorf("%d kept and %d counted of 4050 with a budget of 600 a minute", l.Kept, l.Counted)
	}
	for _, a := range l.Acks {
		if a.Quiet.Samples != stormQuiet/2 || a.Storm.Samples < 5 || a.Storm.P50 <= 0 {
			t.Errorf("%+v", a)
		}
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

func TestAlertMessage_repeatsWhatWasSent(t *testing.T) {
	t.Parallel()
	m := &alertMessage{load: newAlertLoad(nil, 1, 8, 100)}
	for name, decode := range map[string]func() []gateway.Item{
		"http": func() []gateway.Item {
			d, err := gateway.DecodeAlertmanager(gateway.Delivery{Origin: "http/alertmanager", Body: m.alertmanager(nil)})
			if err != nil {
				t.Fatal(err)
			}
			return d.Items
		},
		"nats": func() (items []gateway.Item) {
			for i := range ingestRepeats {
				items = append(items, gateway.DecodeInbox(1, "backout.event.alert.p0", "", m.cloudEvent(m.repeated(i))))
			}
			for i := range m.fresh {
				items = append(items, gateway.DecodeInbox(1, "backout.event.alert.p0", "", m.cloudEvent(m.first+i)))
			}
			return items
		},
	} {
		seen, sent := map[string]bool{}, 0
		for _, fresh := range []int{ingestNew, ingestNew, 3} {
			m.fill(7, sent, fresh)
			items := decode()
			if len(items) != fresh+ingestRepeats {
				t.Fatalf("%s: %d items", name, len(items))
			}
			before := len(seen)
			for _, it := range items {
				if it.Record.Event == nil || it.Keep != nil {
					t.Fatalf("%s: %+v", name, it)
				}
				seen[it.Record.Event.ID] = true
			}
			if len(seen)-before != fresh {
				t.Fatalf("%s: %d of %d alerts are new", name, len(seen)-before, fresh)
			}
			sent += fresh
		}
	}
}

func TestBench_refusesWhatItCannotMeasure(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"bench", "latency", "--rate", "0"},
		{"bench", "latency", "--count", "100000"},
		{"bench", "incidents", "--rounds", "0"},
		{"bench", "incidents", "-o", "xml"},
		{"bench", "ingest", "--senders", "0"},
		{"bench", "ingest", "--count", "1000000"},
		{"bench", "ingest", "--for", "1ms"},
		{"bench", "ingest", "--by", "mail"},
		{"bench", "storm", "--rate", "1"},
		{"bench", "storm", "--budget", "0"},
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
