package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

const redactedMask = "[redacted]"

// maskEntry takes the words out of a body and notes the sum of what it was. Labels go too,
// so what the match rules made of them is written down in their place.
func maskEntry(e *orchestrator.Entry, s *orchestrator.State, whole bool) error {
	e.Sum = orchestrator.SumOf(e.Data)
	env, err := orchestrator.DecodeEnvelope(e.Data)
	if err != nil || whole {
		blank := orchestrator.Envelope{ID: "redacted"}
		if err == nil {
			blank = orchestrator.Envelope{ID: env.ID, At: env.At, Boot: env.Boot, Epoch: env.Epoch}
		}
		e.Data, err = blank.Encode()
		return err
	}
	for i := range env.Records {
		if ev := env.Records[i].Event; ev != nil {
			s.Place(ev)
		}
	}
	if e.Data, err = env.Encode(); err != nil {
		return err
	}
	var body any
	if err := json.Unmarshal(e.Data, &body); err != nil {
		return fmt.Errorf("reading entry %d: %w", e.Seq, err)
	}
	e.Data, err = json.Marshal(maskWords(body, ""))
	return err
}

// maskWords masks every text that people or their tools wrote under a key of wordy;
// names and ids that decide anything stay.
func maskWords(v any, under string) any {
	switch t := v.(type) {
	case map[string]any:
		for k, x := range t {
			switch {
			case under == "args" && decides(k):
			case under != "":
				t[k] = maskWords(x, under)
			case wordy(k):
				t[k] = maskWords(x, k)
			default:
				t[k] = maskWords(x, "")
			}
		}
	case []any:
		for i, x := range t {
			t[i] = maskWords(x, under)
		}
	case string:
		if under != "" && t != "" {
			return redactedMask
		}
	}
	return v
}

func wordy(key string) bool {
	return slices.Contains([]string{"summary", "labels", "text", "error", "excerpt", "value", "args", "claimed", "reason", "blob"}, key)
}

// decides reports whether what a command says under this name is a name or a time and
// decides what follows from it: without it the log would fold into another state.
func decides(arg string) bool {
	return slices.Contains([]string{
		"action", "checked", "choice", "chunk", "component", "confirm", "environment", "for", "into", "playbook",
		"preview", "project", "pull", "severity", "since", "until",
	}, arg)
}
