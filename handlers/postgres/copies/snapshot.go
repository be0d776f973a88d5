package copies

import (
	"context"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// snapshot is postgres.snapshot: take a copy under a new name.
type snapshot struct{ client *Client }

// Spec implements orchestrator.Action. It changes nothing outside, so it runs in every
// mode and asks nobody.
func (s *snapshot) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.snapshot", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Settle: settleTime.Milliseconds(), Inputs: []string{"verify?"}, Permissions: []string{"reading every table of the database"},
	}
}

// Do starts the job.
func (s *snapshot) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := s.client.find(c, true)
	if err != nil {
		return orchestrator.Output{}, err
	}
	var in struct{ Verify bool }
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	r := s.client.request(t, opTake)
	r.Prove = in.Verify
	return s.client.launch(ctx, c, t, r)
}

// Verify implements orchestrator.Action.
func (s *snapshot) Verify(_ context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	return s.client.judge(c, token, taken)
}

func taken(r *result) string {
	text := fmt.Sprintf("copy %s shows %s, %d rows of %d tables in %s", r.Copy, day(r.At), r.Rows, r.Tables, bytesText(r.Size))
	if !r.Verified {
		return text + "; nobody has proven yet that it can be restored"
	}
	return text + ", restored and compared"
}

func day(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

// Plan implements orchestrator.Action.
func (s *snapshot) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, err := s.client.find(c, true)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{
		Text:   fmt.Sprintf("Copy database %s to %s under a new name; nothing else changes", t.address, t.Folder),
		Manual: "pg_dump --format=directory --jobs=2 --file=" + t.Folder + "/by-hand " + t.address.Database(),
	}, nil
}

// verification is postgres.verify_snapshot: prove a copy.
type verification struct{ client *Client }

// Spec implements orchestrator.Action.
func (v *verification) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.verify_snapshot", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Settle: settleTime.Milliseconds(), Inputs: []string{"copy?"}, Permissions: []string{"CREATEDB"},
	}
}

func (v *verification) prepare(c orchestrator.Call) (*target, *Copy, error) {
	t, err := v.client.find(c, true)
	if err != nil {
		return nil, nil, err
	}
	var in struct{ Copy string }
	if err := c.Input(&in); err != nil {
		return nil, nil, err
	}
	one, err := t.choose(in.Copy, time.Time{}, false)
	return t, one, err
}

// choose is the copy of a name, otherwise the newest, or the newest verified one that
// shows a moment before a time. Errors are Permanent: no repetition makes a copy.
func (t *target) choose(name string, before time.Time, verified bool) (*Copy, error) {
	if name != "" {
		c, err := open(t.Folder, name)
		if err == nil && (c.Manifest.Project != t.Project || c.Manifest.Environment != t.Environment) {
			err = fmt.Errorf("copy %s is of %s/%s", name, c.Manifest.Project, c.Manifest.Environment)
		}
		if err != nil {
			return nil, orchestrator.Permanent(err)
		}
		return c, nil
	}
	all, err := list(t.Folder, t.Project, t.Environment)
	if err != nil {
		return nil, orchestrator.Permanent(err)
	}
	for _, c := range all {
		if (!verified || c.Verified != nil) && (before.IsZero() || c.at().Before(before)) {
			return c, nil
		}
	}
	what := "copy"
	if verified {
		what = "verified copy"
	}
	if !before.IsZero() {
		what += " from before " + before.UTC().Format(time.RFC3339)
	}
	return nil, orchestrator.Permanent(fmt.Errorf("there is no %s of the database of %s/%s in %s", what, t.Project, t.Environment, t.Folder))
}

// Do starts the job.
func (v *verification) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, one, err := v.prepare(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	r := v.client.request(t, opProve)
	r.Copy = one.Name
	return v.client.launch(ctx, c, t, r)
}

// Verify implements orchestrator.Action.
func (v *verification) Verify(_ context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	return v.client.judge(c, token, taken)
}

// Plan implements orchestrator.Action.
func (v *verification) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, one, err := v.prepare(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: fmt.Sprintf("Restore copy %s into a scratch database beside %s, compare rows and checksums, and drop it", one.Name, t.address)}, nil
}
