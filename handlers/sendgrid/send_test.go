package sendgrid_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/orchestrator"
)

func TestDo_everybodyExactlyOnceInTheirLanguage(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *sendgrid.Options) {
		o.Audiences = []orchestrator.Audience{{ID: "buyers", CSV: csvFile(t, 3000), Max: 5000}}
		o.UnsubscribeGroup = 42
	})
	c := call(map[string]any{"kind": "identified", "audience": "buyers"})
	preview := p.plan(c)
	if preview.Chunks != 4 { // 750 English, then 2,250 Korean.
		t.Fatalf("%d chunks", preview.Chunks)
	}
	var all sync.WaitGroup
	for n := 1; n <= preview.Chunks; n++ {
		all.Go(func() {
			if out, err := p.action.Do(t.Context(), chunk(c, preview, n)); err != nil || out.Data == nil {
				t.Errorf("chunk %d: %+v %v", n, out, err)
			}
		})
	}
	all.Wait()
	got := map[string]int{}
	for _, m := range p.mails() {
		got[m.To]++
		korean := strings.Contains(m.Subject, "문제가 있습니다")
		var i int
		if _, err := fmt.Sscanf(m.To, "user%d@", &i); err != nil || korean != (i%4 != 0) {
			t.Fatalf("%s got %q", m.To, m.Subject)
		}
		if m.CustomArgs["incident"] != "INC-7" || m.CustomArgs["backout_attempt"] != "attempt-1" || !strings.HasPrefix(fmt.Sprint(m.CustomArgs["backout_key"]), "key-") {
			t.Fatalf("custom_args %v", m.CustomArgs)
		}
	}
	for i := range 3000 {
		if n := got[fmt.Sprintf("user%d@shop.test", i)]; n != 1 {
			t.Fatalf("user%d got %d mails", i, n)
		}
	}
	if len(p.calls()) != 4 {
		t.Errorf("%d requests for 4 chunks", len(p.calls()))
	}
	checkSpec(t, p)
}

// checkSpec holds every request against SendGrid's own document.
func checkSpec(t *testing.T, p *post) {
	t.Helper()
	spec := spectest.SendGrid(t)
	for _, c := range p.calls() {
		// The document calls custom_args a string, SendGrid's library sends an object.
		if err := spec.Check(c.Method, c.Path, c.Query, []byte(c.Body)); err != nil {
			t.Errorf("call %d: %v", c.N, err)
		}
		var body struct {
			Personalizations []struct {
				To []struct{ Email string }
			}
		}
		if err := json.Unmarshal([]byte(c.Body), &body); err != nil || len(body.Personalizations) > 1000 {
			t.Errorf("%d personalizations, %v", len(body.Personalizations), err)
		}
		for _, one := range body.Personalizations {
			if len(one.To) != 1 {
				t.Fatalf("%d people see each other", len(one.To))
			}
		}
	}
}

func TestDo_whatCanGoWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		fault     sandbox.Fault
		is        func(error) bool
		says      string
		delivered int
	}{
		{"broke after the work", sandbox.Fault{Kind: sandbox.FaultAfter}, orchestrator.IsInDoubt, "500", 1},
		{"broke before the work", sandbox.Fault{Kind: sandbox.FaultBefore}, orchestrator.IsInDoubt, "500", 0},
		{"answer lost", sandbox.Fault{Kind: sandbox.FaultDrop}, orchestrator.IsInDoubt, "no answer", 1},
		{"revoked key", sandbox.Fault{Kind: sandbox.FaultRevoked}, orchestrator.IsPermanent, "Mail Send", 0},
		{"throttled", sandbox.Fault{Kind: sandbox.FaultLimited}, func(err error) bool {
			return orchestrator.RetryDelay(err) >= time.Second && !orchestrator.IsInDoubt(err) && !orchestrator.IsPermanent(err)
		}, "429: too many requests", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, audience(orchestrator.Audience{ID: "ops", Emails: []string{"a@x.test"}}))
			c := call(map[string]any{"kind": "resolved", "audience": "ops"})
			preview := p.plan(c)
			p.fault(tt.fault)
			_, err := p.action.Do(t.Context(), chunk(c, preview, 1))
			if err == nil || !tt.is(err) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
			if strings.Contains(fmt.Sprint(err), apiKey) || strings.Contains(p.log.String(), apiKey) {
				t.Errorf("the key is told: %v\n%s", err, p.log)
			}
			out, err := p.action.Verify(t.Context(), chunk(c, preview, 1), "")
			if err != nil || out.Kind != orchestrator.OutcomeCannotTell || out.Text == "" {
				t.Errorf("verify: %+v %v", out, err)
			}
			// Never again by itself: one request, whatever it did.
			if got := len(p.mails()); got != tt.delivered || len(p.calls()) != 1 {
				t.Errorf("%d mails in %d calls, want %d in 1", got, len(p.calls()), tt.delivered)
			}
		})
	}
}

func TestDo_nothingWasSentIsNoDoubt(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	p := start(t, func(o *sendgrid.Options) {
		o.BaseURL = gone.URL
		o.Audiences = []orchestrator.Audience{{ID: "ops", Emails: []string{"a@x.test"}}}
	})
	gone.Close()
	c := call(map[string]any{"kind": "resolved", "audience": "ops"})
	preview := p.plan(c)
	if _, err := p.action.Do(t.Context(), chunk(c, preview, 1)); err == nil || orchestrator.IsInDoubt(err) || orchestrator.IsPermanent(err) {
		t.Errorf("nobody listens: %v", err)
	}
	for name, wrong := range map[string]orchestrator.Call{
		"no preview": c, "chunk 0": chunk(c, preview, 0), "chunk 2": chunk(c, preview, 2),
	} {
		if _, err := p.action.Do(t.Context(), wrong); !orchestrator.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDo_reasonsHideAddresses(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	err := p.client.Mail(t.Context(), orchestrator.Person{ID: "ann", Email: "ann@x.test"}, "", "text")
	if !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "subject is required") || strings.Contains(err.Error(), "ann@x.test") {
		t.Errorf("error %v", err)
	}
}

func TestPages_mailOnePerson(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	pages := p.client
	ann := orchestrator.Person{ID: "ann", Name: "Lee; Ann", Email: "ann@x.test"}
	if !pages.Reaches(ann) || pages.Reaches(orchestrator.Person{ID: "bob"}) || pages.Name() != "e-mail" {
		t.Error("who can be reached is wrong")
	}
	if err := pages.Page(t.Context(), ann, "INC-7: checkout is down\nlook"); err != nil {
		t.Fatal(err)
	}
	if err := pages.Page(t.Context(), orchestrator.Person{ID: "bob"}, "x"); !orchestrator.IsPermanent(err) {
		t.Errorf("nobody to mail: %v", err)
	}
	mails := p.mails()
	if len(mails) != 1 || mails[0].To != "ann@x.test" || mails[0].Subject != "[page] INC-7: checkout is down look" || !strings.Contains(mails[0].Text, "\nlook") {
		t.Errorf("mails %+v", mails)
	}
	checkSpec(t, p)
}
