package orchestrator

import (
	"strconv"
)

// The results of a reading, of a gate and of a watch that is over. They never stand for
// one another: fail is something seen that is bad, no data is a measure that works and
// has nothing to say, error is a measure that does not work.
const (
	GatePass   = "pass"
	GateFail   = "fail"
	GateNoData = "no data"
	GateError  = "error"
)

// What else a watch can be: it goes on, a newer promotion took its place, or what it
// watched was rolled back.
const (
	WatchRunning    = "watching"
	WatchSuperseded = "superseded"
	WatchAbandoned  = "abandoned"
)

// Obs is a reading of a watch: Count equal ones of which the last was taken at At, in
// Unix milliseconds. Value is what was measured, an integer in the unit of the measure,
// thousandths where that has fractions; Sample is how much the last one saw.
type Obs struct {
	Watch  uint64 `json:"w"`
	Result string `json:"v"`
	Text   string `json:"text,omitempty"`
	Value  *int64 `json:"n,omitempty"`
	Sample int64  `json:"s,omitempty"`
	Count  int    `json:"c,omitempty"`
	At     int64  `json:"at"`
}

// DeployWatch is a watch of one promotion. What it looks for is pinned when it starts, so
// that a change of the configuration counts from the next promotion.
type DeployWatch struct {
	N           uint64         `json:"n"`
	Project     string         `json:"project"`
	Environment string         `json:"environment"`
	Deployment  string         `json:"deployment"`
	Commit      string         `json:"commit,omitempty"`
	Release     string         `json:"release,omitempty"`
	Spec        PromotionWatch `json:"spec"`
	// State is watching, pass, fail, no data, error, superseded or abandoned; Why says
	// what led to it.
	State   string `json:"state"`
	Why     string `json:"why,omitempty"`
	Started int64  `json:"started"`
	Until   int64  `json:"until"`
	Ended   int64  `json:"ended,omitempty"`
	// Result, Text and Value are those of the newest reading, taken at At; Row is how
	// many in a row had that result.
	Result string `json:"result,omitempty"`
	Text   string `json:"text,omitempty"`
	Value  *int64 `json:"value,omitempty"`
	At     int64  `json:"at,omitempty"`
	Row    int    `json:"row,omitempty"`
	// How many readings had each result, and how much the newest saw.
	Passes int   `json:"passes"`
	Fails  int   `json:"fails"`
	NoData int   `json:"no_data"`
	Errors int   `json:"errors"`
	Sample int64 `json:"sample"`
	// Firing is set while its signal fires, which began at Began.
	Firing bool  `json:"firing,omitempty"`
	Began  int64 `json:"began,omitempty"`
}

// Active reports whether it is still measured: until it is over, and after it failed
// until what it saw is gone.
func (w *DeployWatch) Active() bool { return w.State == WatchRunning || w.Firing }

// watchesKept is how long one that is over is listed.
const watchesKept = 30 * dayMS

// watchPromotion ends the watches of what served before and starts those of what serves
// now. A deployment that was gone back to is not watched: it has its grade.
func (p *pass) watchPromotion(project, env string, pr promotion) {
	if !p.v2() {
		return
	}
	state, why := WatchSuperseded, pr.id+" was promoted at "+clock(pr.at)
	if pr.rollback {
		state, why = WatchAbandoned, "it was gone back to "+pr.id+" at "+clock(pr.at)
	}
	for _, w := range p.s.DeployWatches(project, env) {
		switch {
		case w.State == WatchRunning:
			p.endWatch(&w, state, why)
			p.s.saveWatch(&w)
		case !w.Active() && p.now-w.Ended > watchesKept:
			p.s.view.Delete(BucketDeployWatch, incidentKey(w.N))
		}
	}
	if pr.rollback {
		return
	}
	p.tellSoon(project, env)
	for _, spec := range p.s.Config().watchesOf(project, env) {
		p.s.meta.NextWatch++
		p.s.saveWatch(&DeployWatch{
			N: p.s.meta.NextWatch, Project: project, Environment: env, Deployment: pr.id, Commit: pr.commit, Release: pr.release,
			Spec: spec, State: WatchRunning, Started: p.now, Until: p.now + spec.For,
		})
	}
}

// foldObs counts a reading. Only the owner of the environment measures it: one that lost
// the work meanwhile would count the same time twice.
func (p *pass) foldObs(o *Obs) {
	if !p.v2() {
		p.unknownKind()
		return
	}
	w := p.s.DeployWatch(o.Watch)
	if w == nil || !w.Active() || !p.fenced || p.part != Partition(w.Project, w.Environment, p.s.meta.Partitions) {
		return
	}
	w.count(o, p.now)
	enough := w.Row >= w.Spec.Consecutive
	switch {
	case w.Firing && w.Result == GatePass && enough:
		p.watchSignal(w, AlertResolved)
	case w.Firing && p.now >= max(w.Until, w.Ended)+dayMS:
		w.Text = "it is not watched any more"
		p.watchSignal(w, AlertResolved)
	case w.State == WatchRunning && w.Result == GateFail && enough:
		p.watchFailed(w, strconv.Itoa(w.Row)+" in a row failed: "+w.Text)
	case w.State == WatchRunning && p.now >= w.Until:
		p.concludeWatch(w, enough)
	}
	p.s.saveWatch(w)
}

