package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// append hands a message to the log and brings the answer back.
func (e *Engine) append(a Append) {
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, appendWait)
		defer cancel()
		seq, err := e.appendTo(ctx, a.Msg)
		e.input(func() {
			if err == nil && seq > 0 {
				e.offer(orchestrator.Entry{Seq: seq, Subject: a.Msg.Subject, Data: a.Msg.Data})
			}
			e.core.Appended(e.clock.now(), a, err)
		})
	})
}

// input hands fn to the loop goroutine; it is dropped when the loop has ended.
func (e *Engine) input(fn func()) {
	select {
	case e.inputs <- fn:
	case <-e.done:
	}
}

// inputWithin is input for a caller who waits no longer than ctx. It says whether the loop
// was handed fn.
func (e *Engine) inputWithin(ctx context.Context, fn func()) bool {
	select {
	case e.inputs <- fn:
		return true
	case <-ctx.Done():
	case <-e.done:
	}
	return false
}

// start runs a task in a goroutine of its own. Core bounds how many there are.
func (e *Engine) start(t Task) {
	e.tasks.Go(func() {
		started := time.Now()
		ctx, cancel := context.WithTimeout(e.ctx, max(t.Timeout, time.Second))
		defer cancel()
		rec, outcome := e.within(ctx, t)
		if e.opt.Metrics != nil {
			e.opt.Metrics.Called(t.Action, t.Kind, outcome, time.Since(started))
		}
		e.timed(&rec)
		e.input(func() {
			e.notePage(t, rec)
			if rec.Observed != nil {
				e.core.Observed(t, *rec.Observed)
				return
			}
			e.core.Reported(t, rec)
		})
	})
}

// notePage remembers whether people can be reached.
func (e *Engine) notePage(t Task, rec orchestrator.Record) {
	if t.Action != orchestrator.PageAction || rec.Result == nil {
		return
	}
	e.pageErr = ""
	if rec.Result.Kind != orchestrator.ResultDone {
		e.pageErr = rec.Result.Text
	}
}

// timed puts an observation on the time of the log, which differs from the wall
// clock after a jump.
func (e *Engine) timed(rec *orchestrator.Record) {
	if o := rec.Observed; o != nil {
		o.At = e.clock.core(time.UnixMilli(o.At)).UnixMilli()
	}
	if r := rec.Reading; r != nil {
		r.At = e.clock.core(time.UnixMilli(r.At)).UnixMilli()
	}
	if u := rec.Upstream; u != nil {
		u.At = e.clock.core(time.UnixMilli(u.At)).UnixMilli()
	}
}

// hungWait is how long after its deadline a handler may still answer.
const hungWait = 5 * time.Second

// within makes the call and answers for a handler that does not: its step must not
// be under way for ever. The goroutine that hangs belongs to nobody any more; what
// it brings is not heard.
func (e *Engine) within(ctx context.Context, t Task) (rec orchestrator.Record, outcome string) {
	type answer struct {
		rec     orchestrator.Record
		outcome string
	}
	answered := make(chan answer, 1)
	go func() {
		rec, outcome := e.perform(ctx, t)
		plainTexts(&rec)
		answered <- answer{rec, outcome}
	}()
	select {
	case a := <-answered:
		return a.rec, a.outcome
	case <-ctx.Done():
	}
	grace := time.NewTimer(hungWait)
	defer grace.Stop()
	select {
	case a := <-answered:
		return a.rec, a.outcome
	case <-grace.C:
	}
	e.opt.Logger.ErrorContext(ctx, "an action did not come back in time", "action", t.Action)
	return broken(t, "the handler of this action did not come back in time"), "hung"
}

// perform makes the call. A panic in a handler is an outcome nobody knows.
func (e *Engine) perform(ctx context.Context, t Task) (rec orchestrator.Record, outcome string) {
	defer func() {
		if r := recover(); r != nil {
			e.opt.Logger.ErrorContext(ctx, "an action panicked", "action", t.Action, "panic", fmt.Sprint(r))
			rec, outcome = broken(t, "the handler of this action broke while it ran; see the log"), "panic"
		}
	}()
	action, ok := e.opt.Actions[t.Action]
	if !ok {
		return missing(t), "missing"
	}
	switch t.Kind {
	case TaskObserve:
		return observe(ctx, action, t)
	case TaskPreview:
		return preview(ctx, action, t)
	case TaskMeasure:
		return measure(ctx, action, t)
	case TaskVerify:
		return verify(ctx, action, t)
	case TaskDo:
		return do(ctx, action, t)
	}
	return missing(t), "missing"
}

