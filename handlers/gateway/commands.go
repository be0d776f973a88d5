package gateway

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Speech is where something was said. The zero value knows no project and no
// clock.
type Speech struct {
	// Project is the only project that can be meant here, such as the one in the
	// subject of a NATS request; it may then be left out.
	Project string
	// Now is the clock and the time zone of `--since 02:00`.
	Now time.Time
}

// ParseWords reads what a person said by CLI, chat or NATS: the words behind
// `backout`. Every ingress uses it. Secrets in the words are masked first; use
// Mask to tell the speaker. The command has no ID, Via, Person or Scope yet. An
// error is a sentence for the speaker.
func ParseWords(words string) (orchestrator.Command, error) { return Said("").Parse(words) }

// Said is what is said now, of a project when only that one can be meant. Times of day
// are UTC, as those that are printed are, wherever the server's clock stands.
func Said(project string) Speech { return Speech{Project: project, Now: time.Now().UTC()} }

// Parse is ParseWords for one place.
func (s Speech) Parse(words string) (orchestrator.Command, error) {
	if len(words) > maxWords {
		return orchestrator.Command{}, fmt.Errorf("that is too long: say it in %d characters", maxWords)
	}
	said, err := split(Redact(printable(words)))
	return s.understand(said, err)
}

// understand finds the verb and lets it read the rest.
func (s Speech) understand(said []word, quotes error) (orchestrator.Command, error) {
	if len(said) > 0 && (strings.EqualFold(said[0].text, "/backout") || strings.EqualFold(said[0].text, "backout")) {
		said = said[1:]
	}
	if len(said) == 0 {
		return orchestrator.Command{}, errors.New("say what to do; `help` lists the commands")
	}
	name := strings.ToLower(said[0].text)
	v, ok := verbNamed(name)
	if !ok {
		return orchestrator.Command{}, fmt.Errorf("unknown command %q; %s", clip(name, 40), nearestVerb(name))
	}
	r := &reading{speech: s, verb: v, rest: said[1:], cmd: orchestrator.Command{Verb: v.name}}
	if v.name != verbNote {
		if quotes != nil {
			return orchestrator.Command{}, quotes
		}
		if err := r.sortOut(); err != nil {
			return orchestrator.Command{}, err
		}
	}
	if err := v.read(r); err != nil {
		return orchestrator.Command{}, err
	}
	if len(r.cmd.Args) == 0 {
		r.cmd.Args = nil
	}
	return r.cmd, nil
}

// usage is an error that shows how the verb is used.
func (v verb) usage(problem string) error {
	return fmt.Errorf("%s: `%s`", problem, v.form)
}
