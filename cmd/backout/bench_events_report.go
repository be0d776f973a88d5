package main

import "fmt"

// The bars of DESIGN section 7, row 3.
const (
	barEvents   = 30_000
	barEventCPU = 45
)

func eventsReport(dir string, disk *diskProbe, l eventsLine) *benchReport {
	r := newBenchReport("events", dir, disk)
	r.Events = &l
	r.Note = fmt.Sprintf("Alerts posted to /hooks/alertmanager, %d each, until they are folded and the state is on disk; each counted once, repeats not at all. "+
		"Median of the rounds, lowest to highest behind it.", eventsPerPost)
	name := fmt.Sprintf("%d senders, %d environments", l.Senders, eventEnvironments)
	detail := func(s spread, format string) string { return fmt.Sprintf(format+" to "+format, s.Low, s.High) }
	cpu := figure{Line: name, Name: "processor each", Measured: l.CPUus.Median, Unit: " µs", Bar: barEventCPU, Detail: detail(l.CPUus, "%.1f")}
	http := figure{Line: name, Name: "control: senders and HTTP alone", Measured: l.HTTPus.Median, Unit: " µs", Detail: detail(l.HTTPus, "%.1f")}
	if l.CPUus.Median == 0 {
		cpu.Note, http.Note = "not measured on this system", "not measured on this system"
	}
	r.Figures = append(r.Figures,
		figure{Line: name, Name: "different alerts", Measured: l.PerSecond.Median, Unit: "/s", Bar: barEvents, AtLeast: true, Detail: detail(l.PerSecond, "%.0f")},
		figure{Line: name, Name: "alerts posted, repeats included", Measured: l.PerSecond.Median * eventsPerPost / eventsNew, Unit: "/s"},
		cpu, http,
		figure{Line: name, Name: "log entries for 1,000", Measured: l.Entries.Median, Detail: detail(l.Entries, "%.2f")},
		figure{Line: name, Name: "state on disk each", Measured: l.StateBytes.Median, Unit: " B", Detail: detail(l.StateBytes, "%.0f")},
		figure{Line: name, Name: "disk syncs for 1,000", Measured: l.Syncs, Note: l.SyncsNote},
	)
	return r
}
