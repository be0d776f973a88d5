package orchestrator

import (
	"fmt"
	"strconv"
	"strings"
)

// Observe says what a measurement of a watch means, without changing anything. now is in
// Unix milliseconds; false means that the watch is over.
func (f *Fold) Observe(s *State, n uint64, m *Measured, now int64) (Obs, bool) {
	w := s.DeployWatch(n)
	if w == nil || !w.Active() {
		return Obs{}, false
	}
	o := Obs{Watch: n, Count: 1, At: now}
	switch {
	case s.cutOff(now):
		o.Result, o.Text = GateError, "Backout itself is cut off: its control probes fail"
	case w.Spec.Uses == "":
		s.fromSignals(w, &o, now)
	case m.Error != "":
		o.Result, o.Text = GateError, clip(m.Error, 200)
	case m.NoData:
		o.Result, o.Text = GateNoData, clip(m.Text, 200)
	default:
		f.fromData(w, m, &o)
	}
	return o, true
}

// fromData holds what was measured against what must be.
func (f *Fold) fromData(w *DeployWatch, m *Measured, o *Obs) {
	out, _ := plainJSON(m.Data).(map[string]any)
	o.Sample = 1
	if n, ok := out["sample"].(int64); ok {
		o.Sample = n
	}
	if v, ok := out["value"].(int64); ok {
		o.Value = &v
	}
	if o.Sample < w.Spec.MinSample {
		o.Result, o.Text = GateNoData, tooLittle(o.Sample, w.Spec.MinSample)
		return
	}
	if w.Spec.Burn != nil {
		w.Spec.Burn.judge(out, o)
		return
	}
	v, err := f.rules.Eval(w.Spec.Pass, map[string]any{"out": out})
	switch {
	case err != nil:
		o.Result, o.Text = GateError, clip(w.Spec.Pass+": "+err.Error(), 200)
	case v == true:
		o.Result = GatePass
	case v == false:
		o.Result, o.Text = GateFail, clip(or(m.Text, string(m.Data))+", and it must be "+w.Spec.Pass, 200)
	default:
		o.Result, o.Text = GateError, clip(w.Spec.Pass+" is neither true nor false", 200)
	}
}

func tooLittle(saw, least int64) string {
	return "it saw " + strconv.FormatInt(saw, 10) + " of at least " + strconv.FormatInt(least, 10)
}

// judge holds the shares of errors (millionths, by window) against the objective. Where
// one window of a pair has no data, that pair says nothing.
func (b *Burn) judge(out map[string]any, o *Obs) {
	shares, _ := out["windows"].(map[string]any)
	told := false
	for _, w := range b.Windows {
		long, ok1 := shares[strconv.FormatInt(w.Long, 10)].(int64)
		short, ok2 := shares[strconv.FormatInt(w.Short, 10)].(int64)
		if !ok1 || !ok2 {
			continue
		}
		told = true
		slow := min(b.rate(long), b.rate(short))
		if o.Value == nil || slow > *o.Value {
			o.Value = &slow
		}
		if slow >= w.Factor {
			o.Result = GateFail
			o.Text = fmt.Sprintf("the error budget burns %s times as fast as it may over %s and %s times over %s", milli(b.rate(long)), span(w.Long), milli(b.rate(short)), span(w.Short))
			return
		}
	}
	o.Result = GatePass
	if !told {
		o.Result, o.Text = GateNoData, "no window has data in both of its lengths"
	}
}

// rate is how many times as fast as allowed the budget is used up, in thousandths.
func (b *Burn) rate(share int64) int64 {
	budget := max(1, 1_000_000-b.Objective)
	return share * 1000 / budget
}

// milli writes 14400 as 14.4.
func milli(v int64) string {
	text := strconv.FormatInt(v/1000, 10) + "." + fmt.Sprintf("%03d", v%1000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// fromSignals looks at what is known already: does anything fire that began under this
// deployment, and do the environment's own probes pass? What fired before it took over
// says nothing about it, and nor does a probe that says nothing.
func (s *State) fromSignals(w *DeployWatch, o *Obs, now int64) {
	o.Result, o.Sample = GatePass, 1
	worse := func(result, text string) {
		if rank(result) > rank(o.Result) {
			o.Result, o.Text = result, clip(text, 200)
		}
	}
	if s.Env(w.Project, w.Environment).BlindSince > 0 {
		worse(GateError, "what serves cannot be read")
	}
	since := s.servesSince(w)
	for _, sig := range s.firingIn(w.Project, w.Environment) {
		if max(sig.StartsAt, sig.First) < since {
			worse(GateNoData, sig.describe()+" fires since before it took over")
			continue
		}
		worse(GateFail, sig.describe()+" fires")
	}
	if e := s.Config().environment(w.Project, w.Environment); e != nil {
		for i := range e.Probes {
			s.probeOf(w, e.Probes[i].ID, now, worse)
			o.Sample++
		}
	}
}

// probeFresh is how old the newest reading of a probe may be: equal ones are an entry
// only every so often.
const probeFresh = 3 * summaryEvery

func (s *State) probeOf(w *DeployWatch, id string, now int64, worse func(result, text string)) {
	r := Reading{Kind: ReadProbe, ID: id, Project: w.Project, Environment: w.Environment}
	var read Watch
	switch found := s.load(BucketWatch, r.key(), &read); {
	case !found || now-read.At > probeFresh:
		worse(GateNoData, "probe "+id+" says nothing")
	case read.Verdict == ReadFailed && read.Since < s.servesSince(w):
		worse(GateNoData, "probe "+id+" fails since before it took over")
	case read.Verdict == ReadFailed:
		worse(GateFail, "probe "+id+" fails: "+read.Text)
	case read.Verdict != ReadOK:
		worse(GateError, "probe "+id+" cannot see: "+read.Text)
	}
}

// rank orders results by how much they say against a pass.
func rank(result string) int {
	switch result {
	case GatePass:
		return 0
	case GateNoData:
		return 1
	case GateError:
		return 2
	}
	return 3
}

// firingIn lists what fires in the open incident of an environment, without what watches
// tell themselves.
func (s *State) firingIn(project, env string) []Signal {
	l := s.incidentOf(project, env)
	if l == nil || !l.inc.State.Open() || l.inc.Firing == 0 {
		return nil
	}
	var out []Signal
	for _, sig := range s.Signals(l.inc.N, maxSignals) {
		here := sig.Project == "" && l.inc.Project == project && l.inc.Environment == env || sig.Project == project && sig.Environment == env
		if sig.Firing && here && sig.Source != "watch" {
			out = append(out, sig)
		}
	}
	return out
}

// obsWorth reports whether a reading is worth an entry: one that changes nothing is only
// every ten minutes, together with those before it.
func (s *State) obsWorth(o *Obs, now int64) bool {
	w := s.DeployWatch(o.Watch)
	switch {
	case w == nil || !w.Active():
		return false
	case o.Result != w.Result, w.Row < w.Spec.Consecutive, w.State == WatchRunning && now >= w.Until:
		return true
	}
	return now-w.At >= foldedEvery
}
