package orchestrator

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// ledgerRow is a deployment of the ledger and its key.
type ledgerRow struct {
	key []byte
	d   *Deployment
}

// ledger is the ledger of an environment, oldest first, decoded once: every look-up
// is bounded by maxLedger and reads nothing from the view.
func (s *State) ledger(project, env string) []ledgerRow {
	k := string(joinKey(project, env))
	if rows, ok := s.ledgers[k]; ok {
		return rows
	}
	rows := []ledgerRow{}
	s.view.Scan(BucketDeploy, deployPrefix(project, env), nil, func(key, v []byte) bool {
		d := &Deployment{}
		if decode(v, d) {
			rows = append(rows, ledgerRow{key: append([]byte(nil), key...), d: d})
		}
		return true
	})
	if s.ledgers == nil {
		s.ledgers = map[string][]ledgerRow{}
	}
	s.ledgers[k] = rows
	return rows
}

// ledgerAdd adds a deployment, or fills in what was not known of it.
func (p *pass) ledgerAdd(project, env string, d Deployment) {
	if d.ID == "" {
		return
	}
	p.s.touch(project, env)
	old, key := p.ledgerFind(project, env, d.ID)
	if old == nil {
		p.ledgerInsert(project, env, &d)
		return
	}
	if d.URL != "" {
		old.URL = d.URL
	}
	if d.Commit != "" {
		old.Commit = d.Commit
	}
	if d.Release != "" {
		old.Release = d.Release
	}
	old.Ready = old.Ready || d.Ready
	p.s.save(BucketDeploy, key, old)
}

// ledgerInsert adds a row and lets the oldest go that is one too many.
func (p *pass) ledgerInsert(project, env string, d *Deployment) {
	rows := p.s.ledger(project, env)
	row := ledgerRow{key: deployKey(project, env, d.At, d.ID), d: d}
	i, _ := slices.BinarySearchFunc(rows, row.key, func(r ledgerRow, key []byte) int { return bytes.Compare(r.key, key) })
	rows = slices.Insert(rows, i, row)
	p.s.save(BucketDeploy, row.key, d)
	if p.v2() && len(rows) > maxLedger {
		i := tooMany(rows, p.s.Env(project, env).Promoted)
		p.s.view.Delete(BucketDeploy, rows[i].key)
		rows = slices.Delete(rows, i, i+1)
	}
	p.s.ledgers[string(joinKey(project, env))] = rows
}

// maxTold bounds how many deployments stand in the ledger by hearsay alone, so that no
// sender of events can push those out that one could go back to.
const maxTold = 50

// tooMany is the row that goes: the oldest that the provider never listed when there are
// many of those, otherwise the oldest; never what serves.
func tooMany(rows []ledgerRow, serves string) int {
	first, told := -1, 0
	for i, r := range rows {
		if r.d.Listed || r.d.ID == serves {
			continue
		}
		if told++; first < 0 {
			first = i
		}
	}
	if told > maxTold {
		return first
	}
	return slices.IndexFunc(rows, func(r ledgerRow) bool { return r.d.ID != serves })
}

// ledgerTold takes in what an event says of a deployment. What the provider has listed
// is known from there: its address is called, with a secret, and its commit decides what
// a rollback brings back.
func (p *pass) ledgerTold(project, env string, d Deployment) {
	if old, _ := p.ledgerFind(project, env, d.ID); p.v2() && old != nil && old.Listed {
		d.URL, d.Commit = "", ""
	}
	p.ledgerAdd(project, env, d)
}

func (p *pass) ledgerFind(project, env, id string) (*Deployment, []byte) {
	if id == "" {
		return nil, nil
	}
	for _, r := range p.s.ledger(project, env) {
		if r.d.ID == id {
			return r.d, r.key
		}
	}
	return nil, nil
}

// Deployments lists the ledger of an environment, newest first.
func (s *State) Deployments(project, env string) []Deployment {
	rows := s.ledger(project, env)
	out := make([]Deployment, 0, len(rows))
	for _, r := range rows {
		out = append(out, *r.d)
	}
	slices.SortStableFunc(out, func(a, b Deployment) int { return cmp.Compare(b.At, a.At) })
	return out[:min(len(out), maxLedger)]
}

// newestFirst is the ledger without copies; the caller changes nothing.
func (s *State) newestFirst(project, env string) []*Deployment {
	rows := s.ledger(project, env)
	out := make([]*Deployment, len(rows))
	for i, r := range rows {
		out[len(rows)-1-i] = r.d
	}
	return out
}

// sortedKeys are the keys of a map in the order everybody gets.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
