package spectest_test

import (
	"testing"

	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

func TestChecker_judgesRequests(t *testing.T) {
	t.Parallel()
	vercel, mail := spectest.Vercel(t), spectest.SendGrid(t)
	tests := []struct {
		name                      string
		checker                   *spectest.Checker
		method, path, query, body string
		fits                      bool
	}{
		{"rollback", vercel, "POST", "/v1/projects/p/rollback/dpl_1", "teamId=t&description=why", "{}", true},
		{"rollback without body", vercel, "POST", "/v1/projects/p/rollback/dpl_1", "slug=s", "", true},
		{"poll", vercel, "GET", "/v9/projects/p", "rollbackInfo=true&teamId=t", "", true},
		{"candidates", vercel, "GET", "/v6/deployments", "projectId=p&target=production&state=READY&rollbackCandidate=true&limit=20", "", true},
		{"wrong version", vercel, "POST", "/v3/projects/p/rollback/dpl_1", "", "", false},
		{"mistyped parameter", vercel, "GET", "/v9/projects/p", "teamID=t", "", false},
		{"mistyped value", vercel, "GET", "/v6/deployments", "limit=many", "", false},
		{"mail", mail, "POST", "/v3/mail/send", "", `{"personalizations":[{"to":[{"email":"a@b.test"}]}],"from":{"email":"c@d.test"},"subject":"s","content":[{"type":"text/plain","value":"x"}]}`, true},
		{"mail without from", mail, "POST", "/v3/mail/send", "", `{"personalizations":[{"to":[{"email":"a@b.test"}]}]}`, false},
		{"mail with a wrong type", mail, "POST", "/v3/mail/send", "", `{"personalizations":{},"from":{"email":"c@d.test"},"subject":"s"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.checker.Check(tt.method, tt.path, tt.query, []byte(tt.body)); (err == nil) != tt.fits {
				t.Errorf("Check answered %v, want fits=%v", err, tt.fits)
			}
		})
	}
}
