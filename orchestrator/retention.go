package orchestrator

import "bytes"

// How long closed incidents and lines of quarantine, and what is known of ended alerts,
// are kept. Milliseconds.
const (
	closedKept = 400 * dayMS
	alertKept  = 7 * dayMS
)

// weed deletes the records of a bucket with a prefix that are to go. It looks at them in
// the order of their keys, until more is false.
func (p *pass) weed(b Bucket, prefix []byte, look func(key, value []byte) (goes, more bool)) {
	var keys [][]byte
	p.s.view.Scan(b, prefix, nil, func(k, v []byte) bool {
		goes, more := look(k, v)
		if goes {
			keys = append(keys, append([]byte(nil), k...))
		}
		return more
	})
	for _, k := range keys {
		p.s.view.Delete(b, k)
	}
}

// weedAll deletes all records of a bucket with a prefix.
func (p *pass) weedAll(b Bucket, prefix []byte) {
	p.weed(b, prefix, func(_, _ []byte) (goes, more bool) { return true, true })
}

// forget drops a closed incident with everything that belongs to it.
func (p *pass) forget(l *loaded) {
	n := l.inc.N
	for _, b := range []Bucket{BucketStep, BucketSignal, BucketHistory} {
		p.weedAll(b, incidentKey(n))
	}
	p.weedAll(BucketShadow, append([]byte{shadowEntry}, incidentKey(n)...))
	p.s.view.Delete(BucketIncident, incidentKey(n))
	delete(p.s.loaded, n)
}

// forgetOldAlerts drops alerts that ended a week ago: a late copy of such an
// alert is an old event by then and starts nothing.
func (p *pass) forgetOldAlerts() {
	if !p.v2() {
		return
	}
	p.weed(BucketAlert, nil, func(_, v []byte) (goes, more bool) {
		var a alertState
		return decode(v, &a) && !a.Firing && p.now-a.At > alertKept, true
	})
}

// forgetOldQuarantine drops what came as long ago as what is forgotten of incidents: the
// keys are in the order in which it came, so that the first young one ends the look.
func (p *pass) forgetOldQuarantine() {
	if !p.v2() {
		return
	}
	p.weed(BucketBad, nil, func(_, v []byte) (goes, more bool) {
		var q quarantined
		if !decode(v, &q) || q.At == 0 { // version 1 did not note when
			return false, true
		}
		old := p.now-q.At > closedKept
		return old, old
	})
}

// foldRedacted takes the words that came from a redacted entry out of the state
// too. What they led to stays.
func (p *pass) foldRedacted(r *Redacted) {
	const mask = "[redacted]"
	p.rewrite(BucketHistory, func(_, v []byte) any {
		var line Line
		if !decode(v, &line) || line.Seq != r.Seq {
			return nil
		}
		line.Text = mask
		return &line
	})
	p.rewrite(BucketBad, func(k, v []byte) any {
		var b quarantined
		if !bytes.HasPrefix(k, incidentKey(r.Seq)) || !decode(v, &b) {
			return nil
		}
		b.Excerpt, b.Blob, b.Event = mask, "", nil
		return &b
	})
	p.forgetRaw(r.Seq)
	p.s.flushIncidents()
	p.rewrite(BucketIncident, func(_, v []byte) any {
		var inc Incident
		if !decode(v, &inc) || inc.OpenedSeq != r.Seq {
			return nil
		}
		inc.Title = mask
		return &inc
	})
}

// rewrite saves what fn makes of a bucket's records; nil leaves one as it is.
func (p *pass) rewrite(b Bucket, fn func(k, v []byte) any) {
	type change struct {
		key   []byte
		value any
	}
	var changes []change
	p.s.view.Scan(b, nil, nil, func(k, v []byte) bool {
		if now := fn(k, v); now != nil {
			changes = append(changes, change{append([]byte(nil), k...), now})
		}
		return true
	})
	for _, c := range changes {
		p.s.save(b, c.key, c.value)
	}
}
