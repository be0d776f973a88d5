package orchestrator

// nextWatch is the watch that is measured next and when; 0 when none is.
func (r *Rehearsal) nextWatch() (n uint64, due int64) {
	for _, w := range r.state.ActiveWatches() {
		at := max(w.Started, r.measured[w.N]) + w.Spec.Every
		if n == 0 || at < due {
			n, due = w.N, at
		}
	}
	return n, due
}

// watched measures a watch as its owner would.
func (r *Rehearsal) watched(n uint64) error {
	if r.measured == nil {
		r.measured, r.held = map[uint64]int64{}, map[uint64]*Obs{}
	}
	r.measured[n] = r.now
	m := Measured{NoData: true, Text: "the rehearsal was told nothing"}
	if w := r.state.DeployWatch(n); w != nil {
		if told, ok := r.told("watch/" + w.Spec.ID); ok {
			m = told
		}
		if _, why := r.state.WatchJob(w, r.now); why != "" {
			m = Measured{Error: why}
		}
	}
	o, ok := r.fold.Observe(r.state, n, &m, r.now)
	if !ok {
		return nil
	}
	records := []Record{{Obs: &o}}
	if held := r.held[n]; held != nil && held.Result == o.Result {
		o.Count += held.Count
	} else if held != nil {
		records = []Record{{Obs: held}, {Obs: &o}}
	}
	delete(r.held, n)
	if !r.state.obsWorth(&o, r.now) {
		r.held[n] = &o
		return nil
	}
	if _, err := r.append(SubjectAct(0), records...); err != nil {
		return err
	}
	return r.work()
}

// reads is what the measure of a gate finds.
func (r *Rehearsal) reads(inc *Incident, node *Node) *Measured {
	action := node.Action
	if node.Gate != nil && node.Gate.Uses != "" {
		action = node.Gate.Uses
	}
	if told, ok := r.told(action); ok {
		return &told
	}
	return &Measured{Data: r.answer(inc, action)}
}

// told is the next answer of a read; false when it has none of its own.
func (r *Rehearsal) told(name string) (Measured, bool) {
	all := r.Answers[name]
	if len(all) == 0 {
		return Measured{}, false
	}
	next := all[0]
	r.Answers[name] = append(all[1:len(all):len(all)], next)
	return next, true
}
