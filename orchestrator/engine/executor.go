package engine

import (
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// startWindow is how long after an intent was published its call may start.
const startWindow = orchestrator.StartWindow * time.Millisecond

// TaskKind says what a worker does.
type TaskKind string

// The kinds of tasks. Only TaskDo may change anything outside.
const (
	TaskObserve TaskKind = "observe"
	TaskDo      TaskKind = "do"
	TaskPreview TaskKind = "preview"
	TaskMeasure TaskKind = "measure"
	TaskVerify  TaskKind = "verify"
)

// Task is one call for a worker. The answer goes to Done.
type Task struct {
	Kind    TaskKind
	Action  string
	Call    orchestrator.Call
	Token   string
	Timeout time.Duration
	shard   *shard
	key     string
	job     *job
	ref     orchestrator.StepRef
	// watch is the number of the watch that a TaskMeasure is for, 0 for a gate's.
	watch uint64
}

// job is a step on its way from ready to called.
type job struct {
	orchestrator.Job
	key     string
	attempt string
	// published is when the intent was first handed out for appending.
	published time.Time
}

// readyJobs takes work for free workers, oldest and most urgent first.
func (c *Core) readyJobs(s *shard, w *Work) {
	free := c.opt.Workers - len(s.busy)
	if free <= 0 {
		return
	}
	var picks []*job
	full := orchestrator.StepRef{} // the step whose chunks are as many as may be at work
	c.state.Ready(s.p, func(key []byte, ref orchestrator.StepRef) bool {
		step := ref
		step.Chunk = 0
		if _, busy := s.busy[string(key)]; busy || ref.Chunk > 0 && step == full {
			return true
		}
		j, ok := c.state.Job(ref)
		switch {
		case !ok:
		case j.Most > 0 && s.doing(j.Action) >= j.Most:
			full = step
		default:
			s.busy[string(key)] = ""
			if j.Work == orchestrator.WorkDo {
				s.busy[string(key)] = j.Action
			}
			picks = append(picks, &job{Job: j, key: string(key)})
		}
		return len(picks) < free
	})
	for _, j := range picks {
		c.take(s, j, w)
	}
}

// doing is how many calls of an action are being made or asked for.
func (s *shard) doing(action string) (n int) {
	for _, a := range s.busy {
		if a == action {
			n++
		}
	}
	return n
}

// take starts a job: reads run at once, an effect asks for its intent first, and
// looks at what serves before that when it changes it.
func (c *Core) take(s *shard, j *job, w *Work) {
	t := Task{Action: j.Action, Call: j.Call, Token: j.Token, Timeout: time.Duration(j.Timeout) * time.Millisecond, shard: s, key: j.key, job: j, ref: j.StepRef}
	switch j.Work {
	case orchestrator.WorkPreview:
		t.Kind = TaskPreview
	case orchestrator.WorkMeasure:
		t.Kind = TaskMeasure
	case orchestrator.WorkVerify:
		t.Kind = TaskVerify
	case orchestrator.WorkDo:
		if !j.Observe {
			c.intend(s, j)
			return
		}
		t.Kind = TaskObserve
	}
	w.Tasks = append(w.Tasks, t)
}

// intend queues the request for one attempt.
func (c *Core) intend(s *shard, j *job) {
	c.attempts++
	j.attempt = fmt.Sprintf("%s/a%d", c.opt.Boot, c.attempts)
	s.jobs[j.attempt] = j
	s.act.queue(item{
		rec: orchestrator.Record{Intent: &orchestrator.Intent{StepRef: j.StepRef, Attempt: j.attempt, Try: j.Try}},
		key: j.key, job: j,
	})
}

// decided acts on what the fold decided about an intent of this start: an
// accepted one is called if it is not too late, a refused one is not called.
func (c *Core) decided(now time.Time, d *orchestrator.Decision) {
	for _, s := range c.shards {
		j := s.jobs[d.Intent.Attempt]
		if j == nil {
			continue
		}
		delete(s.jobs, j.attempt)
		if !d.Accepted {
			delete(s.busy, j.key)
			return
		}
		if late(now, j.published) {
			c.report(s, j.key, orchestrator.Record{Result: &orchestrator.Result{
				StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultNotStarted,
				Text: "the permission came too late to be used",
			}})
			return
		}
		s.calls = append(s.calls, Task{
			Kind: TaskDo, Action: d.Action, Call: d.Call, Timeout: time.Duration(d.Timeout) * time.Millisecond,
			shard: s, key: j.key, job: j, ref: d.Intent.StepRef,
		})
		return
	}
}

// late compares both clocks: the monotonic one stands still while the machine
// is suspended, the wall clock may jump.
func late(now, published time.Time) bool {
	wall := now.Round(0).Sub(published.Round(0))
	return now.Sub(published) >= startWindow || wall >= startWindow || wall < -startWindow
}

// report queues a fact about a step; its worker is free when the fold has it.
func (c *Core) report(s *shard, key string, rec orchestrator.Record) {
	s.act.queue(item{rec: rec, fact: true, key: key})
}

// Observed answers a TaskObserve: the look is appended together with the intent
// it is for. After a look that failed the fold refuses the intent as blind, so
// the step waits before the next one.
func (c *Core) Observed(t Task, o orchestrator.Observed) {
	t.shard.act.queue(item{rec: orchestrator.Record{Observed: &o}, fact: true})
	if t.shard.epoch == 0 || c.stopping {
		delete(t.shard.busy, t.key)
		return
	}
	c.intend(t.shard, t.job)
}

// Reported answers every other task with its record.
func (c *Core) Reported(t Task, rec orchestrator.Record) {
	if t.watch > 0 {
		c.watchMeasured(t, rec)
		return
	}
	c.report(t.shard, t.key, rec)
}

// Result is the record that answers a TaskDo.
func (t Task) Result(r orchestrator.Result) orchestrator.Record {
	r.StepRef, r.Attempt = t.ref, t.job.attempt
	return orchestrator.Record{Result: &r}
}

// Verified is the record that answers a TaskVerify.
func (t Task) Verified(o orchestrator.Outcome) orchestrator.Record {
	return orchestrator.Record{Verified: &orchestrator.Verified{
		StepRef: t.ref, Attempt: t.Call.Attempt, Kind: o.Kind, Text: o.Text, Data: o.Data, CheckAfter: o.CheckAfter, Never: o.Never,
	}}
}

// Previewed is the record that answers a TaskPreview.
func (t Task) Previewed(p orchestrator.Previewed) orchestrator.Record {
	p.StepRef = t.ref
	return orchestrator.Record{Preview: &p}
}

// Measured is the record that answers a TaskMeasure.
func (t Task) Measured(m orchestrator.Measured) orchestrator.Record {
	m.StepRef = t.ref
	return orchestrator.Record{Measure: &m}
}