// broken is the answer for a handler that gave none.
func broken(t Task, text string) orchestrator.Record {
	if t.Kind == TaskDo {
		return t.Result(orchestrator.Result{Kind: orchestrator.ResultInDoubt, Text: text})
	}
	return unseen(t, text)
}

func missing(t Task) orchestrator.Record {
	text := "no handler is configured for " + t.Action + "; add its provider to the configuration"
	if t.Kind == TaskDo {
		return t.Result(orchestrator.Result{Kind: orchestrator.ResultFailed, Text: text})
	}
	return unseen(t, text)
}

// unseen is the answer of a read that could not see.
func unseen(t Task, text string) orchestrator.Record {
	switch t.Kind {
	case TaskObserve:
		return orchestrator.Record{Observed: &orchestrator.Observed{Project: t.Call.Project, Environment: t.Call.Environment, At: time.Now().UnixMilli(), Error: text}}
	case TaskPreview:
		return t.Previewed(orchestrator.Previewed{Error: text})
	case TaskMeasure:
		return t.Measured(orchestrator.Measured{Error: text})
	case TaskVerify, TaskDo:
	}
	return t.Verified(orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: text})
}

func observe(ctx context.Context, a orchestrator.Action, t Task) (orchestrator.Record, string) {
	o, ok := a.(orchestrator.Observer)
	if !ok {
		return unseen(t, t.Action+" cannot look at what serves"), "missing"
	}
	at := time.Now().UnixMilli()
	serving, err := o.Observe(ctx, t.Call)
	if err != nil {
		return unseen(t, err.Error()), "error"
	}
	return orchestrator.Record{Observed: &orchestrator.Observed{Project: t.Call.Project, Environment: t.Call.Environment, At: at, Serving: serving}}, "ok"
}

func preview(ctx context.Context, a orchestrator.Action, t Task) (orchestrator.Record, string) {
	p, err := a.Plan(ctx, t.Call)
	if err != nil {
		return t.Previewed(orchestrator.Previewed{Error: err.Error(), Gone: orchestrator.IsPermanent(err)}), "error"
	}
	return t.Previewed(orchestrator.Previewed{
		Hash: previewHash(t.Call, p), Text: p.Text, Manual: p.Manual, Data: p.Data, Chunks: p.Chunks,
	}), "ok"
}

// previewHash binds an approval to what was shown and to the inputs.
func previewHash(c orchestrator.Call, p orchestrator.Preview) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%d", c.Key, c.Inputs, p.Text, p.Data, p.Chunks)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func measure(ctx context.Context, a orchestrator.Action, t Task) (orchestrator.Record, string) {
	out, err := a.Do(ctx, t.Call)
	switch {
	case err != nil:
		return t.Measured(orchestrator.Measured{Error: err.Error()}), "error"
	case out.Errored:
		return t.Measured(orchestrator.Measured{Error: out.Text}), "errored"
	case out.NoData:
		return t.Measured(orchestrator.Measured{NoData: true, Text: out.Text}), "no data"
	}
	return t.Measured(orchestrator.Measured{Data: out.Data, Text: out.Text}), "ok"
}

func verify(ctx context.Context, a orchestrator.Action, t Task) (orchestrator.Record, string) {
	out, err := a.Verify(ctx, t.Call, t.Token)
	if err != nil {
		return unseen(t, err.Error()), "error"
	}
	return t.Verified(out), string(out.Kind)
}

// do makes an attempt and says how it ended in the words of the fold.
func do(ctx context.Context, a orchestrator.Action, t Task) (orchestrator.Record, string) {
	out, err := a.Do(ctx, t.Call)
	r := orchestrator.Result{Kind: orchestrator.ResultDone, Text: out.Text, Data: out.Data}
	switch {
	case err != nil:
		r = failure(err)
	case out.Superseded:
		r.Kind = orchestrator.ResultSuperseded
	case out.Accepted != nil:
		r.Kind, r.Accepted = orchestrator.ResultAccepted, out.Accepted
	case out.Errored, out.NoData:
		r.Kind = orchestrator.ResultRetry
	}
	return t.Result(r), string(r.Kind)
}

func failure(err error) orchestrator.Result {
	r := orchestrator.Result{Kind: orchestrator.ResultRetry, Text: err.Error()}
	switch {
	case orchestrator.IsInDoubt(err):
		r.Kind = orchestrator.ResultInDoubt
	case orchestrator.IsPermanent(err):
		r.Kind = orchestrator.ResultFailed
	default:
		r.RetryAfter = orchestrator.RetryDelay(err).Milliseconds()
	}
	return r
}
