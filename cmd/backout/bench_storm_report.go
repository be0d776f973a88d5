package main

import "fmt"

// The bar of DESIGN section 7, row 5, in milliseconds.
const barAck = 500

func stormReport(dir string, disk *diskProbe, l *stormLine) *benchReport {
	r := newBenchReport("storm", dir, disk)
	r.Storm = l
	r.Note = fmt.Sprintf("Acknowledgements while alerts come in through /hooks/alertmanager, %d in each message, for %d open incidents.", ingestPerPost, stormEnvironments)
	name := fmt.Sprintf("the storm, %d alerts/s asked for", l.Rate)
	r.Figures = append(r.Figures, figure{
		Line: name, Name: "alerts posted", Measured: l.PerSecond, Unit: "/s",
		Detail: fmt.Sprintf("%d alerts, %d different; the last message was handed out %.0f ms late; %d were answered with 503 and sent again", l.Posted, l.Different, max(0, l.LateMS), l.Refused),
	})
	for i := range l.Acks {
		r.Figures = append(r.Figures, l.Acks[i].figures(r.Fsync.P50)...)
	}
	budget := fmt.Sprintf("the source's budget, %d a minute", l.Budget)
	r.Figures = append(r.Figures,
		figure{Line: budget, Name: "alerts kept one by one", Measured: float64(l.Kept)},
		figure{Line: budget, Name: "alerts only counted in their incident", Measured: float64(l.Counted), Detail: "all others repeated one that was kept"},
	)
	r.Figures = append(r.Figures, l.growth()...)
	return r
}

func (l *ackLine) figures(fsync float64) []figure {
	name := fmt.Sprintf("acknowledgement by %s", l.Way)
	p99 := figure{Line: name, Name: "p99", Measured: l.Storm.P99, Unit: "ms", Bar: barAck, Detail: fmt.Sprintf("max %.2f ms of %d; %d had to be said again", l.Storm.Max, l.Storm.Samples, l.Again)}
	out := []figure{{Line: name, Name: "p50", Measured: l.Storm.P50, Unit: "ms"}, p99}
	if fsync > 0 {
		out = append(out, figure{Line: name, Name: "p99 / fsync p50", Measured: l.Storm.P99 / fsync, Unit: "x"})
	}
	return append(out, figure{
		Line: name, Name: "control: p50 before the storm", Measured: l.Quiet.P50, Unit: "ms",
		Detail: fmt.Sprintf("p99 %.2f ms of %d", l.Quiet.P99, l.Quiet.Samples),
	})
}

// growth compares the moment the budget was first spent, or the first look when it
// never was, with the end.
func (l *stormLine) growth() []figure {
	if len(l.Samples) == 0 {
		return nil
	}
	name, from := "growth from the first look", l.Samples[0]
	for _, s := range l.Samples {
		if s.Counted > 0 {
			name, from = "growth after the budget was spent", s
			break
		}
	}
	last, heap := l.Samples[len(l.Samples)-1], uint64(0)
	for _, s := range l.Samples {
		heap = max(heap, s.Heap)
	}
	const mib = 1 << 20
	name = fmt.Sprintf("%s, %.0f s", name, (last.AtMS-from.AtMS)/1000)
	grown := func(what string, from, to float64) figure {
		return figure{Line: name, Name: what, Measured: (to - from) / mib, Unit: " MiB", Detail: fmt.Sprintf("from %.1f to %.1f", from/mib, to/mib)}
	}
	state := grown("state on disk", float64(from.State), float64(last.State))
	mem := grown("heap", float64(from.Heap), float64(last.Heap))
	mem.Detail += fmt.Sprintf(", at most %.1f", float64(heap)/mib)
	log := grown("log and inbox on disk", float64(from.Log), float64(last.Log))
	if n := last.Events - from.Events; n > 0 {
		log.Detail += fmt.Sprintf("; %.0f B for each alert folded meanwhile, until the log is trimmed", float64(last.Log-from.Log)/float64(n))
	}
	return []figure{state, log, mem}
}
