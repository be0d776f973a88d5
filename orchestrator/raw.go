package orchestrator

import "slices"

// maxRaw is how many raw bodies a signal names: its first one and the newest.
const maxRaw = 4

// Raw names the raw body of an event, which is kept beside the log for 30 days. At is
// when its entry was folded, in Unix milliseconds.
type Raw struct {
	Blob string `json:"blob"`
	ID   string `json:"id"`
	Type string `json:"type"`
	At   int64  `json:"at"`
	Seq  uint64 `json:"seq"`
}

// keepRaw has a signal name the body of an event, if one was kept.
func (p *pass) keepRaw(sig *Signal, ev *Event) {
	if p.v2() && ev.Blob != "" {
		sig.Raw = addRaw(sig.Raw, Raw{Blob: ev.Blob, ID: ev.ID, Type: ev.Type, At: p.now, Seq: p.seq})
	}
}

// addRaw adds to a list that keeps its first and its newest.
func addRaw(list []Raw, more ...Raw) []Raw {
	for _, r := range more {
		if slices.Contains(list, r) {
			continue
		}
		if len(list) >= maxRaw {
			list = slices.Delete(list, 1, 2)
		}
		list = append(list, r)
	}
	return list
}

// forgetRaw has signals name the body of a redacted entry no longer.
func (p *pass) forgetRaw(seq uint64) {
	p.rewrite(BucketSignal, func(_, v []byte) any {
		var sig Signal
		if !readSignal(v, &sig) || !slices.ContainsFunc(sig.Raw, func(r Raw) bool { return r.Seq == seq }) {
			return nil
		}
		sig.Raw = slices.DeleteFunc(sig.Raw, func(r Raw) bool { return r.Seq == seq })
		return p.s.row(&sig)
	})
}
