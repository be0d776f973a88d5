package gateway

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

// The samples have the shape of GitHub's documented payloads, without what is of
// no use here. The secret in the alert is in no documented pattern.
const (
	gitHubRepository = `"repository":{"id":186853002,"full_name":"Codertocat/Hello-World","default_branch":"main","private":true},"sender":{"login":"Codertocat"}}`

	gitHubStatusSample = `{"action":"created","deployment_status":{"id":7009,"state":"failure","creator":{"login":"vercel[bot]"},"description":"","environment":"Production",
"target_url":"https://vercel.com/x","environment_url":"https://shop-abc.vercel.app","created_at":"2026-11-23T09:00:00Z","updated_at":"2026-11-23T09:00:00Z"},
"deployment":{"id":145988746,"sha":"f95f852bd8fca8fcc58a9a2d6c842781e32a215e","ref":"main","task":"deploy","payload":{},"environment":"Production","created_at":"2026-11-23T08:58:00Z"},` + gitHubRepository

	gitHubRunSample = `{"action":"completed","workflow_run":{"id":30433642,"name":"Build","head_branch":"main","head_sha":"009b8a3a9ccbb128af87f9b1c0f4c62e8a304f6d",
"display_title":"fix it","run_number":562,"run_attempt":1,"event":"push","status":"completed","conclusion":"failure","workflow_id":159038,
"html_url":"https://github.com/Codertocat/Hello-World/actions/runs/30433642","created_at":"2026-11-23T08:54:00Z","updated_at":"2026-11-23T09:00:00Z",
"run_started_at":"2026-11-23T08:54:21Z","head_repository":{"full_name":"Codertocat/Hello-World"}},"workflow":{"id":159038,"name":"Build"},` + gitHubRepository

	gitHubLeakSample = `{"action":"created","alert":{"number":42,"created_at":"2026-11-23T08:54:21Z","updated_at":"2026-11-23T08:54:21Z","url":"https://api.github.com/x/42",
"html_url":"https://github.com/Codertocat/Hello-World/security/secret-scanning/42","state":"open","resolution":null,"resolved_at":null,"resolved_by":null,
"secret_type":"adafruit_io_key","secret_type_display_name":"Adafruit IO Key","secret":"aio_XXXXXXXXXXXXXXXXXXXXXXXXXXXX","validity":"active",
"push_protection_bypassed":true,"push_protection_bypassed_by":{"login":"someone"},"push_protection_bypassed_at":"2026-11-23T08:54:00Z","publicly_leaked":false},` + gitHubRepository
)

func gitHubSamples() map[string]string {
	return map[string]string{
		gitHubDeployment: gitHubStatusSample, gitHubRun: gitHubRunSample, gitHubSecret: gitHubLeakSample,
		"ping": `{"zen":"Keep it logically awesome.","hook_id":1,` + gitHubRepository, "dependabot_alert": `{"action":"created","alert":{"number":"x"}}`,
	}
}

func helloWorld() github.Places {
	return github.Places{"codertocat/hello-world": {{Project: "shop", Environments: map[string]string{"production": "production"}}}}
}

