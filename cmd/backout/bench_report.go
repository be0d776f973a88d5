package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// benchReport is what a bench prints: the controls of the run, what was measured
// in full, and the figures that have a bar.
type benchReport struct {
	Bench          string          `json:"bench"`
	Dir            string          `json:"dir"`
	CPUs           int             `json:"cpus"`
	Fsync          quantiles       `json:"fsync"`
	Latency        []latencyLine   `json:"latency,omitempty"`
	Incidents      []incidentsLine `json:"incidents,omitempty"`
	Ingest         []ingestLine    `json:"ingest,omitempty"`
	Storm          *stormLine      `json:"storm,omitempty"`
	Open           []openLine      `json:"open,omitempty"`
	Rollback       *rollbackLine   `json:"rollback,omitempty"`
	Notices        *noticesLine    `json:"notices,omitempty"`
	Classify       *classifyLine   `json:"classify,omitempty"`
	Failover       []failoverLine  `json:"failover,omitempty"`
	FailoverEvents *failoverEvents `json:"failover_events,omitempty"`
	Kill           *killLine       `json:"kill,omitempty"`
	Figures        []figure        `json:"figures"`
	Note           string          `json:"note"`
	// Broken is what must not be and was; then the bench fails after its report.
	Broken []string `json:"broken,omitempty"`
}

// figure is one measured number beside its bar (DESIGN section 7). A figure with
// a Note was not measured.
type figure struct {
	Line     string  `json:"line"`
	Name     string  `json:"name"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Detail   string  `json:"detail,omitempty"`
	// Bar is what is to be held: at most, or at least with AtLeast; 0 is no bar.
	Bar     float64 `json:"bar,omitempty"`
	AtLeast bool    `json:"at_least,omitempty"`
	// None is set when the only good figure is 0.
	None bool   `json:"none_wanted,omitempty"`
	Note string `json:"note,omitempty"`
}

// The bars of DESIGN section 7, rows 1 and 2.
const (
	barLatencyP50    = 2.5
	barLatencyP99    = 6
	barLatencyFsyncs = 14
	barCPU           = 1.4
	barSyncs         = 4
)

// barPerSecond is the bar of a number of incidents in flight; 0 when it has none.
func barPerSecond(inFlight int) float64 {
	switch inFlight {
	case 32:
		return 600
	case 256:
		return 850
	}
	return 0
}

func newBenchReport(name, dir string, disk *diskProbe) *benchReport {
	return &benchReport{Bench: name, Dir: dir, CPUs: runtime.NumCPU(), Fsync: rank(disk.times)}
}

func latencyReport(dir string, disk *diskProbe, lines []latencyLine) *benchReport {
	r := newBenchReport("latency", dir, disk)
	r.Latency = lines
	r.Note = "From just before an event is published until the first action's HTTP request arrives; every step of the way is on disk."
	for _, l := range lines {
		name := fmt.Sprintf("%s at %d/s", l.Ingress, l.Rate)
		add := func(what string, v float64, unit string, bar float64) {
			r.Figures = append(r.Figures, figure{Line: name, Name: what, Measured: v, Unit: unit, Bar: bar})
		}
		add("p50", l.P50, "ms", barLatencyP50)
		if r.Fsync.P50 > 0 {
			add("p50 / fsync p50", l.P50/r.Fsync.P50, "x", barLatencyFsyncs)
		}
		add("p90", l.P90, "ms", 0)
		add("p99", l.P99, "ms", barLatencyP99)
		add("max", l.Max, "ms", 0)
		r.Figures[len(r.Figures)-1].Detail = fmt.Sprintf("of %d events", l.Samples)
	}
	return r
}

func incidentsReport(dir string, disk *diskProbe, lines []incidentsLine) *benchReport {
	r := newBenchReport("incidents", dir, disk)
	r.Incidents = lines
	r.Note = "Six durable steps and one acknowledgement each; the action does nothing. Median of the rounds, lowest to highest behind it."
	for _, l := range lines {
		name := fmt.Sprintf("%d in flight", l.InFlight)
		r.Figures = append(r.Figures,
			figure{
				Line: name, Name: "incidents", Measured: l.PerSecond.Median, Unit: "/s", Bar: barPerSecond(l.InFlight), AtLeast: true,
				Detail: fmt.Sprintf("%.0f to %.0f", l.PerSecond.Low, l.PerSecond.High),
			},
			cpuFigure(name, l),
			figure{Line: name, Name: "log entries each", Measured: l.Entries.Median, Detail: fmt.Sprintf("%.2f to %.2f", l.Entries.Low, l.Entries.High)},
			syncsFigure(name, l),
		)
	}
	return r
}

func cpuFigure(name string, l incidentsLine) figure {
	f := figure{
		Line: name, Name: "processor each", Measured: l.CPUms.Median, Unit: "ms", Bar: barCPU,
		Detail: fmt.Sprintf("%.2f to %.2f", l.CPUms.Low, l.CPUms.High),
	}
	if l.CPUms.Median == 0 {
		f.Note = "not measured on this system"
	}
	return f
}

// syncsFigure says how it was counted: tracing slows every sync down, so more
// waits for each and the bundles are larger than in the rounds.
func syncsFigure(name string, l incidentsLine) figure {
	f := figure{Line: name, Name: "disk syncs each", Measured: l.Syncs, Bar: barSyncs, Note: l.SyncsNote}
	if f.Note == "" {
		f.Detail = "traced, so slower and in larger bundles than the rounds above"
	}
	return f
}

// text prints the report for people.
func (r *benchReport) text(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", r.Note)
	fmt.Fprintf(w, "folder %s, %d processors\n", r.Dir, r.CPUs)
	fmt.Fprintf(w, "control: 4 KiB append and fdatasync in the same folder, before, between and after: p50 %.2f ms, p99 %.2f ms (%d writes)\n\n",
		r.Fsync.P50, r.Fsync.P99, r.Fsync.Samples)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tmeasured\tbar\twithin")
	line := ""
	for _, f := range r.Figures {
		if f.Line != line {
			line = f.Line
			fmt.Fprintln(t, line)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", f.Name, f.measured(), f.bar(), f.within(), f.Detail)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	return nil
}

func (f figure) measured() string {
	if f.Note != "" {
		return f.Note
	}
	return number(f.Measured, f.Unit)
}

func (f figure) bar() string {
	switch {
	case f.None:
		return "none"
	case f.Bar == 0:
		return ""
	case f.AtLeast:
		return "at least " + number(f.Bar, f.Unit)
	}
	return "at most " + number(f.Bar, f.Unit)
}

// within compares; it says nothing about what was not measured or has no bar.
func (f figure) within() string {
	switch {
	case f.None && f.Measured != 0:
		return "no"
	case f.None:
		return "yes"
	case f.Note != "" || f.Bar == 0:
		return ""
	case f.AtLeast == (f.Measured >= f.Bar), f.Measured == f.Bar:
		return "yes"
	}
	return "no"
}

func number(v float64, unit string) string {
	text := fmt.Sprintf("%.2f", v)
	if v >= 100 {
		text = fmt.Sprintf("%.0f", v)
	}
	switch unit {
	case "count":
		return fmt.Sprintf("%.0f", v)
	case "ms":
		return text + " ms"
	case "x":
		return fmt.Sprintf("%.1f x", v)
	}
	return text + unit
}
