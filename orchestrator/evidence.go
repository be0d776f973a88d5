package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// Evidence names something that was kept beside the log when a plan began, because it
// expires where it came from: a log, a comparison of two commits. It stays for 30 days.
type Evidence struct {
	// Name is a file name, such as build.log.
	Name string `json:"name"`
	// Bytes is how long it is, secrets masked.
	Bytes int `json:"bytes"`
	// Blob is the hash it is kept under.
	Blob string `json:"blob"`
	// Note says where it is from, and whether it is whole.
	Note string `json:"note,omitempty"`
}

// EvidenceOutput is the output of an action that keeps evidence. Missed says what could
// not be had, and why.
type EvidenceOutput struct {
	Evidence []Evidence `json:"evidence"`
	Missed   []string   `json:"missed,omitempty"`
}

// Text tells people what was kept and what was not.
func (o EvidenceOutput) Text() string {
	var parts []string
	for _, e := range o.Evidence {
		parts = append(parts, e.Name+", "+plural(e.Bytes, "byte"))
	}
	text := "kept " + orNothing(parts)
	if len(o.Missed) > 0 {
		text += "; could not keep: " + strings.Join(o.Missed, "; ")
	}
	return text
}

// EvidenceOf lists what steps of an incident kept, oldest first, each under a name of its
// own: what a later plan kept again has the number of that plan in it, and what another
// step kept the name of that step.
func EvidenceOf(steps []*Step) []Evidence {
	var out []Evidence
	taken := map[string]bool{}
	for _, st := range steps {
		var kept EvidenceOutput
		if st.State != StepDone || len(st.Output) == 0 || !decode(st.Output, &kept) {
			continue
		}
		for _, e := range kept.Evidence {
			if e.Name == "" || e.Blob == "" {
				continue
			}
			free := func(name string) bool { return !taken[name] }
			names := e.names(st)
			if i := slices.IndexFunc(names, free); i >= 0 {
				e.Name = names[i]
				taken[e.Name] = true
				out = append(out, e)
			}
		}
	}
	return out
}

// names are what evidence of a step can be called, the plain name first.
func (e Evidence) names(st *Step) []string {
	stem, ext, dot := strings.Cut(e.Name, ".")
	if dot {
		ext = "." + ext
	}
	round := strconv.Itoa(st.Round)
	all := []string{e.Name, stem + "-" + round + ext, stem + "-" + st.ID + ext, stem + "-" + st.ID + "-" + round + ext}
	if st.Round <= 1 {
		return slices.Delete(all, 1, 2)
	}
	return all
}
