package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Action is one thing Backout can do outside. Implementations live in
// handlers/, talk to one outside system, decide nothing, and are safe for
// concurrent use. Secrets reach them through their constructor, never through
// Call.
type Action interface {
	// Spec is constant for the life of the process.
	Spec() Spec
	// Do performs the action; it must return within Spec.CallTimeout. Errors
	// are Permanent, RetryAfter or InDoubt (see below); any other error means
	// that nothing was done and trying again is fine.
	Do(ctx context.Context, c Call) (Output, error)
	// Verify looks whether the action took place; it changes nothing.
	Verify(ctx context.Context, c Call, token string) (Outcome, error)
	// Plan tells what Do would do, by reading only.
	Plan(ctx context.Context, c Call) (Preview, error)
}

// Observer is implemented by actions that change what serves: the executor
// observes before every attempt, and the fold compares with what is expected.
type Observer interface {
	Observe(ctx context.Context, c Call) (Serving, error)
}

// Safety says what may follow when the outcome of a call is unknown.
type Safety string

// The safety classes. Once is never repeated by itself.
const (
	Verifiable Safety = "verifiable"
	Repeatable Safety = "repeatable"
	Once       Safety = "once"
)

// Spec describes an action. Times are milliseconds.
type Spec struct {
	Name string `json:"name"`
	// Effect is false for reads, which run in every mode.
	Effect bool   `json:"effect,omitempty"`
	Safety Safety `json:"safety"`
	// Serving is set when the action changes what serves; it then needs an
	// observation not older than five seconds and takes the environment lock.
	Serving bool `json:"serving,omitempty"`
	// Chunked is set when Plan tells how many chunks Do is to be called for.
	Chunked bool `json:"chunked,omitempty"`
	// CallTimeout bounds Do, at most 30 s. Settle is how long after a lost
	// answer the outside may still change by itself.
	CallTimeout int64 `json:"call_timeout"`
	Settle      int64 `json:"settle,omitempty"`
	// MaxConcurrent is how many calls of Do one instance makes at the same time, 0 for as
	// many as it has workers: after a crash each of them may be unknown.
	MaxConcurrent int `json:"max_concurrent,omitempty"`
	// Forward is set for actions that bring a newer deployment to production,
	// which a hold refuses to everybody but its own plan.
	Forward bool `json:"forward,omitempty"`
	// Person is set for effects that a person always decides about: no policy and no mode
	// lets one happen alone.
	Person bool `json:"person,omitempty"`
	// Inputs names the inputs; a trailing "?" marks an optional one.
	Inputs []string `json:"inputs,omitempty"`
	// Permissions lists what the credential must be allowed to do.
	Permissions []string `json:"permissions,omitempty"`
}

// Call is one request to an action.
type Call struct {
	// Key is the step key: constant over attempts, sent outside as
	// idempotency key where the outside knows one.
	Key string `json:"key"`
	// Attempt identifies this attempt.
	Attempt     string          `json:"attempt"`
	Incident    string          `json:"incident"`
	Step        string          `json:"step"`
	Project     string          `json:"project"`
	Environment string          `json:"environment"`
	Inputs      json.RawMessage `json:"inputs"`
	// Preview is the Data of the preview that was approved.
	Preview json.RawMessage `json:"preview,omitempty"`
	// Chunk counts from 1 for chunked actions and is 0 otherwise.
	Chunk int `json:"chunk,omitempty"`
	// Since is when the first attempt of this step was made.
	Since time.Time `json:"since,omitzero"`
}

// Input decodes the inputs into v.
func (c Call) Input(v any) error {
	if len(c.Inputs) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.Inputs, v); err != nil {
		return Permanent(fmt.Errorf("reading the inputs of step %s: %w", c.Step, err))
	}
	return nil
}

