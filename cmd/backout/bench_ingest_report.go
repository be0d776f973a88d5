package main

import (
	"fmt"
	"strings"
)

// The bars of DESIGN section 7, row 3.
const (
	barIngest    = 30_000
	barIngestCPU = 45
)

func ingestReport(dir string, disk *diskProbe, lines []ingestLine) *benchReport {
	r := newBenchReport("ingest", dir, disk)
	r.Ingest = lines
	r.Note = fmt.Sprintf("Alerts, %d in each message, until they are folded and the state is on disk; each counted once, repeats not at all. "+
		"Median of the rounds, lowest to highest behind it.", ingestPerPost)
	for i := range lines {
		r.Figures = append(r.Figures, lines[i].figures(r.Fsync.P50)...)
	}
	return r
}

// ranged is a figure with the lowest and highest behind it.
func ranged(line, name, unit string, s spread, format string) figure {
	return figure{Line: line, Name: name, Measured: s.Median, Unit: unit, Detail: fmt.Sprintf(format+" to "+format, s.Low, s.High)}
}

func (l *ingestLine) figures(fsync float64) []figure {
	name := fmt.Sprintf("%s, %d senders, %d environments", strings.ToUpper(l.Way), l.Senders, l.Environments)
	rate := ranged(name, "different alerts", "/s", l.PerSecond, "%.0f")
	cpu := ranged(name, "processor each", " µs", l.CPUus, "%.1f")
	if l.Way == wayHTTP {
		rate.Bar, rate.AtLeast, cpu.Bar = barIngest, true, barIngestCPU
	}
	out := []figure{
		rate,
		ranged(name, fmt.Sprintf("within the rounds, each %.1f s", l.WindowSeconds), "/s", l.Windows, "%.0f"),
		{Line: name, Name: "while one disk sync takes (fsync p50)", Measured: l.PerSecond.Median * fsync / 1000},
		{Line: name, Name: "different alerts in all", Measured: float64(l.Events), Detail: "each stands in its incident once"},
		{Line: name, Name: "repeats dropped", Measured: float64(l.Repeats), Detail: fmt.Sprintf("%d messages were refused with 503 and sent again", l.Refused)},
		cpu,
		{Line: name, Name: "processors it had", Measured: l.CPUus.Median * l.PerSecond.Median / 1e6, Detail: "few mean that it waited for the disk, or that others had them"},
	}
	if l.SendersUS != nil {
		out = append(out, ranged(name, "control: senders and HTTP alone", " µs", *l.SendersUS, "%.1f"))
	}
	if l.CPUus.Median == 0 {
		for i := range out {
			if out[i].Unit == " µs" || out[i].Name == "processors it had" {
				out[i].Note = "not measured on this system"
			}
		}
	}
	return append(out,
		ranged(name, "log entries for 1,000", "", l.Entries, "%.2f"),
		ranged(name, "state on disk each", " B", l.StateBytes, "%.0f"),
		figure{Line: name, Name: "disk syncs for 1,000", Measured: l.Syncs, Note: l.SyncsNote},
	)
}
