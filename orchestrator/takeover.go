package orchestrator

// anotherClock begins when a partition comes to another instance. Its clock may
// differ from that of the instance before, so what waits for the outside to settle
// waits that long by the new clock, from the claim on: then no difference between
// two clocks can make anybody believe "it did not happen" too early.
func (p *pass) anotherClock() {
	p.moved = true
	var refs []StepRef
	p.s.view.Scan(BucketUnknown, nil, nil, func(k, _ []byte) bool {
		refs = append(refs, parseStepKey(k))
		return true
	})
	for _, ref := range refs {
		l := p.s.incident(ref.N)
		if l == nil || l.inc.Partition != p.part {
			continue
		}
		st := l.step(ref)
		if st == nil || st.State != StepUnknown || (st.Timer == 0 && st.Work != WorkVerify) {
			continue
		}
		if node := p.node(l, st); node != nil {
			p.unready(l, st)
			p.timer(l, st, max(st.Timer, p.now+StartWindow+node.Spec.CallTimeout+node.Spec.Settle))
		}
	}
}
