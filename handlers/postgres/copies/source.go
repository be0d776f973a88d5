package copies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// sourceEvery is how often the folder is looked at.
	sourceEvery = 15 * time.Second
	// againAfter is how long after a copy that failed the next one is tried.
	againAfter = 15 * time.Minute
	stampWidth = 13 // digits of Unix milliseconds
)

// Sources answers one for each database that is copied.
func (c *Client) Sources() []orchestrator.Source {
	var out []orchestrator.Source
	for _, t := range c.targets {
		if t.Folder != "" {
			out = append(out, &source{client: c, target: t})
		}
	}
	return out
}

// source takes a copy every so often, proves it, and tells the newest verified one.
type source struct {
	client *Client
	target *target
}

// Name implements orchestrator.Source.
func (s *source) Name() string { return "copies/" + s.target.Project + "/" + s.target.Environment }

// Every is how often it is looked whether a copy is due.
func (s *source) Every() time.Duration { return sourceEvery }

// Poll implements orchestrator.Source. What failed is told as long as nothing newer
// succeeded.
func (s *source) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	t := s.target
	r := orchestrator.Reading{
		Kind: orchestrator.ReadCopies, ID: orchestrator.ReadCopies, Project: t.Project, Environment: t.Environment,
		Verdict: orchestrator.ReadOK, At: time.Now().UnixMilli(),
	}
	wrong := func(err error) []orchestrator.Record {
		r.Verdict, r.Denied, r.Text = orchestrator.ReadErrored, true, err.Error()
		return []orchestrator.Record{{Reading: &r}}
	}
	if err := os.MkdirAll(t.Folder, folderMode); err != nil {
		return wrong(fmt.Errorf("the folder of the copies cannot be made: %w", err)), nil
	}
	all, err := list(t.Folder, t.Project, t.Environment)
	if err != nil {
		return wrong(err), nil
	}
	seen := orchestrator.Record{Restore: t.seen(newest(all, true))}
	if t.Every <= 0 {
		r.Text = "copies are taken when a plan asks"
		return []orchestrator.Record{seen, {Reading: &r}}, nil
	}
	text, err := s.turn(ctx, all, time.Now())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return append(wrong(err), seen), nil
	}
	r.Text = text
	return []orchestrator.Record{seen, {Reading: &r}}, nil
}

// seen is the newest verified copy as a record.
func (t *target) seen(c *Copy) *orchestrator.RestorePointSeen {
	r := &orchestrator.RestorePointSeen{Project: t.Project, Environment: t.Environment, None: c == nil}
	if c != nil {
		r.At, r.Name, r.Verified, r.VerifiedAt = c.Manifest.At, c.Name, true, c.Verified.At
		r.Size, r.Rows = c.Manifest.Size, c.Manifest.Rows
	}
	return r
}

// errGone is the fault when a copy was taken and is not there any more.
var errGone = errors.New("there is no verified copy, although one was taken; somebody removed it")

// turn starts a copy when one is due, and says how the last one went.
func (s *source) turn(ctx context.Context, all []*Copy, now time.Time) (string, error) {
	last, at, err := s.last()
	if err != nil {
		return "", err
	}
	var fault error
	if last != "" {
		st, err := s.client.jobs.Look(last)
		switch {
		case err != nil:
			return "", err
		case st.AtWork():
			return "a copy is being taken, job " + last, nil
		}
		fault = s.fault(last, st)
	}
	due := s.target.Every
	point := newest(all, true)
	if fault != nil || point == nil {
		due = min(due, againAfter)
	} else if point != nil && point.at().After(at) {
		at = point.at() // A plan took one meanwhile.
	}
	if now.Sub(at) < due {
		if fault != nil || point == nil {
			return "", cmp.Or(fault, errGone)
		}
		return "the newest verified copy shows " + day(point.Manifest.At), nil
	}
	r := s.client.request(s.target, opTake)
	r.Prove = true
	if err := s.client.start(ctx, s.target, s.family()+strconv.FormatInt(now.UnixMilli(), 10), r); err != nil {
		return "", err
	}
	return "a copy is being taken", fault // The fault stands until the new one is there.
}

// fault is what went wrong in a job that is over.
func (s *source) fault(name string, st job.Status) error {
	r, err := s.client.result(name)
	switch {
	case err != nil:
		return err
	case r == nil:
		return fmt.Errorf("the copy was not finished: %s", st.How(name, limitName))
	case r.Error != "":
		return errors.New(r.Error)
	}
	return nil
}

func (s *source) family() string {
	return "copies-" + job.Short(s.target.Project+"/"+s.target.Environment, 16) + "-"
}

// last is the newest job of the schedule, and when it was started.
func (s *source) last() (string, time.Time, error) {
	names, err := s.client.jobs.Find(s.family())
	if err != nil || len(names) == 0 {
		return "", time.Time{}, err
	}
	name := names[len(names)-1]
	digits := name[len(s.family()):]
	ms, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) != stampWidth {
		return "", time.Time{}, fmt.Errorf("job %s has no time in its name", name)
	}
	return name, time.UnixMilli(ms), nil
}