func (w *DeployWatch) count(o *Obs, now int64) {
	n := max(1, o.Count)
	if w.Result != o.Result {
		w.Row = 0
	}
	w.Result, w.Text, w.Value, w.Sample, w.At = o.Result, clip(o.Text, 300), o.Value, o.Sample, now
	w.Row += n
	switch o.Result {
	case GatePass:
		w.Passes += n
	case GateFail:
		w.Fails += n
	case GateNoData:
		w.NoData += n
	default:
		w.Result = GateError
		w.Errors += n
	}
}

// concludeWatch ends a watch whose time is over. What did not pass in a row at the end,
// or was not seen well more often than not, has not passed; a little more time is given
// to a row that has only begun.
func (p *pass) concludeWatch(w *DeployWatch, enough bool) {
	all := w.Passes + w.Fails + w.NoData + w.Errors
	switch {
	case w.Result == GatePass && enough && 2*w.Passes > all:
		p.endWatch(w, GatePass, "passed "+strconv.Itoa(w.Passes)+" of "+strconv.Itoa(all)+" readings, the last "+strconv.Itoa(w.Row)+" in a row")
		p.prove(w)
	case p.now < w.Until+3*int64(w.Spec.Consecutive)*w.Spec.Every:
	case w.Fails >= w.NoData && w.Fails >= w.Errors && w.Fails > 0:
		p.watchFailed(w, "it never passed "+strconv.Itoa(w.Spec.Consecutive)+" times in a row at the end; "+strconv.Itoa(w.Fails)+" of "+strconv.Itoa(all)+" readings failed: "+w.Text)
	case w.NoData >= w.Errors:
		p.endWatch(w, GateNoData, strconv.Itoa(w.NoData)+" of "+strconv.Itoa(all)+" readings had no data; last: "+w.Text)
	default:
		p.endWatch(w, GateError, strconv.Itoa(w.Errors)+" of "+strconv.Itoa(all)+" readings could not be taken; last: "+w.Text)
	}
}

func (p *pass) endWatch(w *DeployWatch, state, why string) {
	w.State, w.Why, w.Ended = state, clip(why, 400), p.now
}

// watchFailed ends a watch badly and says so as a signal. The watch of signals and probes
// says nothing: what fires has told of itself.
func (p *pass) watchFailed(w *DeployWatch, why string) {
	p.endWatch(w, GateFail, why)
	if d, key := p.ledgerFind(w.Project, w.Environment, w.Deployment); d != nil && d.Proven {
		d.Proven = false
		p.s.save(BucketDeploy, key, d)
	}
	if w.Spec.Uses == "" {
		return
	}
	w.Began = p.now
	p.watchSignal(w, AlertFiring)
}

// watchSignal tells of a watch by the road of an event from outside. The release it
// names is the deployment that was watched.
func (p *pass) watchSignal(w *DeployWatch, typ string) {
	w.Firing = typ == AlertFiring
	name := "watch " + w.Spec.ID
	ev := &Event{
		Origin: "watch/" + w.Spec.ID, Type: typ, Source: "watch", Time: p.now, StartsAt: w.Began,
		ID:      name + "/" + strconv.FormatUint(w.N, 10) + "/" + typ,
		Project: w.Project, Environment: w.Environment, Fingerprint: "watch/" + w.Spec.ID + "/" + w.Deployment,
		Name: name, Severity: w.Spec.Severity, Summary: clip(w.Text, 200), Release: w.Deployment,
	}
	covers(ev, w.Spec.Components)
	if w.Value != nil {
		ev.Value = strconv.FormatInt(*w.Value, 10)
	}
	p.s.meta.Events++
	p.takeEvent(ev)
}

// prove grades a deployment when every watch that is no longer than known_good has
// passed.
func (p *pass) prove(w *DeployWatch) {
	e := p.s.Config().environment(w.Project, w.Environment)
	if e == nil {
		return
	}
	for _, other := range p.s.DeployWatches(w.Project, w.Environment) {
		if other.Deployment != w.Deployment || other.N == w.N || other.Started != w.Started {
			continue
		}
		if other.State == GateFail || other.Spec.For <= e.knownGood() && other.State != GatePass {
			return
		}
	}
	if d, key := p.ledgerFind(w.Project, w.Environment, w.Deployment); d != nil && w.Spec.For <= e.knownGood() && d.Bad == "" {
		d.Proven = true
		p.s.save(BucketDeploy, key, d)
	}
}
