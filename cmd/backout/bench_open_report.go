package main

import "fmt"

// The bars of DESIGN section 7, row 4: milliseconds for so many incidents, and
// bytes of heap for each.
const barOpenHeap = 300

func barOpenCall(incidents int) float64 {
	switch {
	case incidents <= 100_000:
		return 1000
	case incidents <= 1_000_000:
		return 3000
	}
	return 0
}

func openReport(dir string, disk *diskProbe, lines []openLine) *benchReport {
	r := newBenchReport("open", dir, disk)
	r.Open = lines
	r.Note = "Incidents that wait for a person; the process is killed with SIGKILL under commands and started again. " +
		"From the start of the process. Median of the rounds, lowest to highest behind it."
	for _, l := range lines {
		r.Figures = append(r.Figures, openFigures(l)...)
	}
	return r
}

func openFigures(l openLine) []figure {
	name := fmt.Sprintf("%d incidents wait", l.Incidents)
	n := float64(l.Incidents)
	ms := func(what string, s spread, bar float64) figure {
		return figure{Line: name, Name: what, Measured: s.Median, Unit: "ms", Bar: bar, Detail: fmt.Sprintf("%.0f to %.0f", s.Low, s.High)}
	}
	each := func(what string, bytes, bar float64) figure {
		return figure{Line: name, Name: what, Measured: bytes / n, Unit: " B", Bar: bar, Detail: fmt.Sprintf("%.1f MB in all", bytes/1e6)}
	}
	heap := each("heap each", l.Heap.Median, barOpenHeap)
	heap.Detail += fmt.Sprintf(", of which %.1f MB with %d incidents", float64(l.HeapEmpty)/1e6, openControl)
	out := []figure{
		ms("the next step's call", l.Call, barOpenCall(l.Incidents)),
		ms("ready", l.Ready, 0),
		ms("control: a process that does nothing", l.Exec, 0),
		ms("control: open the state, walk all keys", l.Control, 0),
		ms("control: read the log's files", l.LogRead, 0),
		heap,
	}
	if l.RSS.Median > 0 {
		out = append(out, each("resident, pages of files included", l.RSS.Median, 0), each("resident, without them", l.Anon.Median, 0))
	}
	return append(out,
		each("state on disk", float64(l.StateBytes), 0), each("log on disk", float64(l.LogBytes), 0),
		ms("a read of /metrics", l.Metrics, 0), ms("the list of open incidents", l.List, 0),
		figure{Line: name, Name: "opened", Measured: l.Built, Unit: "/s"},
	)
}
