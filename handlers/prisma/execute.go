package prisma

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

// scriptMost is how large a SQL file may be, in bytes.
const scriptMost = 1 << 20

// execute is prisma.execute: run a SQL file of the checkout. Nothing in the database
// records that it ran, so it is never run twice by itself.
type execute struct{ client *Client }

// script is what an approval is bound to.
type script struct {
	File string `json:"file"`
	Sum  string `json:"sum"`
	body []byte
}

// Spec implements orchestrator.Action.
func (x *execute) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prisma.execute", Effect: true, Safety: orchestrator.Once,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs: []string{"file"}, Permissions: []string{"what the file does"},
	}
}

// prepare reads the file, which must not lead out of the checkout.
func (x *execute) prepare(c orchestrator.Call) (*target, script, error) {
	t, err := x.client.find(c)
	if err != nil {
		return nil, script{}, err
	}
	var s script
	if err := c.Input(&s); err != nil {
		return nil, s, err
	}
	if s.body, err = within(t.Folder, s.File); err != nil {
		return nil, s, orchestrator.Permanent(fmt.Errorf("reading file %q of step %s: %w", s.File, c.Step, err))
	}
	sum := sha256.Sum256(s.body)
	s.Sum = hex.EncodeToString(sum[:])
	return t, s, nil
}

func within(folder, name string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, scriptMost+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > scriptMost:
		return nil, fmt.Errorf("it is larger than %d bytes", scriptMost)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, errors.New("it is empty")
	}
	return body, nil
}

// Do runs a copy of the file, so that what was read is what is run.
func (x *execute) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, s, err := x.prepare(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	if len(c.Preview) > 0 {
		var approved script
		if err := json.Unmarshal(c.Preview, &approved); err != nil {
			return orchestrator.Output{}, orchestrator.Permanent(fmt.Errorf("reading what was approved: %w", err))
		}
		if approved.Sum != s.Sum {
			return orchestrator.Output{Superseded: true, Text: s.File + " is not what was approved"}, nil
		}
	}
	command, err := t.command()
	if err != nil {
		return orchestrator.Output{}, err
	}
	at, err := t.read(ctx)
	if err == nil {
		err = at.free("running " + s.File)
	}
	if err != nil {
		return orchestrator.Output{}, err
	}
	copied := filepath.Join(x.client.jobs.Root, x.client.step(0).Name(c), "script.sql")
	if err := errors.Join(os.MkdirAll(filepath.Dir(copied), 0o700), os.WriteFile(copied, s.body, 0o600)); err != nil {
		return orchestrator.Output{}, fmt.Errorf("copying %s: %w", s.File, err)
	}
	return x.client.launch(ctx, c, t, append(command.argv, command.execute(copied)...), s)
}

// Plan implements orchestrator.Action.
func (x *execute) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	t, s, err := x.prepare(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	const shown = 1500
	text := strings.ToValidUTF8(string(s.body[:min(shown, len(s.body))]), "?")
	if len(s.body) > shown {
		text += fmt.Sprintf("… and %d more bytes", len(s.body)-shown)
	}
	return orchestrator.Preview{
		Text:   fmt.Sprintf("Run %s (sha256 %s) on the database of %s/%s:\n%s", s.File, s.Sum[:12], c.Project, c.Environment, text),
		Manual: "cd " + t.Folder + " && npx prisma db execute --file " + s.File, Data: data,
	}, nil
}

// Verify implements orchestrator.Action. Only the CLI's own last line says that it ran.
func (x *execute) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	return x.client.verify(ctx, c, token, func(e evidence) orchestrator.Outcome {
		d := e.job.Ended
		itself := e.job.State == job.Over && d.Signal == "" && !d.Late && !d.Stopped
		switch {
		case itself && d.Exit == 0 && strings.Contains(e.job.Output, "Script executed successfully"):
			return e.outcome(orchestrator.OutcomeDone, "the script ran", result{})
		case itself && d.Exit != 0:
			return e.failed("the script did not run to its end: " + e.told())
		}
		return e.cannotTell("nothing tells whether the script ran: " + e.told())
	})
}
