package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// lookWait bounds what a preview looks at; soundWait reading the files of the copy.
	lookWait  = 24 * time.Second
	soundWait = 10 * time.Second
	// shownFor is how long a preview stays as it was shown: its figures grow by the
	// second, and an approval is bound to them.
	shownFor = 10 * time.Minute
)

// restoration is postgres.restore: put a copy in the place of the database.
type restoration struct{ client *Client }

// restoreNote is what a restore is about: an approval is bound to it.
type restoreNote struct {
	Database string `json:"database"`
	Copy     string `json:"copy"`
	Manifest string `json:"manifest"`
	At       int64  `json:"at"`
	// Minutes, Rows and Loss are what would be lost when it was shown.
	Minutes int64            `json:"minutes"`
	Rows    map[string]int64 `json:"rows,omitempty"`
	Loss    map[string]int64 `json:"loss,omitempty"`
}

// shown is a preview as people saw it.
type shown struct {
	preview orchestrator.Preview
	at      time.Time
}

// Spec implements orchestrator.Action.
func (r *restoration) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.restore", Effect: true, Safety: orchestrator.Verifiable, Person: true,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(), Inputs: []string{"copy?", "before?"},
		Permissions: []string{"CREATEDB", "owning the database", "ending the application's sessions (pg_signal_backend)"},
	}
}

// prepare chooses the copy, and refuses what can be seen to fail. A call that carries an
// approved preview is about the copy of that.
func (r *restoration) prepare(ctx context.Context, c orchestrator.Call) (*target, *Copy, standing, error) {
	t, err := r.client.find(c, true)
	if err != nil {
		return nil, nil, standing{}, err
	}
	var in struct {
		Copy   string
		Before Moment
	}
	if err := c.Input(&in); err != nil {
		return nil, nil, standing{}, err
	}
	var approved restoreNote
	if len(c.Preview) > 0 {
		if err := json.Unmarshal(c.Preview, &approved); err != nil {
			return nil, nil, standing{}, orchestrator.Permanent(fmt.Errorf("reading what was approved: %w", err))
		}
		in.Copy = approved.Copy
	}
	admin, err := maintenance(t.address).Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return nil, nil, standing{}, fmt.Errorf("the server cannot be asked: %s", direct.Said(err))
	}
	defer direct.Close(ctx, admin)
	s, err := stands(ctx, admin, t.address.Database(), c.Key)
	if err != nil || s.Switched {
		return t, nil, s, err
	}
	one, err := t.choose(in.Copy, in.Before.Time, true)
	if err != nil {
		return nil, nil, s, err
	}
	if err := t.refuses(ctx, admin, one, s, c.Key); err != nil {
		return nil, nil, s, orchestrator.Permanent(err)
	}
	return t, one, s, nil
}

// refuses says why a restore would not go through.
func (t *target) refuses(ctx context.Context, admin *pgx.Conn, c *Copy, s standing, key string) error {
	name := t.address.Database()
	switch {
	case c.Verified == nil:
		return fmt.Errorf("copy %s was never restored and compared; run postgres.verify_snapshot on it first", c.Name)
	case !c.Verified.Owners:
		return fmt.Errorf("role %s may not give the objects of copy %s to their owners, so the application would lose its rights (%s); restore as a role that may: member of those owners, who need create on the schema, or superuser", t.address.User(), c.Name, c.Verified.Why)
	case name == "postgres":
		return errors.New("the database is called postgres, which is the server's own and keeps its name; restore by the provider's own means, such as supabase.restore_pitr")
	}
	if err := foreign(ctx, t.address, s, beside(name, key)); err != nil {
		return err
	}
	lacks, err := t.lacks(ctx, admin)
	if err != nil {
		return err
	}
	if len(lacks) > 0 {
		return fmt.Errorf("role %s %s", t.address.User(), lacks[0])
	}
	need := c.Manifest.DatabaseSize + spareRoom
	if have, known := serverRoom(ctx, admin, t.address); known && have < need {
		return fmt.Errorf("the server has no room: %s are free where its data is, and the restored database may take %s beside the one of now", bytesText(have), bytesText(need))
	}
	within, cancel := context.WithTimeout(ctx, soundWait)
	defer cancel()
	if err := c.sound(within); err != nil && within.Err() == nil {
		return err // What takes longer than this is read by the job, before anything else.
	}
	return nil
}

