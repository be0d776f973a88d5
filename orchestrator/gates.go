package orchestrator

import "strconv"

// beginGate starts measuring. A gate on signals is read by the fold itself when
// its timer fires; any other is measured by an executor.
func (p *pass) beginGate(l *loaded, st *Step, node *Node) {
	g := node.Gate
	st.Gate = &GateReading{
		Started: p.now, Until: p.now + p.wait(l, g.Within, 15*60_000),
		Consecutive: int(max(1, p.wait(l, g.Consecutive, 2))),
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
	text := "passed " + strconv.Itoa(g.Passes) + " of " + strconv.Itoa(g.Consecutive) + " times in a row, until " + clock(g.Until)
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
	p.reading(l, st, node, map[string]any{})
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
	if m.Error != "" {
		p.verdictIn(l, st, node, "errored: "+clip(m.Error, 200))
		return
	}
	out, _ := plainJSON(m.Data).(map[string]any)
	st.Output = m.Data
	p.reading(l, st, node, out)
}

func (p *pass) reading(l *loaded, st *Step, node *Node, out map[string]any) {
	vars := p.vars(l)
	vars["out"] = out
	v, err := p.rules.Eval(node.Gate.Pass, vars)
	switch {
	case err != nil:
		p.verdictIn(l, st, node, "errored: "+clip(err.Error(), 200))
	case v == true:
		p.verdictIn(l, st, node, "pass")
	default:
		p.verdictIn(l, st, node, "fail")
	}
}

// verdictIn counts a reading: enough passes in a row end the gate well; the end
// of its time ends it badly, and a gate that could not see is not the same as
// one that saw a failure.
func (p *pass) verdictIn(l *loaded, st *Step, node *Node, verdict string) {
	g := st.Gate
	g.Measured++
	g.Verdict = verdict
	if verdict == "pass" {
		g.Passes++
	} else {
		g.Passes = 0
	}
	l.touch(st)
	p.changed(l)
	switch {
	case g.Passes >= g.Consecutive:
		p.finish(l, st, node, "passed "+strconv.Itoa(g.Passes)+" times in a row after "+span(p.now-g.Started))
	case p.now >= g.Until:
		p.fail(l, st, node, "not passed within "+span(g.Until-g.Started)+"; last: "+verdict)
	default:
		p.measureSoon(l, st, node)
	}
}
