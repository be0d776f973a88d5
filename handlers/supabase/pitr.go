package supabase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	healthy    = "ACTIVE_HEALTHY"
	restoring  = "RESTORING"
	lookEvery  = 15 * time.Second
	restoreMax = 12 * time.Hour
	// beginWait is how long after the request Supabase may still say that all is well.
	beginWait = 3 * time.Minute
)

// restorePITR is supabase.restore_pitr: put a Supabase project's database back to a
// moment, in place. The project is offline meanwhile, some were for days, and what was
// written since is gone: it is a last resort that always needs a person, never policy.
//
// It is Once: the API takes no idempotency key and does not tell to which moment it
// restored, so only the status of the project, RESTORING and then ACTIVE_HEALTHY, shows
// that something was done. An outcome that is not seen there is put to a person.
type restorePITR struct {
	client *Client
	places []Place
}

// pitrNote is what a restore is about: an approval is bound to it.
type pitrNote struct {
	Ref string `json:"ref"`
	// At is the moment, in Unix seconds.
	At int64 `json:"at"`
}

// Spec implements orchestrator.Action.
func (r *restorePITR) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "supabase.restore_pitr", Effect: true, Safety: orchestrator.Once, Person: true, CallTimeout: 28_000, Settle: beginWait.Milliseconds(),
		Inputs: []string{"at"}, Permissions: []string{"database_write of the project, whose plan has point-in-time recovery"},
	}
}

// prepare refuses what Supabase could not do. Whether it could read decides nothing else.
func (r *restorePITR) prepare(ctx context.Context, call orchestrator.Call) (pitrNote, error) {
	var in struct{ At time.Time }
	n := pitrNote{}
	ref, err := refOf(r.places, call)
	if err == nil {
		err = call.Input(&in)
	}
	if err != nil {
		return n, err
	}
	n.Ref, n.At = ref, in.At.Unix()
	if in.At.IsZero() {
		return n, orchestrator.Permanent(errors.New("there is no moment to go back to; write at: a time such as 2026-11-27T01:58:00Z"))
	}
	status, err := r.client.status(ctx, ref)
	if err != nil {
		return n, err
	}
	l, err := r.client.list(ctx, ref)
	switch {
	case err != nil:
		return n, err
	case status == restoring:
		return n, orchestrator.Permanent(errors.New("the project is being restored already"))
	case !l.PITR:
		return n, orchestrator.Permanent(errors.New("the project has no point-in-time recovery, an add-on of Supabase; its daily backups are restored in the dashboard"))
	case l.Physical.Earliest > 0 && n.At < l.Physical.Earliest, l.Physical.Latest > 0 && n.At > l.Physical.Latest:
		return n, orchestrator.Permanent(fmt.Errorf("%s cannot be gone back to, only what is from %s to %s", second(n.At), second(l.Physical.Earliest), second(l.Physical.Latest)))
	}
	return n, nil
}

// Plan tells what is lost.
func (r *restorePITR) Plan(ctx context.Context, call orchestrator.Call) (orchestrator.Preview, error) {
	n, err := r.prepare(ctx, call)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", call.Step, err)
	}
	return orchestrator.Preview{
		Data: data, Text: fmt.Sprintf(
			"Supabase puts the database of project %s back to %s, in place: everything written since is gone for good, and the project is offline until it is done, which nobody can stop or foretell", n.Ref, second(n.At)),
		Manual: "Supabase's dashboard, Database, Backups, Point in time",
	}, nil
}

// Do asks once.
func (r *restorePITR) Do(ctx context.Context, call orchestrator.Call) (orchestrator.Output, error) {
	n, err := r.prepare(ctx, call)
	if err != nil {
		return orchestrator.Output{}, err
	}
	var approved pitrNote
	if len(call.Preview) == 0 || json.Unmarshal(call.Preview, &approved) != nil || approved != n {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("nobody has approved exactly this; it always needs a person"))
	}
	a, err := r.client.ask(ctx, http.MethodPost, "/v1/projects/"+url.PathEscape(n.Ref)+"/database/backups/restore-pitr",
		[]byte(`{"recovery_time_target_unix":`+strconv.FormatInt(n.At, 10)+`}`))
	switch {
	case err != nil:
		return orchestrator.Output{}, outbound.Doubt(fmt.Errorf("asking Supabase to restore: %w", err))
	case a.Status != http.StatusCreated:
		return orchestrator.Output{}, outbound.Refused(a, true, fmt.Sprintf("asking Supabase to restore: it answered %d %s", a.Status, message(a.Body)))
	}
	return orchestrator.Output{Text: "Supabase took the request to restore " + n.Ref + " to " + second(n.At), Accepted: &orchestrator.Accepted{
		Token: strconv.FormatInt(time.Now().Unix(), 10), CheckAfter: lookEvery.Milliseconds(), Until: restoreMax.Milliseconds(),
	}}, nil
}

// message is what an error of the API says, shortly.
func message(body []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &m) // No message is none.
	return fmt.Sprintf("%.200s", strings.ToValidUTF8(m.Message, ""))
}

// Verify looks at the status of the project. A token says that Supabase took the request;
// then healthy again, after the time it may take to begin, means done.
func (r *restorePITR) Verify(ctx context.Context, call orchestrator.Call, token string) (orchestrator.Outcome, error) {
	ref, err := refOf(r.places, call)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	status, err := r.client.status(ctx, ref)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	return pitrOutcome(status, token, time.Now()), nil
}

func pitrOutcome(status, token string, now time.Time) orchestrator.Outcome {
	running := orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: "the project is " + status, CheckAfter: lookEvery.Milliseconds()}
	taken, err := strconv.ParseInt(token, 10, 64)
	switch {
	case status == "RESTORE_FAILED":
		return orchestrator.Outcome{Kind: orchestrator.OutcomeFailed, Text: "Supabase says RESTORE_FAILED: the project is down until Supabase's support has looked; write to them now"}
	case status != healthy && status != "ACTIVE_UNHEALTHY":
		return running
	case err != nil:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Never: true, Text: "the project is " + status + ", and nobody can see whether it was restored; look at a row that was written since"}
	case now.Sub(time.Unix(taken, 0)) < beginWait:
		return running
	case status != healthy:
		return running
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: "the project is ACTIVE_HEALTHY again; look at a row that was written since, because Supabase does not tell to which moment it went back"}
}
