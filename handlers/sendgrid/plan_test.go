package sendgrid_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/orchestrator"
)

func TestPlan_saysWhoGetsWhatAndMailsNobody(t *testing.T) {
	t.Parallel()
	list := "\ufeffEmail,name,LANG\n" +
		"ann@x.test,\"Lee, Ann\",ko-KR\nANN@x.test,Twin,en\nnobody,No Address,ko\nbob@y.test,Bob,\n\"cho@z.test\nx: y\",Header,ko\ncho@z.test,,ko\n"
	p := start(t, audience(orchestrator.Audience{ID: "buyers", CSV: file(t, list), Max: 3}))
	c := call(map[string]any{"kind": "identified", "audience": "buyers"})
	preview := p.plan(c)
	want := `mail 3 people (ko 2, en 1) in audience buyers: "[Shop] 일부 기능 이용에 문제가 있습니다"; for example b***@y.test, a***@x.test, c***@z.test; 2 left out as no address (line 4, 6)`
	if preview.Text != want || preview.Chunks != 2 {
		t.Errorf("%d chunks, text\n%s\nwant\n%s", preview.Chunks, preview.Text, want)
	}
	for _, address := range []string{"ann@", "bob@", "cho@"} {
		if strings.Contains(string(preview.Data), address) || strings.Contains(preview.Text, address) {
			t.Errorf("the preview gives %s away", address)
		}
	}
	var data struct {
		Blob, Kind, Text string
		Count            int
	}
	if err := json.Unmarshal(preview.Data, &data); err != nil || data.Blob == "" || data.Count != 3 || data.Kind != "identified" || !strings.Contains(data.Text, "INC-7") {
		t.Errorf("data %s: %v", preview.Data, err)
	}
	if again := p.plan(c); string(again.Data) != string(preview.Data) || again.Text != preview.Text {
		t.Errorf("a second look differs:\n%s\n%s", preview.Data, again.Data)
	}
	if n := len(p.calls()); n != 0 {
		t.Errorf("planning made %d calls", n)
	}
}

func TestPlan_refusals(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *sendgrid.Options) {
		o.Audiences = []orchestrator.Audience{
			{ID: "ops", Emails: []string{"a@x.test"}},
			{ID: "none", Emails: []string{"nobody"}},
			{ID: "grown", CSV: csvFile(t, 12), Max: 10},
			{ID: "no_column", CSV: file(t, "mail,lang\na@x.test,ko\n")},
			{ID: "broken", CSV: file(t, "email,lang\na@x.test\n")},
			{ID: "void", CSV: file(t, "")},
			{ID: "missing", CSV: "/nowhere/users.csv"},
		}
	})
	for _, tt := range []struct{ kind, audience, says string }{
		{"identified", "everyone", `no audience "everyone"`},
		{"identified", "", "names its audience"},
		{"guessed", "ops", `no notice of kind "guessed"; there are affected, identified and resolved`},
		{"identified", "none", "is empty; 1 left out"},
		{"identified", "grown", "has 12 people, its max is 10"},
		{"identified", "no_column", "no column email"},
		{"identified", "broken", "line 2"},
		{"identified", "void", "header"},
		{"identified", "missing", "no such file"},
	} {
		_, err := p.action.Plan(t.Context(), call(map[string]any{"kind": tt.kind, "audience": tt.audience}))
		if err == nil || !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s to %q: %v, want a permanent error with %q", tt.kind, tt.audience, err, tt.says)
		}
	}
	if _, err := p.action.Plan(t.Context(), orchestrator.Call{Inputs: json.RawMessage(`{"kind": 7}`)}); !orchestrator.IsPermanent(err) {
		t.Errorf("wrong inputs: %v", err)
	}
}

func TestPlan_sameAsMailsExactlyThePeopleOfBefore(t *testing.T) {
	t.Parallel()
	path := csvFile(t, 5)
	p := start(t, audience(orchestrator.Audience{ID: "buyers", CSV: path, Max: 10}))
	first := p.plan(call(map[string]any{"kind": "identified", "audience": "buyers"}))
	var data struct{ Blob string }
	if err := json.Unmarshal(first.Data, &data); err != nil {
		t.Fatal(err)
	}
	grown := start(t, nil) // Another place without that audience: only the blob counts.
	if _, err := grown.action.Plan(t.Context(), call(map[string]any{"kind": "resolved", "audience": "buyers", "same_as": data.Blob})); err == nil {
		t.Error("a snapshot that is gone was planned")
	}
	second := p.plan(call(map[string]any{"kind": "resolved", "audience": "buyers", "same_as": data.Blob}))
	if !strings.HasPrefix(second.Text, "mail 5 people (ko 3, en 2)") || !strings.HasSuffix(second.Text, "exactly those who got the notice before") {
		t.Errorf("text %s", second.Text)
	}
	for n := 1; n <= second.Chunks; n++ {
		if _, err := p.action.Do(t.Context(), chunk(call(nil), second, n)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(p.mails()); got != 5 {
		t.Errorf("%d mails", got)
	}
}

func TestNew_refusals(t *testing.T) {
	t.Parallel()
	good := sendgrid.Options{APIKey: apiKey, From: "status@shop.test", Blobs: &shelf{}}
	for name, change := range map[string]func(*sendgrid.Options){
		"no key":        func(o *sendgrid.Options) { o.APIKey = "" },
		"no sender":     func(o *sendgrid.Options) { o.From = "Shop" },
		"bad reply_to":  func(o *sendgrid.Options) { o.ReplyTo = "Shop <a@b.test>" },
		"big chunks":    func(o *sendgrid.Options) { o.ChunkSize = 1001 },
		"no blobs":      func(o *sendgrid.Options) { o.Blobs = nil },
		"wrong network": func(o *sendgrid.Options) { o.AllowPrivate = []string{"nowhere"} },
	} {
		o := good
		change(&o)
		if _, err := sendgrid.New(o); err == nil || strings.Contains(fmt.Sprint(err), apiKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sendgrid.New(good); err != nil {
		t.Error(err)
	}
}
