package orchestrator

import "bytes"

// How long closed incidents and what is known of ended alerts are kept.
// Milliseconds.
const (
	closedKept = 400 * dayMS
	alertKept  = 7 * dayMS
)

// forget drops a closed incident with everything that belongs to it.
func (p *pass) forget(l *loaded) {
	n := l.inc.N
	for _, b := range []Bucket{BucketStep, BucketSignal, BucketHistory} {
		var keys [][]byte
		p.s.view.Scan(b, incidentKey(n), nil, func(k, _ []byte) bool {
			keys = append(keys, append([]byte(nil), k...))
			return true
		})
		for _, k := range keys {
			p.s.view.Delete(b, k)
		}
	}
	p.forgetShadow(n)
	p.s.view.Delete(BucketIncident, incidentKey(n))
	delete(p.s.loaded, n)
}

// forgetOldAlerts drops alerts that ended a week ago: a late copy of such an
// alert is an old event by then and starts nothing.
func (p *pass) forgetOldAlerts() {
	if p.s.meta.FoldVersion < 2 {
		return
	}
	var old [][]byte
	p.s.view.Scan(BucketAlert, nil, nil, func(k, v []byte) bool {
		var a alertState
		if decode(v, &a) && !a.Firing && p.now-a.At > alertKept {
			old = append(old, append([]byte(nil), k...))
		}
		return true
	})
	for _, k := range old {
		p.s.view.Delete(BucketAlert, k)
	}
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
