package prisma

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

// judgeDeploy believes the table. The job is over or lost, and nobody holds the lock.
func judgeDeploy(e evidence) orchestrator.Outcome {
	asked, err := e.asked()
	if err != nil {
		return e.cannotTell(err.Error())
	}
	var r result
	var lacking []string
	var broken *row
	for _, m := range asked {
		if _, ok := e.now.applied(m.Name); ok {
			r.Applied = append(r.Applied, m.Name)
			continue
		}
		lacking = append(lacking, m.Name)
		if row := e.now.unfinished(m.Name); row != nil && broken == nil {
			broken, r.Failed = row, m.Name
		}
	}
	switch {
	case len(lacking) == 0:
		return e.outcome(orchestrator.OutcomeDone, e.applied(r.Applied), r)
	case broken != nil && e.refused(broken):
		return e.outcome(orchestrator.OutcomeFailed, "migration "+r.Failed+" failed: "+e.told()+". Mend it, then prisma.resolve it", r)
	case broken != nil:
		return e.outcome(orchestrator.OutcomeCannotTell, "migration "+r.Failed+" was begun and not written down as finished: "+e.how()+
			". PostgreSQL may have done all of it: look at the schema, then prisma.resolve it as applied or rolled_back", r)
	case len(r.Applied) > 0:
		return e.outcome(orchestrator.OutcomeFailed, fmt.Sprintf("%d of %d migrations are applied, %s is not: %s", len(r.Applied), len(asked), lacking[0], e.told()), r)
	}
	return e.nothing(lacking)
}

// asked is what the job was to apply: as it wrote down, or on another machine as the
// checkout has it.
func (e evidence) asked() ([]migration, error) {
	var note deployNote
	body := e.job.Spec.Note
	if e.job.State == job.Absent {
		body = e.call.Preview
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &note); err != nil {
			return nil, fmt.Errorf("reading what job %s was about: %w", e.name, err)
		}
		return note.Pending, nil
	}
	return e.t.folder()
}

func (e evidence) applied(names []string) string {
	text := "applied " + strings.Join(names, ", ")
	if e.job.State != job.Over || e.job.Ended.Exit != 0 {
		text += ", as the database says; " + e.how()
	}
	return text
}

// refused reports whether a migration surely failed: the database wrote down why, or the
// CLI ended by itself and told.
func (e evidence) refused(r *row) bool {
	d := e.job.Ended
	itself := e.job.State == job.Over && d.Exit != 0 && d.Signal == "" && !d.Late && !d.Stopped
	return r.Logs != "" || (itself && strings.Contains(e.job.Output, "P3018"))
}

// nothing judges a run that left no trace in the table. The CLI says success when its
// engine dies, so that is no word to go by; what it refuses for a reason of its own is
// not tried again, what could not be reached is.
func (e evidence) nothing(lacking []string) orchestrator.Outcome {
	text := strings.Join(lacking, ", ") + " is not in the database: "
	switch d := e.job.Ended; {
	case e.job.State == job.Absent && e.known:
		return e.cannotTell(text + e.how())
	case e.job.State == job.Absent:
		return notDone("nothing was applied")
	case e.job.State == job.Lost || d.Signal != "" || d.Late || d.Stopped:
		return notDone(text + e.how())
	case d.Exit == 0:
		return notDone(text + "the CLI said nothing is wrong (exit 0), as it does when its engine dies")
	case transient(e.job.Output):
		return notDone(text + e.told())
	}
	return e.failed(text + e.told())
}

// transient reports whether the CLI could not reach the database, or not get the lock.
func transient(output string) bool {
	for _, code := range []string{"P1001", "P1002", "P1008", "P1017", "Can't reach database server"} {
		if strings.Contains(output, code) {
			return true
		}
	}
	return false
}