// Output is what a call gave back. Data is kept in the step and is visible to
// expressions as `steps.ID.output`; it must be a small JSON object without
// secrets or personal data.
type Output struct {
	Data json.RawMessage `json:"data,omitempty"`
	Text string          `json:"text,omitempty"`
	// Accepted is set when the outside took the request and works on it.
	Accepted *Accepted `json:"accepted,omitempty"`
	// Superseded is set when nothing was done because the situation had
	// changed; Text says what was found.
	Superseded bool `json:"superseded,omitempty"`
	// Errored is set by reads that could not see: no data is not a verdict.
	Errored bool `json:"errored,omitempty"`
	// NoData is set by reads that could look and found nothing to judge by: no series,
	// no request, no probe. It is neither good nor bad, and no error.
	NoData bool `json:"no_data,omitempty"`
}

// Accepted says how to look again. Times are milliseconds from now.
type Accepted struct {
	Token      string `json:"token"`
	CheckAfter int64  `json:"check_after"`
	Until      int64  `json:"until"`
}

// OutcomeKind is the answer of Verify.
type OutcomeKind string

// The outcomes of Verify.
const (
	OutcomeDone       OutcomeKind = "done"
	OutcomeNotDone    OutcomeKind = "not_done"
	OutcomeRunning    OutcomeKind = "running"
	OutcomeFailed     OutcomeKind = "failed"
	OutcomeCannotTell OutcomeKind = "cannot_tell"
)

// Outcome is what Verify found. CheckAfter, in milliseconds, asks for another
// look when the kind is OutcomeRunning.
type Outcome struct {
	Kind       OutcomeKind     `json:"kind"`
	Text       string          `json:"text,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	CheckAfter int64           `json:"check_after,omitempty"`
	// Never is set with OutcomeCannotTell when no later look can tell either, so
	// that a person is asked at once.
	Never bool `json:"never,omitempty"`
}

// Preview is what an approval is bound to. Text is shown to people, Manual is how one of
// them does it without Backout, Data comes back in Call.Preview; Chunks is set by chunked
// actions.
type Preview struct {
	Text   string          `json:"text"`
	Manual string          `json:"manual,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Chunks int             `json:"chunks,omitempty"`
}

// Serving is what a provider said serves an environment.
type Serving struct {
	// Deployment serves every production domain, or is empty when they differ.
	Deployment string            `json:"deployment"`
	Domains    map[string]string `json:"domains,omitempty"`
	AutoAssign bool              `json:"auto_assign"`
	// Rolling is set while a canary takes part of the traffic; Deployment is its base.
	Rolling *Rolling `json:"rolling,omitempty"`
}

// Rolling is a rolling release that is active.
type Rolling struct {
	Base   string `json:"base"`
	Canary string `json:"canary"`
}

type callError struct {
	err        error
	permanent  bool
	inDoubt    bool
	retryAfter time.Duration
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// Permanent marks an error that no repetition will cure.
func Permanent(err error) error { return &callError{err: err, permanent: true} }

// InDoubt marks an error after which nobody can know whether the outside acted.
func InDoubt(err error) error { return &callError{err: err, inDoubt: true} }

// RetryAfter marks an error of a call that was refused and may be repeated
// after d.
func RetryAfter(err error, d time.Duration) error { return &callError{err: err, retryAfter: d} }

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var ce *callError
	return errors.As(err, &ce) && ce.permanent
}

// IsInDoubt reports whether err was marked by InDoubt.
func IsInDoubt(err error) bool {
	var ce *callError
	return errors.As(err, &ce) && ce.inDoubt
}

// RetryDelay is the delay that RetryAfter asked for, or 0.
func RetryDelay(err error) time.Duration {
	if ce, ok := errors.AsType[*callError](err); ok {
		return ce.retryAfter
	}
	return 0
}

// Source is polled for facts, such as what a provider says serves. Poll must
// end within its context; an error is logged and tried again at the next turn.
type Source interface {
	Name() string
	Poll(ctx context.Context) ([]Record, error)
}
