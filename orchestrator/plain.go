package orchestrator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// plainJSON decodes JSON into values expressions can work with: whole numbers
// become int64, others stay text, so that no double ever decides anything.
func plainJSON(data []byte) any {
	if len(data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return plain(v)
}

func plain(v any) any {
	switch t := v.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n
		}
		return t.String()
	case map[string]any:
		for k, x := range t {
			t[k] = plain(x)
		}
	case []any:
		for i, x := range t {
			t[i] = plain(x)
		}
	case float64:
		return int64(t)
	}
	return v
}

// inputs resolves the With of a node: literals stay, "=" is evaluated.
func (p *pass) inputs(l *loaded, with map[string]any) (json.RawMessage, error) {
	if len(with) == 0 {
		return nil, nil
	}
	var vars map[string]any
	out := make(map[string]any, len(with))
	for _, name := range slices.Sorted(maps.Keys(with)) {
		v := with[name]
		text, ok := v.(string)
		if !ok || len(text) == 0 || text[0] != '=' {
			out[name] = plain(v)
			continue
		}
		if vars == nil {
			vars = p.vars(l)
		}
		got, err := p.rules.Eval(text[1:], vars)
		if err != nil {
			return nil, fmt.Errorf("input %s (%s): %w", name, text, err)
		}
		out[name] = got
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encoding the inputs: %w", err)
	}
	return data, nil
}