// foreign refuses a database where the restore is to be made that is somebody else's: it
// has no mark, and something is in it. An empty one may be of a run that was killed
// between making it and marking it.
func foreign(ctx context.Context, a *direct.Address, s standing, name string) error {
	if !s.Target || s.Ours {
		return nil
	}
	conn, err := a.On(name).Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("there is a database %s already, and it cannot be looked at: %s", name, direct.Said(err))
	}
	defer direct.Close(ctx, conn)
	names, err := tableNames(ctx, conn)
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("there is a database %s already, and it is not of this restore: look what it is, and rename it", name)
	}
	return err
}

// Plan tells what would be lost.
func (r *restoration) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	t, one, s, err := r.prepare(ctx, c)
	switch {
	case err != nil:
		return orchestrator.Preview{}, err
	case s.Switched:
		return orchestrator.Preview{Text: "It is restored already; the database that was replaced is called " + s.Before}, nil
	}
	key := c.Key + string(c.Inputs)
	r.client.mu.Lock()
	old, ok := r.client.shown[key]
	r.client.mu.Unlock()
	if ok && time.Since(old.at) < shownFor {
		return old.preview, nil
	}
	p, err := t.preview(ctx, one, c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	r.client.shown[key] = shown{p, time.Now()}
	return p, nil
}

// Do starts the job, unless an attempt before this one has done it.
func (r *restoration) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, one, s, err := r.prepare(ctx, c)
	switch {
	case err != nil:
		return orchestrator.Output{}, err
	case s.Switched:
		return orchestrator.Output{Text: switched(t, s), Data: done(s)}, nil
	}
	var approved restoreNote
	if len(c.Preview) > 0 {
		_ = json.Unmarshal(c.Preview, &approved) // It was read before.
		if approved.Manifest != one.Sum || approved.Database != t.address.Database() {
			return orchestrator.Output{Superseded: true, Text: "copy " + one.Name + " is not what it was when it was approved"}, nil
		}
	}
	q := r.client.request(t, opRestore)
	q.Copy, q.Sum, q.Key = one.Name, one.Sum, c.Key
	return r.client.launch(ctx, c, t, q)
}

// Verify tells by the names of the databases whether it took place, whatever became of
// the job.
func (r *restoration) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	t, err := r.client.find(c, true)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	o, left, ended, err := r.client.ended(c, token)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	if o != nil {
		return *o, nil
	}
	admin, err := maintenance(t.address).Open(ctx, direct.Limits{ReadOnly: true, Statement: lookWait})
	if err != nil {
		return orchestrator.Outcome{}, fmt.Errorf("whether it was restored cannot be seen: %s", direct.Said(err))
	}
	defer direct.Close(ctx, admin)
	s, err := stands(ctx, admin, t.address.Database(), c.Key)
	switch {
	case err != nil:
		return orchestrator.Outcome{}, err
	case s.Switched:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: switched(t, s), Data: done(s)}, nil
	}
	switch busy, err := restoring(ctx, admin); {
	case err != nil:
		return orchestrator.Outcome{}, err
	case busy:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: "a restore is at work on the server", CheckAfter: nextCheck.Milliseconds()}, nil
	}
	const same = "; the database is as it was"
	switch {
	case left == nil:
		return *outcome(orchestrator.OutcomeNotDone, ended+same, nil), nil
	case left.Never:
		return *outcome(orchestrator.OutcomeFailed, left.Error+same, left), nil
	}
	return *outcome(orchestrator.OutcomeNotDone, left.Error+same, left), nil
}

func switched(t *target, s standing) string {
	return fmt.Sprintf("%s is restored; the database that was replaced is kept as %s, and Backout never drops it", t.address.Database(), s.Before)
}

func done(s standing) json.RawMessage {
	data, _ := json.Marshal(map[string]string{"before": s.Before}) // A text always encodes.
	return data
}
