package gateway

import "strings"

// readShadow: an answer, then what it is about.
func readShadow(r *reading) error {
	answer := strings.ToLower(r.name())
	if answer != "right" && answer != "wrong" && answer != "unclear" {
		return r.verb.usage("say right, wrong or unclear")
	}
	if err := r.set("answer", answer); err != nil {
		return err
	}
	if err := r.which(); err != nil {
		return err
	}
	return readStep(r)
}
