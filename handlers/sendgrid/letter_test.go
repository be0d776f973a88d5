package sendgrid_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestLetters compares each mail as it arrives with testdata; UPDATE=1 writes them anew.
func TestLetters(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *sendgrid.Options) {
		o.Audiences = []orchestrator.Audience{{ID: "two", CSV: file(t, "email,lang\nann@x.test,ko\nbob@x.test,en\n"), Max: 2}}
		o.Projects = []orchestrator.Project{{ID: "shop", Components: []orchestrator.Component{
			{ID: "checkout", Title: map[string]string{"en": "Checkout (Toss)", "ko": "결제"}, Upstream: "toss"},
		}}}
		o.Location = time.FixedZone("KST", 9*60*60)
	})
	for _, kind := range []string{"affected", "identified", "resolved"} {
		for name, more := range map[string]map[string]any{
			"plain": {},
			"full":  {"component": "checkout", "started": 1763920980000, "to": 1763921220000, "title": "Market <&> Co\nBcc: x"},
		} {
			inputs := map[string]any{"kind": kind, "audience": "two"}
			maps.Copy(inputs, more)
			preview := p.plan(call(inputs))
			before := len(p.mails())
			for n := 1; n <= preview.Chunks; n++ {
				if _, err := p.action.Do(t.Context(), chunk(call(inputs), preview, n)); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range p.mails()[before:] {
				lang := map[string]string{"ann@x.test": "ko", "bob@x.test": "en"}[m.To]
				got := fmt.Sprintf("Subject: %s\n\n%s\n-- html --\n%s", m.Subject, m.Text, m.HTML)
				golden(t, fmt.Sprintf("%s.%s.%s", kind, name, lang), got)
				for _, provider := range []string{"toss", "vercel", "stripe", "sendgrid"} {
					if strings.Contains(strings.ToLower(got), provider) {
						t.Errorf("%s in %s names %s", kind, lang, provider)
					}
				}
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (%v); got\n%s", path, err, got)
	}
}

func TestLetters_componentThatIsItsProviderIsNotNamed(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *sendgrid.Options) {
		o.Audiences = []orchestrator.Audience{{ID: "ops", Emails: []string{"a@x.test"}}}
		o.Projects = []orchestrator.Project{{ID: "shop", Components: []orchestrator.Component{
			{ID: "card", Title: map[string]string{"en": "Stripe cards"}, Upstream: "stripe"},
		}}}
	})
	for _, component := range []string{"card", "unknown"} {
		if text := p.plan(call(map[string]any{"kind": "identified", "audience": "ops", "component": component})).Text; !strings.Contains(text, "some features are not working") {
			t.Errorf("%s: %s", component, text)
		}
	}
}
