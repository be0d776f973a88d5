package orchestrator

import (
	"maps"
	"slices"
)

// Bounds of what the ledger keeps of one deployment.
const (
	maxDomainSpans = 40
	maxMigrations  = 50
)

// foldDeployments brings the ledger up to what the provider lists.
func (p *pass) foldDeployments(ds *Deployments) {
	for i, d := range ds.List {
		p.ledgerAdd(ds.Project, ds.Environment, Deployment{ID: d.ID, URL: d.URL, Commit: d.Commit, At: d.CreatedAt, Ready: d.Ready, Listed: p.v2()})
		have, key := p.ledgerFind(ds.Project, ds.Environment, d.ID)
		if have == nil {
			continue
		}
		have.Candidate, have.Ready = d.Candidate, d.Ready
		if len(have.Served) == 0 && d.AliasedAt > 0 {
			have.Served = []Span{{From: d.AliasedAt, To: nextAliased(ds.List[:i])}}
		}
		p.s.save(BucketDeploy, key, have)
	}
	if p.v2() {
		p.notListed(ds)
		p.foldSettings(ds)
	}
}

// nextAliased is when the deployment after this one took over at the earliest, 0
// if none did. A rollback moves the provider's time of taking over, so the time
// the next one was made is counted: too short a service asks a person, too long
// a one would not.
func nextAliased(newer []DeploymentAt) int64 {
	for _, d := range slices.Backward(newer) {
		if d.AliasedAt > 0 {
			return min(d.AliasedAt, max(d.CreatedAt, 1))
		}
	}
	return 0
}

// missing reports whether a list that reaches back to this deployment lacks it: then
// the provider has deleted it. Only what the provider ever listed can be missing.
func (ds *Deployments) missing(d *Deployment) bool {
	if len(ds.List) == 0 || !d.Listed {
		return false
	}
	if ds.More && d.At < ds.List[len(ds.List)-1].CreatedAt {
		return false
	}
	return !slices.ContainsFunc(ds.List, func(x DeploymentAt) bool { return x.ID == d.ID })
}

func (p *pass) notListed(ds *Deployments) {
	for _, r := range p.s.ledger(ds.Project, ds.Environment) {
		listed := slices.ContainsFunc(ds.List, func(x DeploymentAt) bool { return x.ID == r.d.ID })
		gone := ds.missing(r.d)
		if (listed && (!r.d.Listed || r.d.Gone)) || gone && !r.d.Gone {
			r.d.Listed, r.d.Gone = r.d.Listed || listed, gone
			p.s.save(BucketDeploy, r.key, r.d)
		}
	}
}

// deploysWorth reports whether a list says anything that is not known.
func (s *State) deploysWorth(ds *Deployments) bool {
	rows := s.ledger(ds.Project, ds.Environment)
	for i := range ds.List {
		x := &ds.List[i]
		j := slices.IndexFunc(rows, func(r ledgerRow) bool { return r.d.ID == x.ID })
		if j < 0 {
			return true
		}
		d := rows[j].d
		if d.URL != x.URL && x.URL != "" || d.Commit != x.Commit && x.Commit != "" || d.Ready != x.Ready || d.Candidate != x.Candidate ||
			!d.Listed || d.Gone || len(d.Served) == 0 && x.AliasedAt > 0 {
			return true
		}
	}
	for _, r := range rows {
		if !r.d.Gone && ds.missing(r.d) {
			return true
		}
	}
	set := s.Settings(ds.Project, ds.Environment)
	return or(ds.Plan, set.Plan) != set.Plan || ds.RetentionDays != set.RetentionDays || len(ds.Variables) > 0 && !slices.Equal(ds.Variables, set.Variables) ||
		ds.Crons != nil && (set.Crons == nil || set.Crons.Deployment != ds.Crons.Deployment || !slices.Equal(set.Crons.List, ds.Crons.List))
}

// domainsMoved keeps per domain which deployment served it from when to when.
func (p *pass) domainsMoved(o, before *Observed) {
	if before != nil && maps.Equal(before.Serving.Domains, o.Serving.Domains) {
		return
	}
	for _, r := range p.s.ledger(o.Project, o.Environment) {
		changed := false
		for _, host := range sortedKeys(o.Serving.Domains) {
			id := o.Serving.Domains[host]
			if before != nil && before.Serving.Domains[host] == id {
				continue
			}
			changed = r.d.servesDomain(host, id == r.d.ID, o.At) || changed
		}
		if changed {
			p.s.save(BucketDeploy, r.key, r.d)
		}
	}
}

// servesDomain opens or ends the time a domain is served; it reports a change.
func (d *Deployment) servesDomain(host string, serves bool, at int64) bool {
	i := slices.IndexFunc(d.Domains, func(s DomainSpan) bool { return s.Host == host && s.To == 0 })
	switch {
	case serves && i < 0:
		from := at
		if n := len(d.Served); n > 0 && d.Served[n-1].To == 0 && !slices.ContainsFunc(d.Domains, func(s DomainSpan) bool { return s.Host == host }) {
			from = min(at, d.Served[n-1].From) // it served before anybody looked
		}
		d.Domains = append(d.Domains, DomainSpan{Host: host, Span: Span{From: from}})
		d.Domains = d.Domains[max(0, len(d.Domains)-maxDomainSpans):]
		return true
	case !serves && i >= 0:
		d.Domains[i].To = max(at, d.Domains[i].From)
		return true
	}
	return false
}