func decodeGitHub(t *testing.T, event, body string) Decoded {
	t.Helper()
	got, err := DecodeGitHub(Delivery{
		Origin: "http/github", Header: http.Header{"X-Github-Event": {event}, "X-Github-Delivery": {"d-1"}}, Body: []byte(body), Repositories: helloWorld(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGitHubGolden(t *testing.T) {
	t.Parallel()
	const repo = "Codertocat/Hello-World"
	for event, want := range map[string]*orchestrator.Event{
		gitHubDeployment: {
			Origin: "http/github", ID: "codertocat/hello-world/deployment_status/7009", Type: orchestrator.DeployFailed, Source: "github", Time: 1795424400000,
			Project: "shop", Environment: "production", Name: "deployment 145988746 to Production: failure", URL: "https://shop-abc.vercel.app",
			Commit: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", Labels: map[string]string{"repository": repo, "kind": "deployment_status", "github_environment": "Production"},
		},
		gitHubRun: {
			Origin: "http/github", ID: "codertocat/hello-world/run/30433642/1", Type: orchestrator.AlertFiring, Source: "github", Time: 1795424061000, StartsAt: 1795424061000,
			Project: "shop", Fingerprint: "workflow/codertocat/hello-world/159038", Name: "workflow Build on main", Severity: "warning", Summary: "run 30433642: failure",
			Commit: "009b8a3a9ccbb128af87f9b1c0f4c62e8a304f6d", URL: "https://github.com/Codertocat/Hello-World/actions/runs/30433642",
			Labels: map[string]string{"repository": repo, "kind": "run", "workflow": "Build", "branch": "main", "conclusion": "failure"},
		},
		gitHubSecret: {
			Origin: "http/github", ID: "codertocat/hello-world/secret_scanning/42/open/1795424061000", Type: orchestrator.AlertFiring, Source: "github", Time: 1795424061000, StartsAt: 1795424061000,
			Project: "shop", Fingerprint: "secret_scanning/codertocat/hello-world/42", Name: "secret in Codertocat/Hello-World: Adafruit IO Key", Severity: "critical",
			Summary: "somebody pushed it past push protection: rotate it; GitHub says it is active", URL: "https://github.com/Codertocat/Hello-World/security/secret-scanning/42",
			Labels: map[string]string{"repository": repo, "kind": "secret_scanning", "secret_type": "Adafruit IO Key", "validity": "active", "push_protection": "bypassed"},
		},
		"ping": nil, "dependabot_alert": nil,
	} {
		got := decodeGitHub(t, event, gitHubSamples()[event])
		switch {
		case want == nil && (len(got.Items) != 0 || got.Ignored != 1):
			t.Errorf("%s is not ignored: %+v", event, got)
		case want != nil && (len(got.Items) != 1 || !reflect.DeepEqual(got.Items[0].Record.Event, want) || got.Items[0].Keep != nil):
			t.Errorf("%s:\n got %+v\nwant %+v", event, got.Items[0].Record, want)
		}
	}
}

// TestGitHubKnowsWhatMatters changes one thing of a sample and looks what becomes
// of it: a type, or nothing.
func TestGitHubKnowsWhatMatters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, event, old, new, want string }{
		{"deployed", gitHubDeployment, `"state":"failure"`, `"state":"success"`, orchestrator.DeploySucceeded},
		{"in error", gitHubDeployment, `"state":"failure"`, `"state":"error"`, orchestrator.DeployFailed},
		{"under way", gitHubDeployment, `"state":"failure"`, `"state":"in_progress"`, ""},
		{"a preview", gitHubDeployment, `"environment":"Production"`, `"environment":"Preview"`, ""},
		{"another repository's", gitHubDeployment, "Codertocat/Hello-World", "Codertocat/Other", ""},
		{"a later run that went well", gitHubRun, `"conclusion":"failure"`, `"conclusion":"success"`, orchestrator.AlertResolved},
		{"out of time", gitHubRun, `"conclusion":"failure"`, `"conclusion":"timed_out"`, orchestrator.AlertFiring},
		{"cancelled", gitHubRun, `"conclusion":"failure"`, `"conclusion":"cancelled"`, ""},
		{"on another branch", gitHubRun, `"head_branch":"main"`, `"head_branch":"topic"`, ""},
		{"on a fork's main", gitHubRun, `"head_repository":{"full_name":"Codertocat/Hello-World"}`, `"head_repository":{"full_name":"eve/Hello-World"}`, ""},
		{"of a pull request", gitHubRun, `"event":"push"`, `"event":"pull_request_target"`, ""},
		{"not over", gitHubRun, `"action":"completed"`, `"action":"requested"`, ""},
		{"resolved", gitHubSecret, `"state":"open","resolution":null,"resolved_at":null`, `"state":"resolved","resolution":"revoked","resolved_at":"2026-11-23T09:00:00Z"`, orchestrator.AlertResolved},
		{"without a state", gitHubSecret, `"state":"open",`, ``, orchestrator.AlertFiring},
	} {
		sample := gitHubSamples()[c.event]
		if !strings.Contains(sample, c.old) {
			t.Fatalf("%s: the sample has no %s", c.name, c.old)
		}
		got := decodeGitHub(t, c.event, strings.ReplaceAll(sample, c.old, c.new))
		kind := ""
		if len(got.Items) == 1 && got.Items[0].Record.Event != nil {
			kind = got.Items[0].Record.Event.Type
		}
		if kind != c.want || (c.want == "") != (got.Ignored == 1) {
			t.Errorf("%s: %q, want %q (%+v)", c.name, kind, c.want, got)
		}
	}
}

func TestGitHubSaysWhatIsWrongAndKeepsNoBody(t *testing.T) {
	t.Parallel()
	const secret = "aio_XXXXXXXXXXXXXXXXXXXXXXXXXXXX"
	for _, c := range []struct{ name, event, body, want string }{
		{"no event", "", gitHubLeakSample, "X-GitHub-Event is missing"},
		{"another event", gitHubRun, gitHubLeakSample, "workflow_run is missing"},
		{"no alert", gitHubSecret, gitHubRunSample, "alert is missing"},
		{"no repository", gitHubSecret, strings.ReplaceAll(gitHubLeakSample, `"full_name":"Codertocat/Hello-World"`, `"x":1`), "full_name"},
		{"a shell in the commit", gitHubDeployment, strings.ReplaceAll(gitHubStatusSample, "f95f852b", "$(rm)"), "deployment.sha"},
		{"no number", gitHubSecret, strings.ReplaceAll(gitHubLeakSample, `"number":42`, `"number":0`), "alert.number"},
		{"strange type", gitHubSecret, strings.ReplaceAll(gitHubLeakSample, `"number":42`, `"number":"x"`), "number"},
		{"strange time", gitHubSecret, strings.ReplaceAll(gitHubLeakSample, `"2026-11-23T08:54:21Z"`, `"soon"`), "is no time"},
		{"an action that is a list", gitHubSecret, strings.ReplaceAll(gitHubLeakSample, `"action":"created"`, `"action":[]`), "action"},
	} {
		got := decodeGitHub(t, c.event, c.body)
		if len(got.Items) != 1 || got.Items[0].Record.Bad == nil || !strings.Contains(got.Items[0].Record.Bad.Reason, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
			continue
		}
		if b := got.Items[0]; strings.Contains(b.Record.Bad.Excerpt+b.Record.Bad.Reason+string(b.Keep), secret) || !strings.Contains(b.Record.Bad.Reason, "d-1") {
			t.Errorf("%s keeps the secret or names no delivery: %+v", c.name, b)
		}
	}
	d := newDesk(t, func(o *Options) { o.Sources = []Source{{Name: "github", Auth: AuthHMAC, Secrets: []string{"s1"}}} })
	broken := `{"alert":{"secret":"` + secret
	status, answer, _ := d.post(t, "/hooks/github", broken, "X-Hub-Signature-256", hub256("s1", broken), "X-GitHub-Event", gitHubSecret)
	if rs := d.wants(t, status, answer, 400, "quarantine"); len(rs) != 1 || rs[0].Bad.Excerpt != "" || len(d.blobs) != 0 {
		t.Errorf("broken: %+v", rs)
	}
}

func hub256(secret, body string) string {
	return "sha256=" + hex.EncodeToString(sign(sha256.New, secret, []byte(body)))
}

func TestGitHubProvesWhoItIs(t *testing.T) {
	t.Parallel()
	old := hmac.New(sha1.New, []byte("s1"))
	old.Write([]byte(gitHubLeakSample))
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"right", []string{"X-Hub-Signature-256", hub256("s1", gitHubLeakSample)}, 200},
		{"the secret before", []string{"X-Hub-Signature-256", hub256("s0", gitHubLeakSample)}, 200},
		{"another secret", []string{"X-Hub-Signature-256", hub256("s2", gitHubLeakSample)}, 401},
		{"another body", []string{"X-Hub-Signature-256", hub256("s1", gitHubLeakSample+" ")}, 401},
		{"none", nil, 401},
		{"no hex", []string{"X-Hub-Signature-256", "sha256=zz"}, 401},
		{"the old SHA-1 alone", []string{"X-Hub-Signature", "sha1=" + hex.EncodeToString(old.Sum(nil))}, 401},
		{"a token", []string{"Authorization", "Bearer s1"}, 401},
	} {
		d := newDesk(t, func(o *Options) {
			o.Sources = []Source{{Name: "github", Auth: AuthHMAC, Secrets: []string{"s0", "s1"}}}
			o.Repositories = helloWorld()
		})
		// Again under another delivery id, which the signature does not cover: the same event.
		var ids []string
		for _, delivery := range []string{"d-1", "d-2"} {
			status, answer, _ := d.post(t, "/hooks/github", gitHubLeakSample, append(c.headers, "X-GitHub-Event", gitHubSecret, "X-GitHub-Delivery", delivery)...)
			for _, r := range d.wants(t, status, answer, c.status, "") {
				ids = append(ids, r.Event.ID)
			}
		}
		if ok := c.status == 200; ok != (len(ids) == 2) || ok && ids[0] != ids[1] {
			t.Errorf("%s: %v", c.name, ids)
		}
	}
}

func FuzzDecodeGitHub(f *testing.F) {
	seedBodies(f)
	for _, body := range gitHubSamples() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, event := range []string{gitHubDeployment, gitHubRun, gitHubSecret} {
			if d, err := DecodeGitHub(Delivery{Origin: "http/github", Header: http.Header{"X-Github-Event": {event}}, Body: body, Repositories: helloWorld()}); err == nil {
				fit(t, d)
			}
		}
	})
}
