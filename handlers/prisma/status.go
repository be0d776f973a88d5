package prisma

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// statusWithin bounds the CLI where a read waits for it.
	statusWithin = 24 * time.Second
	statusLook   = 50 * time.Millisecond
	driftExit    = 2
)

// status is prisma.status, a read. The table against the folder decides; what the CLI
// says is shown beside it, since it overlooks much.
type status struct{ client *Client }

// standing is the output of prisma.status.
type standing struct {
	UpToDate bool `json:"up_to_date"`
	comparison
	// Running tells who migrates right now.
	Running string `json:"running,omitempty"`
	Version string `json:"version"`
	// Exit and Says are of `migrate status`.
	Exit int    `json:"exit"`
	Says string `json:"says"`
	// Drift is set on request: the database is not what the schema says.
	Drift *bool `json:"drift,omitempty"`
}

// Spec implements orchestrator.Action.
func (s *status) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prisma.status", Safety: orchestrator.Repeatable, CallTimeout: (30 * time.Second).Milliseconds(),
		Inputs: []string{"drift?"}, Permissions: []string{"reading _prisma_migrations"},
	}
}

// Do reads where the database stands. What could not be read is no data.
func (s *status) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, command, drift, err := s.prepare(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	in, err := t.folder()
	if err != nil {
		return orchestrator.Output{}, err
	}
	at, err := t.read(ctx)
	if err != nil {
		return blind(err)
	}
	st := standing{comparison: compare(in, at), Version: command.version}
	st.UpToDate = len(st.Pending) == 0 && len(st.Failed) == 0
	if at.holder != nil {
		st.Running = at.holder.String()
	}
	args := command.status()
	if drift {
		args = command.drift()
	}
	seen, err := s.ask(ctx, c, t, append(command.argv, args...))
	if err != nil {
		return blind(err)
	}
	if st.Exit, st.Says = seen.Ended.Exit, words(seen.Output); drift {
		if st.Exit != 0 && st.Exit != driftExit {
			return orchestrator.Output{Errored: true, Text: "Prisma could not compare: " + st.Says}, nil
		}
		drifted := st.Exit == driftExit
		st.Drift = &drifted
	}
	data, err := json.Marshal(st)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the status of %s/%s: %w", c.Project, c.Environment, err)
	}
	return orchestrator.Output{Data: data, Text: st.text()}, nil
}

// blind is what a read answers that could not see.
func blind(err error) (orchestrator.Output, error) {
	return orchestrator.Output{Errored: true, Text: err.Error()}, nil
}

func (s *status) prepare(c orchestrator.Call) (t *target, command cli, drift bool, err error) {
	if t, err = s.client.find(c); err != nil {
		return nil, cli{}, false, err
	}
	var in struct {
		Drift bool `json:"drift"`
	}
	if err := c.Input(&in); err != nil {
		return nil, cli{}, false, err
	}
	command, err = t.command()
	return t, command, in.Drift, err
}

// ask runs the CLI as a job and waits for it; the job leaves nothing behind.
func (s *status) ask(ctx context.Context, c orchestrator.Call, t *target, args []string) (job.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin+2*time.Second)
	defer cancel()
	name := fmt.Sprintf("%s%d", s.client.step(0).Name(c), time.Now().UnixNano())
	if err := s.client.start(ctx, t, work{name: name, argv: args, limit: statusWithin}); err != nil {
		return job.Status{}, err
	}
	defer s.client.jobs.Remove(name)
	tick := time.NewTicker(statusLook)
	defer tick.Stop()
	for {
		seen, err := s.client.jobs.Look(name)
		switch {
		case err != nil:
			return seen, err
		case seen.State == job.Over && (seen.Ended.Late || seen.Ended.Signal != "" || seen.Ended.Error != ""):
			e := evidence{t: t, name: name, job: seen}
			return seen, fmt.Errorf("asking Prisma: %s", e.how())
		case seen.State == job.Over:
			return seen, nil
		case seen.State == job.Lost:
			return seen, fmt.Errorf("asking Prisma: its supervisor was killed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return seen, fmt.Errorf("asking Prisma: %w", ctx.Err())
		}
	}
}

func (st *standing) text() string {
	parts := []string{fmt.Sprintf("%d pending", len(st.Pending))}
	if st.UpToDate {
		parts = []string{"every migration of the checkout is applied"}
	}
	if len(st.Failed) > 0 {
		parts = append(parts, "begun and not finished: "+strings.Join(st.Failed, ", "))
	}
	if len(st.Missing) > 0 {
		parts = append(parts, "applied and not in the checkout: "+strings.Join(st.Missing, ", "))
	}
	if len(st.Edited) > 0 {
		parts = append(parts, "edited after they were applied: "+strings.Join(st.Edited, ", "))
	}
	if st.Drift != nil && *st.Drift {
		parts = append(parts, "the database is not what the schema says")
	}
	if st.Running != "" {
		parts = append(parts, st.Running)
	}
	return strings.Join(parts, "; ")
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (s *status) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a status only looks"}, nil
}

// Plan implements orchestrator.Action.
func (s *status) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, _, _, err := s.prepare(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Read where the database of " + c.Project + "/" + c.Environment + " stands against the migrations of " + t.Folder}, nil
}
