package spectest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// document is an OpenAPI document of which only the asked paths are ever
// understood: the whole of Vercel's takes seconds under the race detector.
type document struct {
	parts struct {
		OpenAPI    json.RawMessage                       `json:"openapi"`
		Info       json.RawMessage                       `json:"info"`
		Components json.RawMessage                       `json:"components"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
	}
	mu      sync.Mutex
	routers map[string]routers.Router // by method and path
}

// router answers a router that knows just the operations this call may be.
func (d *document) router(method, path string) (routers.Router, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := method + " " + path
	if r, ok := d.routers[key]; ok {
		return r, nil
	}
	paths := d.candidates(method, path)
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s is not in the document", key)
	}
	raw, err := json.Marshal(map[string]any{
		"openapi": d.parts.OpenAPI, "info": d.parts.Info, "components": d.parts.Components, "paths": paths,
	})
	if err != nil {
		return nil, fmt.Errorf("cutting the document for %s: %w", key, err)
	}
	part, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, fmt.Errorf("understanding the document for %s: %w", key, err)
	}
	for _, item := range part.Paths.Map() {
		op := item.GetOperation(method)
		loosen(op)
		op.Security = &openapi3.SecurityRequirements{} // Credentials are not checked; Supabase's document names schemes that it does not declare.
	}
	r, err := gorillamux.NewRouter(part)
	if err != nil {
		return nil, fmt.Errorf("routing %s: %w", key, err)
	}
	d.routers[key] = r
	return r, nil
}

// candidates are the path items whose template fits and which have the method,
// each cut to that method: two templates of one path that differ in methods and
// parameter names would hide each other.
func (d *document) candidates(method, path string) map[string]map[string]json.RawMessage {
	found := map[string]map[string]json.RawMessage{}
	for template, item := range d.parts.Paths {
		if operation, ok := item[strings.ToLower(method)]; ok && fits(template, path) {
			cut := map[string]json.RawMessage{strings.ToLower(method): operation}
			if shared, ok := item["parameters"]; ok {
				cut["parameters"] = shared
			}
			found[template] = cut
		}
	}
	return found
}

func fits(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

// loosen reads oneOf as anyOf at the top of an answer: Vercel writes
// oneOf [{}, list], where every list fits both. A parameter that lists its values
// and has no type (forceNew) is a text, as all of a query is.
func loosen(operation *openapi3.Operation) {
	for _, p := range operation.Parameters {
		if p.Value.Schema != nil && p.Value.Schema.Value.Type == nil && len(p.Value.Schema.Value.Enum) > 0 {
			p.Value.Schema.Value.Type = &openapi3.Types{openapi3.TypeString}
		}
	}
	for _, response := range operation.Responses.Map() {
		for _, media := range response.Value.Content {
			if s := media.Schema.Value; len(s.OneOf) > 0 {
				s.AnyOf, s.OneOf = s.OneOf, nil
			}
		}
	}
}
