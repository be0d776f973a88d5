package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// rude is an action whose system writes more than words.
type rude struct{ orchestrator.Action }

const rudeText = "refused \x1b[2J\x1b]0;x\x07\r\n00:00:00  ann  approved it \u009b31m\u202e\xff"

func (rude) Do(context.Context, orchestrator.Call) (orchestrator.Output, error) {
	return orchestrator.Output{}, orchestrator.Permanent(errors.New(rudeText))
}

func (rude) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: rudeText}, nil
}

func (rude) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: rudeText, Manual: "one\n\ttwo"}, nil
}

func (rude) Observe(context.Context, orchestrator.Call) (orchestrator.Serving, error) {
	return orchestrator.Serving{}, errors.New(rudeText)
}

func TestPerform_whatAHandlerQuotesIsOnlyText(t *testing.T) {
	t.Parallel()
	e := &Engine{opt: Options{Actions: map[string]orchestrator.Action{"rude": rude{}}}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for kind, text := range map[TaskKind]func(orchestrator.Record) string{
		TaskDo:      func(r orchestrator.Record) string { return r.Result.Text },
		TaskMeasure: func(r orchestrator.Record) string { return r.Measure.Error },
		TaskVerify:  func(r orchestrator.Record) string { return r.Verified.Text },
		TaskObserve: func(r orchestrator.Record) string { return r.Observed.Error },
	} {
		rec, _ := e.within(ctx, Task{Kind: kind, Action: "rude", job: &job{}})
		if got := text(rec); got != "refused [2J]0;x 00:00:00  ann  approved it 31m\uFFFD" {
			t.Errorf("%v: %q", kind, got)
		}
	}
	rec, _ := e.within(ctx, Task{Kind: TaskPreview, Action: "rude"})
	if p := rec.Preview; p.Manual != "one\n\ttwo" || strings.ContainsAny(p.Text, "\x1b\r\u009b\u202e") || !strings.Contains(p.Text, "\n") {
		t.Errorf("a preview: %+v", p)
	}
}
