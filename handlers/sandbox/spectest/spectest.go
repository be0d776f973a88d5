package spectest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Checker validates calls against one OpenAPI document; safe for concurrent use.
type Checker struct {
	document *document
	// undeclared are query parameters real clients send although no document has them.
	undeclared []string
}

// Vercel answers the checker for vercel-openapi.subset.json. Its paths carry one
// version each: rollback is /v1 there, promote /v10, the project /v9.
func Vercel(tb testing.TB) *Checker {
	tb.Helper()
	c := load(tb, "vercel-openapi.subset.json")
	c.undeclared = []string{"rollbackInfo"} // Sent by Vercel's CLI while it polls.
	return c
}

// SendGrid answers the checker for sendgrid/tsg_mail_v3.json.
func SendGrid(tb testing.TB) *Checker {
	tb.Helper()
	return load(tb, filepath.Join("sendgrid", "tsg_mail_v3.json"))
}

// Supabase answers the checker for supabase-management.json.
func Supabase(tb testing.TB) *Checker {
	tb.Helper()
	return load(tb, "supabase-management.json")
}

// Check answers nil if the document has the operation and the request fits it:
// path, query (known names only) and body. query has no question mark.
func (c *Checker) Check(method, path, query string, body []byte) error {
	input, err := c.input(method, path, query, body)
	if err != nil {
		return err
	}
	known := append(slices.Clone(input.Route.Operation.Parameters), input.Route.PathItem.Parameters...)
	for name := range input.QueryParams {
		if known.GetByInAndName(openapi3.ParameterInQuery, name) == nil && !slices.Contains(c.undeclared, name) {
			return fmt.Errorf("%s %s: the document has no query parameter %q", method, path, name)
		}
	}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Response answers nil if the document declares this status for the operation
// and the body fits its schema; a status without a schema takes any body.
func (c *Checker) Response(method, path string, status int, body []byte) error {
	input, err := c.input(method, path, "", nil)
	if err != nil {
		return err
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Options: input.Options,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err != nil {
		return fmt.Errorf("%s %s answered %d: %w", method, path, status, err)
	}
	return nil
}

func (c *Checker) input(method, path, query string, body []byte) (*openapi3filter.RequestValidationInput, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://spec.test"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s is no request: %w", method, path, err)
	}
	if r.URL.RawQuery != "" {
		return nil, fmt.Errorf("%s %s: give the query as its own argument", method, path)
	}
	r.URL.RawQuery = query
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the query: %w", method, path, err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	router, err := c.document.router(method, r.URL.Path)
	if err != nil {
		return nil, err
	}
	route, params, err := router.FindRoute(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s is not in the document: %w", method, path, err)
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route, QueryParams: values,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
		},
	}, nil
}

func load(tb testing.TB, name string) *Checker {
	tb.Helper()
	path := find(tb, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("reading the OpenAPI document: %v", err)
	}
	d := &document{routers: map[string]routers.Router{}}
	if err := json.Unmarshal(raw, &d.parts); err != nil {
		tb.Fatalf("reading the OpenAPI document %s: %v", path, err)
	}
	return &Checker{document: d}
}

// find looks for shared/specs beside a folder above the working directory, or
// in BACKOUT_SHARED.
func find(tb testing.TB, name string) string {
	tb.Helper()
	var candidates []string
	if shared := os.Getenv("BACKOUT_SHARED"); shared != "" {
		candidates = append(candidates, shared)
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("finding the working directory: %v", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidates = append(candidates, filepath.Join(dir, "shared"))
	}
	for _, shared := range candidates {
		path := filepath.Join(shared, "specs", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("OpenAPI document %s not found: set BACKOUT_SHARED to the folder that has specs/", name)
	}
	tb.Skipf("skipped: OpenAPI document %s is not here", name)
	return ""
}
