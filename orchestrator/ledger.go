package orchestrator

// maxLedger bounds how many deployments of an environment are looked through.
const maxLedger = 200

// hintFor is how long a promotion that was only told counts against a provider
// that does not show it yet. Milliseconds.
const hintFor = 60_000

// promotion is a deployment that took over an environment.
type promotion struct {
	id, commit, url string
	release         string
	at              int64
	rollback        bool
	// hint is set when it was told and not read from the provider.
	hint bool
}

// promoted notes that a deployment took over: the one before stops serving.
func (p *pass) promoted(project, env string, pr promotion) {
	e := p.s.Env(project, env)
	if e.Promoted == pr.id || pr.at < e.PromotedAt {
		return
	}
	if old, key := p.ledgerFind(project, env, e.Promoted); old != nil {
		endServing(old, pr.at)
		p.s.save(BucketDeploy, key, old)
	}
	p.wentBack(project, env, e.Promoted, pr)
	add := p.ledgerAdd
	if pr.hint {
		add = p.ledgerTold
	}
	add(project, env, Deployment{ID: pr.id, URL: pr.url, Commit: pr.commit, Release: pr.release, At: pr.at, Ready: true})
	d, key := p.ledgerFind(project, env, pr.id)
	if d != nil {
		if n := len(d.Served); n > 0 && d.Served[n-1].To == 0 {
			pr.at = d.Served[n-1].From // the provider told before that it serves, and since when
		} else {
			d.Served = append(d.Served, Span{From: pr.at})
		}
		p.s.save(BucketDeploy, key, d)
		pr.commit, pr.release = d.Commit, d.Release
	}
	e.Promoted, e.PromotedAt, e.Commit, e.RolledBack, e.Hinted = pr.id, pr.at, pr.commit, pr.rollback, pr.hint
	e.Release = pr.release
	p.s.saveEnv(project, env, e)
	if !pr.hint {
		p.adopt(project, env, pr.id)
		if l := p.openIncident(project, env); l != nil && l.inc.Project == project && l.inc.Environment == env {
			p.servesAnother(l, pr.at)
		}
	}
	if p.v2() && !pr.rollback {
		p.whileOpen(project, env, "deployment "+pr.id+" took over")
		p.overHold(project, env, pr.id)
		p.superseded(project, env, pr.id)
	}
	p.watchPromotion(project, env, pr)
}

// notYet reports whether the provider may only be late: a promotion was told a moment
// ago, and what it shows was not made after that deployment.
func (p *pass) notYet(o *Observed, e *EnvState, shown *Deployment) bool {
	if !e.Hinted || o.At-e.PromotedAt >= hintFor {
		return false
	}
	told, _ := p.ledgerFind(o.Project, o.Environment, e.Promoted)
	newer := p.v2() && shown != nil && told != nil && shown.At > told.At
	return !newer
}

func endServing(d *Deployment, at int64) {
	if n := len(d.Served); n > 0 && d.Served[n-1].To == 0 {
		d.Served[n-1].To = max(at, d.Served[n-1].From)
	}
}

// foldObserved notes what the provider says serves. A change nobody here asked
// for is adopted: it becomes the newest promotion and is never countered.
func (p *pass) foldObserved(o *Observed) {
	e := p.s.Env(o.Project, o.Environment)
	if o.Error != "" {
		if e.BlindSince == 0 {
			e.BlindSince = p.now
		}
		p.s.saveEnv(o.Project, o.Environment, e)
		return
	}
	e.BlindSince = 0
	before := e.Serving
	e.Serving, e.SeenSeq = o, p.seq
	id := o.Serving.Deployment
	confirmed := id == e.Promoted && e.Hinted
	if id == e.Promoted {
		e.Hinted = false
	}
	p.s.saveEnv(o.Project, o.Environment, e)
	if confirmed {
		p.adopt(o.Project, o.Environment, id)
	}
	canary := o.Serving.Rolling != nil && o.Serving.Rolling.Canary == e.Promoted
	if id != "" && id != e.Promoted && !mixed(o.Serving) && !canary {
		d, _ := p.ledgerFind(o.Project, o.Environment, id)
		if p.notYet(o, e, d) {
			return
		}
		back := d != nil && len(d.Served) > 0 && d.Served[len(d.Served)-1].To != 0
		p.promoted(o.Project, o.Environment, promotion{id: id, at: max(o.At, e.PromotedAt), rollback: back})
	}
	if p.v2() {
		p.domainsMoved(o, before)
	}
}
