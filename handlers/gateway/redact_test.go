package gateway

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sk_live_51HabcDEF is in a gist":            "[masked] is in a gist",
		"rk_live_51Habc":                            "[masked]",
		"STRIPE=sk_live_51Habc;":                    "STRIPE=[masked];",
		"whsec_test1234":                            "[masked]",
		"live_sk_abcd1234 test_sk_abcd1234":         "[masked] [masked]",
		"live_gsk_abcd1234":                         "[masked]",
		"SG.abcdefghijklmnop.qrstuvwxyz0123456789.": "[masked].",
		"sbp_0123456789abcdef0123":                  "[masked]",
		"xoxb-123-456-abc and xoxp-1234":            "[masked] and [masked]",
		"ghp_0123456789abcdef, gho_x1y2z3":          "[masked], [masked]",
		"github_pat_11ABCDEF_xyz":                   "[masked]",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln": "[masked]",
		"postgres://app:p4ss@db:5432/x":             "postgres://app:[masked]@db:5432/x",
		"postgres://app:p@ss@db/x":                  "postgres://app:[masked]@db/x",
		"postgres://app:pa/ss@db/x":                 "postgres://app:[masked]@db/x",
		`postgres:\/\/app:pw@db`:                    `postgres:\/\/app:[masked]@db`,
		"redis://:pw@cache":                         "redis://:[masked]@cache",
		"Authorization: Bearer abc":                 "Authorization: [masked]",
		"authorization: Basic YWJj\nnext: line":     "authorization: [masked]\nnext: line",
		`{"Authorization":["Bearer abc"],"a":1}`:    `{"Authorization":["[masked]"],"a":1}`,
		`Authorization: Digest username="x", r="y"`: "Authorization: [masked]",
		"Backout-Token: bo_1":                       "Backout-Token: [masked]",
		"curl with Bearer abcdef0123456789 please":  "curl with Bearer [masked] please",
		"card 4111 1111 1111 1111, thanks":          "card [masked], thanks",
		"4111-1111-1111-1111":                       "[masked]",
		"5555555555554444":                          "[masked]",
		"3782 822463 10005":                         "[masked]",
		`"key\nsk_live_51Habc"`:                     `"key\n[masked]"`,
		`\u003csk_live_51Habc\u003e`:                `\u003c[masked]\u003e`,
		"?key%3Dsk_live_51Habc":                     "?key%3D[masked]",
	} {
		got, found := Mask(text)
		if got != want || !found {
			t.Errorf("%s\n gave %s\n want %s", text, got, want)
		}
		if again, found := Mask(got); found {
			t.Errorf("%s is masked again: %s", got, again)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "risk_live_stream_dashboard", "desk_test_results", "highs_and_lows", "the bearer of bad news is late", "authorization failed", "authorization: ",
		"4111 1111 1111 1112", "1763885000000", "20261123085421763", "2026-11-23 08:54:21.763734718", "fingerprint f9c5091ce1beb56a", "dpl_9f3c2e1", "0.4111111111111111",
		"https://shop.test:8443/a:b@c", "https://user@host/path", "mailto:a@b.c", "http://host:80/x@y", "4a111111-1111-4111-8111-111111111111", "SG.", "eyJ", "sk_live_", "+82-10-0000-0001",
		"41111111111111111111111", "id_4111111111111111", "[masked]", "Authorization: [masked]", "x://u:[masked]@h",
	} {
		if got, found := Mask(text); found || got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := string(RedactBytes([]byte(`{"a":"sk_live_1234567"}`))); !json.Valid([]byte(got)) || got != `{"a":"[masked]"}` || Redact("x") != "x" {
		t.Errorf("%s", got)
	}
}

// TestAHostileMegabyteIsLookedThroughInTime: eight times the text takes about eight
// times as long; what looks back at every letter would take sixty-four times.
func TestAHostileMegabyteIsLookedThroughInTime(t *testing.T) {
	t.Parallel()
	look := func(unit string, size int) time.Duration {
		start := time.Now()
		Redact(strings.Repeat(unit, size/len(unit)))
		return time.Since(start)
	}
	for _, unit := range []string{"a://", "a://b:c", "a://b:cd/", "authorization", "authorization:", "authorization: ", "sk_live_", "xsk_live_", "eyJ.", "4", "4 ", "4111 ", "bearer ", "%34", `\\u0034`, "ghp_", "SG."} {
		eighth := max(look(unit, MaxBody/8), 50*time.Millisecond)
		if took := look(unit, MaxBody); took > 40*eighth {
			t.Errorf("a megabyte of %q takes %v, an eighth of it %v", unit, took, eighth)
		}
	}
}
