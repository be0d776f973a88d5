package supabase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Place is a Supabase project that is the database of an environment.
type Place struct{ Project, Environment, Ref string }

// Actions answers supabase.backups and supabase.restore_pitr for some projects.
func (c *Client) Actions(places []Place) map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"supabase.backups": &backups{c, places}, "supabase.restore_pitr": &restorePITR{c, places},
	}
}

func refOf(places []Place, call orchestrator.Call) (string, error) {
	i := slices.IndexFunc(places, func(p Place) bool { return p.Project == call.Project && p.Environment == call.Environment })
	if i < 0 {
		return "", orchestrator.Permanent(fmt.Errorf("the database of %s/%s is no Supabase project in the configuration; write database: {supabase: REF} at the environment", call.Project, call.Environment))
	}
	return places[i].Ref, nil
}

// list is what Supabase says of a project's backups. Times are Unix seconds; those of
// the physical ones are 0 when it does not tell them.
type list struct {
	PITR    bool `json:"pitr_enabled"`
	WALG    bool `json:"walg_enabled"`
	Backups []struct {
		ID       int64     `json:"id"`
		Physical bool      `json:"is_physical_backup"`
		Status   string    `json:"status"`
		At       time.Time `json:"inserted_at"`
	} `json:"backups"`
	Physical struct {
		Earliest int64 `json:"earliest_physical_backup_date_unix"`
		Latest   int64 `json:"latest_physical_backup_date_unix"`
	} `json:"physical_backup_data"`
}

// newest is the newest backup that is complete; the zero time when there is none.
func (l *list) newest() time.Time {
	var at time.Time
	for _, b := range l.Backups {
		if b.Status == "COMPLETED" && b.At.After(at) {
			at = b.At
		}
	}
	return at.UTC()
}

func (c *Client) list(ctx context.Context, ref string) (*list, error) {
	a, err := c.ask(ctx, http.MethodGet, "/v1/projects/"+url.PathEscape(ref)+"/database/backups", nil)
	if err != nil {
		return nil, fmt.Errorf("asking Supabase for backups: %w", err)
	}
	var l list
	switch {
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return nil, orchestrator.Permanent(&refused{a.Status})
	case a.Status != http.StatusOK:
		return nil, outbound.Refused(a, false, fmt.Sprintf("asking Supabase for backups: it answered %d", a.Status))
	}
	if err := json.Unmarshal(a.Body, &l); err != nil {
		return nil, errors.New("what Supabase answers is not a list of backups")
	}
	return &l, nil
}

// status is how a project is, such as ACTIVE_HEALTHY or RESTORING.
func (c *Client) status(ctx context.Context, ref string) (string, error) {
	a, err := c.ask(ctx, http.MethodGet, "/v1/projects/"+url.PathEscape(ref), nil)
	if err != nil {
		return "", fmt.Errorf("asking Supabase how the project is: %w", err)
	}
	if a.Status != http.StatusOK {
		return "", outbound.Refused(a, false, fmt.Sprintf("asking Supabase how the project is: it answered %d", a.Status))
	}
	var p struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || p.Status == "" {
		return "", errors.New("asking Supabase how the project is: it does not say")
	}
	return p.Status, nil
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte) (outbound.Answer, error) {
	header := http.Header{"Authorization": {"Bearer " + c.o.Token}, "Accept": {"application/json"}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	return c.web.Do(ctx, outbound.Request{Method: method, URL: c.o.BaseURL + path, Header: header, Body: body})
}

// backups is supabase.backups: what could be restored.
type backups struct {
	client *Client
	places []Place
}

// Spec implements orchestrator.Action.
func (b *backups) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "supabase.backups", Safety: orchestrator.Repeatable, CallTimeout: 28_000, Permissions: []string{"database_read of the project"},
	}
}

// backupsFound is the output. Times are Unix milliseconds, 0 for none.
type backupsFound struct {
	PITR     bool  `json:"pitr"`
	Earliest int64 `json:"earliest"`
	Latest   int64 `json:"latest"`
	Newest   int64 `json:"newest"`
	Complete int   `json:"complete"`
}

// Do reads.
func (b *backups) Do(ctx context.Context, call orchestrator.Call) (orchestrator.Output, error) {
	ref, err := refOf(b.places, call)
	if err != nil {
		return orchestrator.Output{}, err
	}
	l, err := b.client.list(ctx, ref)
	if err != nil {
		return orchestrator.Output{}, err
	}
	f := backupsFound{PITR: l.PITR, Earliest: l.Physical.Earliest * 1000, Latest: l.Physical.Latest * 1000}
	for _, one := range l.Backups {
		if one.Status == "COMPLETED" {
			f.Complete++
		}
	}
	text := "there is no complete backup"
	if at := l.newest(); !at.IsZero() {
		f.Newest = at.UnixMilli()
		text = fmt.Sprintf("%d complete backups, the newest of %s", f.Complete, at.Format(time.RFC3339))
	}
	if l.PITR {
		text += "; any moment from " + second(l.Physical.Earliest) + " to " + second(l.Physical.Latest)
	} else {
		text += "; no point-in-time recovery, which is an add-on"
	}
	data, err := json.Marshal(f)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the backups of %s: %w", ref, err)
	}
	return orchestrator.Output{Data: data, Text: text}, nil
}

func second(unix int64) string {
	if unix == 0 {
		return "a time that Supabase does not tell"
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (b *backups) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "reading backups only looks"}, nil
}

// Plan implements orchestrator.Action.
func (b *backups) Plan(_ context.Context, call orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "Read which backups Supabase has of the database of " + call.Project + "/" + call.Environment}, nil
}
