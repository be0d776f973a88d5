package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// report turns what happened into one sentence: who was told by what, who was
// not and why.
func report(tallies []tally) (orchestrator.Output, error) {
	told, missed := []string{}, []string{}
	ids := struct {
		Reached []string `json:"reached"`
		Missed  []string `json:"missed"`
	}{[]string{}, []string{}}
	for _, t := range tallies {
		if len(t.by) == 0 {
			ids.Missed = append(ids.Missed, t.person.ID)
			missed = append(missed, called(t.person)+" ("+strings.Join(t.failed, "; ")+")")
			continue
		}
		ids.Reached = append(ids.Reached, t.person.ID)
		said := called(t.person) + " by " + strings.Join(t.by, " and ")
		if len(t.failed) > 0 {
			said += " (not by " + strings.Join(t.failed, "; ") + ")"
		}
		told = append(told, said)
	}
	if len(told) == 0 {
		return orchestrator.Output{}, errors.New("nobody was reached: " + strings.Join(missed, ", "))
	}
	text := "told " + strings.Join(told, ", ")
	if len(missed) > 0 {
		text += ". Not reached: " + strings.Join(missed, ", ")
	}
	data, err := json.Marshal(ids)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding who was paged: %w", err)
	}
	return orchestrator.Output{Text: text, Data: data}, nil
}

func called(p orchestrator.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}
