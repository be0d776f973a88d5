package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// beginGate starts measuring. A gate on signals is read by the fold itself when
// its timer fires; any other is measured by an executor.
func (p *pass) beginGate(l *loaded, st *Step, node *Node) {
	g := node.Gate
	st.Gate = &GateReading{
		Started: p.now, Until: p.now + p.wait(l, g.Within, 15*60_000),
		Consecutive: int(max(1, p.wait(l, g.Consecutive, 2))),
		MinSample:   p.wait(l, g.MinSample, 0),
	}
	in, err := p.inputs(l, g.With)
	if err != nil {
		p.fail(l, st, node, err.Error())
		return
	}
	st.Inputs = in
	if p.to(l, st, "wait", "") {
		p.measureSoon(l, st, node)
	}
}

// measureSoon sets the next reading.
func (p *pass) measureSoon(l *loaded, st *Step, node *Node) {
	g := st.Gate
	st.Waiting = gateText(g)
	if !node.Gate.Signals && g.Measured == 0 {
		p.work(l, st, WorkMeasure, prioRead)
		return
	}
	p.timer(l, st, p.now+p.wait(l, node.Gate.Every, 15_000))
}

func gateText(g *GateReading) string {
	text := "it to pass " + inARow(g.Consecutive) + " (" + strconv.Itoa(g.Passes) + " so far), until " + clock(g.Until)
	if g.Verdict != "" {
		text += "; last: " + g.Verdict
	}
	return text
}

// gateTimer takes the next reading: at once for signals, by an executor
// otherwise.
func (p *pass) gateTimer(l *loaded, st *Step, node *Node) {
	if !node.Gate.Signals {
		st.Waiting = "a measurement"
		p.work(l, st, WorkMeasure, prioRead)
		return
	}
	p.reading(l, st, node, map[string]any{}, "")
}

// foldMeasure takes an executor's reading in.
func (p *pass) foldMeasure(m *Measured) {
	l, st := p.about("a measurement", m.StepRef)
	if st == nil || st.State != StepWaiting || st.Work != WorkMeasure {
		return
	}
	node := p.node(l, st)
	if node == nil || node.Gate == nil {
		return
	}
	p.unready(l, st)
	out, _ := plainJSON(m.Data).(map[string]any)
	switch {
	case m.Error != "":
		p.countReading(l, st, node, gateResult{GateError, m.Error})
		return
	case m.NoData:
		p.countReading(l, st, node, gateResult{GateNoData, m.Text})
		return
	}
	st.Output = m.Data
	p.reading(l, st, node, out, m.Text)
}

// gateResult is what one reading of a gate means: pass, fail, no data or error.
type gateResult struct{ result, text string }

func (r gateResult) String() string {
	if r.text == "" {
		return r.result
	}
	return r.result + ": " + clip(r.text, 200)
}

func (p *pass) reading(l *loaded, st *Step, node *Node, out map[string]any, said string) {
	vars := p.vars(l)
	vars["out"] = out
	if saw, ok := out["sample"].(int64); ok && saw < st.Gate.MinSample {
		p.countReading(l, st, node, gateResult{GateNoData, tooLittle(saw, st.Gate.MinSample)})
		return
	}
	r := gateResult{result: GateFail}
	v, err := p.rules.Eval(node.Gate.Pass, vars)
	switch {
	case err != nil:
		r.result, r.text = GateError, err.Error()
	case v == true && p.v2() && node.Gate.Signals && strings.Contains(node.Gate.Pass, "failing") && p.onlyBygone(l):
		r.result, r.text = GateNoData, "only single failures of before are known, and none of them was put right"
	case v == true:
		r.result = GatePass
	case p.v2() && node.Gate.Uses != "" && p.s.cutOff(p.now):
		r.result, r.text = GateError, "Backout itself is cut off: its control probes fail"
	}
	if r.result == GateFail && p.v2() && node.Gate.Signals && strings.Contains(node.Gate.Pass, "failing") {
		r.text = p.stillFires(l)
	}
	if r.result == GateFail && p.v2() && node.Gate.Uses != "" {
		r.text = said
	}
	p.countReading(l, st, node, r)
}

// stillFires names what an incident's signals still tell of; "" when nothing fires.
func (p *pass) stillFires(l *loaded) string {
	var names []string
	p.eachSignal(l.inc.N, func(sig *Signal) {
		if sig.Firing && sig.Ended == 0 && !slices.Contains(names, sig.Name) {
			names = append(names, sig.Name)
		}
	})
	if len(names) == 0 {
		return ""
	}
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], strconv.Itoa(more)+" more")
	}
	return clip(list(names, "and"), 150) + " " + verbFor(len(names), "still fires", "still fire")
}

func verbFor(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// countReading counts a reading: enough passes in a row end the gate well; anything else
// breaks the row. The end of its time ends it badly, and a gate that
// could not see is not the same as one that saw a failure: when its playbook says so, a
// person decides about it.
func (p *pass) countReading(l *loaded, st *Step, node *Node, r gateResult) {
	g := st.Gate
	g.Measured++
	g.Result, g.Verdict = r.result, r.String()
	if r.result == GatePass {
		g.Passes++
	} else {
		g.Passes = 0
	}
	l.touch(st)
	p.changed(l)
	switch {
	case g.Passes >= g.Consecutive:
		p.finish(l, st, node, "passed "+inARow(g.Passes)+" after "+span(p.now-g.Started))
	case p.now >= g.Until:
		p.gateOver(l, st, node)
	default:
		p.measureSoon(l, st, node)
	}
}

// gateOver ends a gate whose time is over.
func (p *pass) gateOver(l *loaded, st *Step, node *Node) {
	g := st.Gate
	why := "not passed within " + span(g.Until-g.Started) + "; last: " + g.Verdict
	if p.v2() && g.Result == GateNoData && node.Gate.NoData == noDataAsks {
		p.park(l, st, node, why+", which says neither that it is well nor that it is not")
		return
	}
	p.fail(l, st, node, why)
}

// noDataAsks is the value of Gate.NoData that puts a gate without data to a person.
const noDataAsks = "inconclusive"

func inARow(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times in a row"
}
