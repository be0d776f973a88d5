package vercel

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// streamFor is how long a runtime log is listened to: Vercel sends what it has, and
	// then goes on with what comes, without an end.
	streamFor = 5 * time.Second
	// maxStream bounds what is kept of it, in bytes; buildLines the lines of a build.
	maxStream  = 1 << 20
	buildLines = "2000"
)

// evidence is vercel.evidence: it keeps the logs of a deployment, which Vercel deletes
// (those of requests after an hour on Hobby, a day on Pro).
type evidence struct{ client *Client }

type evidenceInput struct {
	Project    string `json:"project"`
	Deployment string `json:"deployment"`
}

// Spec says what the read needs.
func (a *evidence) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "vercel.evidence", Safety: orchestrator.Repeatable, CallTimeout: (callTimeout + streamFor).Milliseconds(),
		Inputs:      []string{"project", "deployment"},
		Permissions: []string{"a token that may read the project and its logs"},
	}
}

func (a *evidence) input(c orchestrator.Call) (evidenceInput, error) {
	var in evidenceInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	if !isDeployment.MatchString(in.Deployment) {
		return in, wrongID(c, "deployment", in.Deployment)
	}
	if a.client.keep == nil {
		return in, orchestrator.Permanent(errors.New("there is no place to keep evidence in"))
	}
	return in, nil
}

// Do keeps the build log and the runtime log. What cannot be had is named; it fails when
// there is nothing at all.
func (a *evidence) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	var out orchestrator.EvidenceOutput
	var failed []error
	for _, one := range []struct {
		name string
		get  func(context.Context, evidenceInput) ([]byte, string, error)
	}{{"build.log", a.client.buildLog}, {"runtime.jsonl", a.client.runtimeLog}} {
		data, note, err := one.get(ctx, in)
		if err == nil {
			var e orchestrator.Evidence
			if e, err = a.client.keepAs(ctx, one.name, note, data); err == nil {
				out.Evidence = append(out.Evidence, e)
				continue
			}
		}
		failed = append(failed, err)
		out.Missed = append(out.Missed, one.name+": "+err.Error())
	}
	if len(out.Evidence) == 0 {
		return orchestrator.Output{}, errors.Join(failed...)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what was kept of %s: %w", in.Deployment, err)
	}
	return orchestrator.Output{Data: data, Text: out.Text()}, nil
}

// keepAs masks secrets and keeps the rest.
func (c *Client) keepAs(ctx context.Context, name, note string, data []byte) (orchestrator.Evidence, error) {
	hash, n, err := c.keep(ctx, data)
	if err != nil {
		return orchestrator.Evidence{}, err
	}
	return orchestrator.Evidence{Name: name, Bytes: n, Blob: hash, Note: note}, nil
}

// event is a row of GET /v3/deployments/{id}/events; v2 has the text and time inside
// the payload.
type event struct {
	Type    string `json:"type"`
	Created int64  `json:"created"`
	Text    string `json:"text"`
	Payload struct {
		Date int64  `json:"date"`
		Text string `json:"text"`
	} `json:"payload"`
}

// buildLog is the end of what a build wrote, a line each.
func (c *Client) buildLog(ctx context.Context, in evidenceInput) (data []byte, note string, err error) {
	var events []event
	query := url.Values{"builds": {"1"}, "follow": {"0"}, "direction": {"backward"}, "limit": {buildLines}}
	if err := c.read(ctx, "the build log of "+in.Deployment, "/v3/deployments/"+in.Deployment+"/events", query, &events); err != nil {
		return nil, "", err
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at(), b.at()) })
	var b bytes.Buffer
	for _, e := range events {
		text := cmp.Or(e.Text, e.Payload.Text)
		if text == "" {
			continue
		}
		fmt.Fprintf(&b, "%s  %-7s %s\n", time.UnixMilli(e.at()).UTC().Format("2006-01-02T15:04:05.000Z"), e.Type, strings.TrimRight(text, "\n"))
	}
	return b.Bytes(), "build log of " + in.Deployment + ", its last " + buildLines + " lines at most", nil
}

func (e event) at() int64 { return cmp.Or(e.Payload.Date, e.Created) }

// runtimeLog is what Vercel sends of a runtime log within a few seconds, whole lines
// of JSON.
func (c *Client) runtimeLog(ctx context.Context, in evidenceInput) (data []byte, note string, err error) {
	ctx, cancel := context.WithTimeout(ctx, streamFor)
	defer cancel()
	what := "the runtime log of " + in.Deployment
	r := outbound.Request{Method: http.MethodGet, URL: "/v1/projects/" + url.PathEscape(in.Project) + "/deployments/" + in.Deployment + "/runtime-logs"}
	c.complete(&r, nil)
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, nil)
	if err != nil {
		return nil, "", fmt.Errorf("asking Vercel for %s: %w", what, err)
	}
	req.Header = r.Header
	resp, err := c.api.HTTP.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("reading %s from Vercel: %w", what, err)
	}
	defer resp.Body.Close() //nolint:errcheck // A stream that is left has nothing left to tell.
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxStream))
	if resp.StatusCode != http.StatusOK {
		return nil, "", refused(outbound.Answer{Status: resp.StatusCode, Header: resp.Header, Body: data}, false, "to show "+what)
	}
	note = "runtime log of " + in.Deployment
	if err != nil || len(data) == maxStream { // The window is over, or there is more than is kept.
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		note += fmt.Sprintf(", what came within %s and %d KiB", streamFor, maxStream>>10)
	}
	return data, note, nil
}

// Verify is never needed: a read is repeated.
func (a *evidence) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "a read changes nothing"}, nil
}

// Plan says what is kept.
func (a *evidence) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Keep the build log and the runtime log of " + in.Deployment}, nil
}
