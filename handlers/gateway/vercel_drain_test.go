package gateway

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// drainSample has the shape of Vercel's documented lines: two requests to orders
// that failed, one of them with two lines, a crash, a success, a preview, a build.
var drainSample = []string{
	`{"id":"l1","deploymentId":"dpl_new","source":"lambda","host":"shop.example.com","timestamp":1795424061000,"projectId":"prj_1","level":"error","message":"boom ann@example.com","path":"/api/orders/184467?token=s3cr3t","requestId":"r1","statusCode":500,"environment":"production","proxy":{"timestamp":1795424060500,"method":"GET","host":"shop.example.com","path":"/api/orders/184467?token=s3cr3t","statusCode":500,"userAgent":["x"],"clientIp":"198.51.100.7"}}`,
	`{"id":"l2","deploymentId":"dpl_new","source":"lambda","timestamp":1795424061100,"projectId":"prj_1","level":"error","requestId":"r1","path":"/api/orders/184467","statusCode":500,"environment":"production"}`,
	`{"id":"l3","deploymentId":"dpl_new","source":"lambda","timestamp":1795424062000,"projectId":"prj_1","requestId":"r2","statusCode":"502","environment":"production","proxy":{"path":"/api/orders/77aa-bb","statusCode":502}}`,
	`{"id":"l4","deploymentId":"dpl_new","source":"lambda","timestamp":1795424063000,"projectId":"prj_1","requestId":"r3","path":"/checkout","statusCode":-1,"environment":"production"}`,
	`{"id":"l5","deploymentId":"dpl_new","source":"static","timestamp":1795424063000,"projectId":"prj_1","requestId":"r4","path":"/","statusCode":200,"environment":"production"}`,
	`{"id":"l6","deploymentId":"dpl_pre","source":"lambda","timestamp":1795424063000,"projectId":"prj_1","requestId":"r5","path":"/","statusCode":500,"environment":"preview"}`,
	`{"id":"l7","deploymentId":"dpl_new","source":"build","timestamp":1795424063000,"projectId":"prj_1","message":"statusCode 500"}`,
}

func TestVercelDrainGolden(t *testing.T) {
	t.Parallel()
	want := []*orchestrator.Event{{
		Name: "5xx on /api/orders/*", Fingerprint: "drain/api/orders/*", Summary: "1 x 500, 1 x 502 on dpl_new", Value: "2", StartsAt: 1795424060500, Time: 1795424062000,
		EventIDs: []string{"r1", "r2"}, Labels: map[string]string{"vercel_project": "prj_1", "route": "/api/orders/*"},
	}, {
		Name: "5xx on /checkout", Fingerprint: "drain/checkout", Summary: "1 x -1 on dpl_new", Value: "1", StartsAt: 1795424063000, Time: 1795424063000,
		EventIDs: []string{"r3"}, Labels: map[string]string{"vercel_project": "prj_1", "route": "/checkout"},
	}}
	for i := range want {
		want[i].Origin, want[i].Source, want[i].Type, want[i].Severity, want[i].Project = "http/vercel-drain", "vercel-drain", orchestrator.AlertFiring, "error", "shop"
		want[i].Release, want[i].DeploymentID = "dpl_new", "dpl_new"
	}
	var ids []string
	for _, body := range []string{"[" + strings.Join(drainSample, ",") + "]", strings.Join(drainSample, "\n"), strings.Join(drainSample, "\r\n") + "\r\n\r\n"} {
		got, err := DecodeVercelDrain(Delivery{Origin: "http/vercel-drain", Body: []byte(body), VercelProjects: map[string]string{"prj_1": "shop"}})
		if err != nil || len(got.Items) != 2 || got.Ignored != 3 {
			t.Fatalf("%+v %v", got, err)
		}
		for i, it := range got.Items {
			ev := *it.Record.Event
			ids = append(ids, ev.ID)
			ev.ID = ""
			if !reflect.DeepEqual(&ev, want[i]) || it.Keep != nil {
				t.Errorf("\n got %+v\nwant %+v", &ev, want[i])
			}
		}
	}
	if ids[0] == ids[1] || ids[0] != ids[2] || ids[1] != ids[3] || ids[1] != ids[5] || !strings.HasPrefix(ids[0], "drain/dpl_new/%2Fapi%2Forders%2F*/") {
		t.Errorf("the same failures have other ids, or others the same: %v", ids)
	}
}

func TestVercelDrainInAStorm(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf(`{"id":"l%d","deploymentId":"dpl_new","projectId":"prj_1","timestamp":1795424061000,"requestId":"r%d","path":"/%c%c","statusCode":500}`, i, i, 'a'+i%20, 'a'+i%23))
	}
	got, err := DecodeVercelDrain(Delivery{Origin: "http/vercel-drain", Body: []byte(strings.Join(lines, "\n"))})
	if err != nil || len(got.Items) != maxDrainRoutes || got.Ignored != 20*23-maxDrainRoutes {
		t.Fatal(len(got.Items), got.Ignored, err)
	}
	one := `{"deploymentId":"dpl_new","timestamp":1795424061000,"path":"/a","statusCode":500,"requestId":"r`
	got, err = DecodeVercelDrain(Delivery{Body: []byte(one + strings.Join(strings.Split(strings.Repeat("x", 200), ""), `"}`+"\n"+one+"y") + `"}`)})
	if err != nil || len(got.Items) != 1 || got.Items[0].Record.Event.Value != "2" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestDrainRoutes(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"": "/", "/": "/", "/a/b?x=1": "/a/b", "/a#x": "/a", "/v1/orders/42": "/v1/orders/*", "/o/550e8400-e29b-41d4-a716-446655440000": "/o/*",
		"/u/ann@example.com/x": "/u/*/x", "/u/ann%40example.com": "/u/*", "/k/sk_live_51Habc4242": "/k/*", "/t/abcdefghij0123456789zz": "/t/*", "/api/v2beta/x1y": "/api/v2beta/x1y",
	} {
		if got := routeOf(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := routeOf("/" + strings.Repeat("long/", 500)); len(got) > maxRoute {
		t.Errorf("%d bytes", len(got))
	}
}

func TestVercelDrainProvesWhoItIs(t *testing.T) {
	t.Parallel()
	body := strings.Join(drainSample, "\n")
	signature := hex.EncodeToString(sign(sha1.New, "s1", []byte(body)))
	d := newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "vercel-drain", Auth: AuthHMAC, Secrets: []string{"s1"}, Verify: "code-1"}}
	})
	var seen []string
	for _, c := range []struct {
		name, body, signature string
		status, records       int
	}{
		{"right", body, signature, 200, 2},
		{"replayed", body, signature, 200, 2},
		{"wrong", body, hex.EncodeToString(sign(sha1.New, "s2", []byte(body))), 401, 0},
		{"missing", body, "", 401, 0},
		{"another body", body + "\n", signature, 401, 0},
		{"a look at the address", "", "", 200, 0},
	} {
		status, answer, h := d.post(t, "/hooks/vercel-drain", c.body, "X-Vercel-Signature", c.signature)
		rs := d.wants(t, status, answer, c.status, "")
		if len(rs) != c.records || h.Get("X-Vercel-Verify") != "code-1" {
			t.Errorf("%s: %+v, header %q", c.name, rs, h.Get("X-Vercel-Verify"))
		}
		for _, r := range rs {
			seen = append(seen, r.Event.ID)
		}
	}
	if len(seen) != 4 || seen[0] != seen[2] {
		t.Errorf("%v", seen)
	}
	res, err := d.Client().Get(d.URL + "/hooks/vercel-drain")
	if err != nil || res.StatusCode != 200 || res.Header.Get("X-Vercel-Verify") != "code-1" {
		t.Errorf("GET: %+v %v", res, err)
	}
	_ = res.Body.Close()
}

func TestVercelDrainSaysWhatIsWrongAndKeepsNoLine(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) { o.Sources, o.Loopback = []Source{{Name: "vercel-drain", Auth: AuthNone}}, true })
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`secret text`, 400, "neither a JSON list"},
		{`[{"message":"secret text"`, 400, "JSON"},
		{"", 400, "neither"},
		{`["secret text"]`, 200, "a line cannot be read"},
		{"{}\nsecret text", 200, "a line cannot be read"},
		{`{"statusCode":500,"message":"secret text"}`, 200, "deploymentId is missing"},
		{`{"statusCode":500,"deploymentId":"dpl_1","message":"secret text"}`, 200, "requestId is missing"},
		{`{"statusCode":500,"deploymentId":"dpl_1","id":"1","timestamp":"secret text"}`, 200, "timestamp is no time"},
	} {
		status, answer, _ := d.post(t, "/hooks/vercel-drain", c.body)
		rs := d.wants(t, status, answer, c.status, "")
		if len(rs) != 1 || rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.want) || strings.Contains(rs[0].Bad.Excerpt+rs[0].Bad.Reason, "secret") || len(d.blobs) != 0 {
			t.Errorf("%s: %+v", c.body, rs)
		}
	}
}

func TestVercelRollingRelease(t *testing.T) {
	t.Parallel()
	const body = `{"type":"project.rolling-release.KIND","id":"evt_9","createdAt":1763885000000,"payload":{"team":{"id":"team_1"},"user":{"id":"usr_1"},"project":{"id":"prj_1","name":"shop"},
"rollingRelease":{"projectId":"prj_1","deploymentIds":["dpl_old","dpl_new"],"state":"ACTIVE","activeStageIndex":0,"default":{"baseDeploymentId":"dpl_old","targetDeploymentId":"dpl_new","targetPercentage":5}},"prevRollingRelease":null}}`
	for kind, want := range map[string][3]string{
		"started": {orchestrator.DeploySucceeded, "dpl_new", "dpl_old"}, "approved": {orchestrator.DeploySucceeded, "dpl_new", "dpl_old"},
		"completed": {orchestrator.DeployPromoted, "dpl_new", "dpl_old"}, "aborted": {orchestrator.DeployRolledBack, "dpl_old", "dpl_new"},
	} {
		for _, b := range []string{body, strings.ReplaceAll(body, `"project":{"id":"prj_1","name":"shop"}`, `"projectId":"prj_1"`)} {
			got, err := DecodeVercel(Delivery{Origin: "http/vercel", Body: []byte(strings.ReplaceAll(b, "KIND", kind)), VercelProjects: map[string]string{"prj_1": "shop"}})
			if err != nil || len(got.Items) != 1 || got.Items[0].Record.Event == nil {
				t.Fatalf("%s: %+v %v", kind, got, err)
			}
			if ev := got.Items[0].Record.Event; ev.Type != want[0] || ev.DeploymentID != want[1] || ev.Previous != want[2] || ev.Project != "shop" || ev.ID != "evt_9" {
				t.Errorf("%s: %+v", kind, ev)
			}
		}
	}
	got, err := DecodeVercel(Delivery{Body: []byte(`{"type":"project.rolling-release.completed","id":"e","payload":{"projectId":"p"}}`)})
	if err != nil || len(got.Items) != 1 || got.Items[0].Record.Bad == nil {
		t.Errorf("without deployments: %+v %v", got, err)
	}
}

// TestVercelDeploymentEvents names every deployment event of Vercel's list and what
// becomes of it.
func TestVercelDeploymentEvents(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"created": orchestrator.DeployCreated, "succeeded": orchestrator.DeploySucceeded, "ready": orchestrator.DeploySucceeded, "promoted": orchestrator.DeployPromoted,
		"error": orchestrator.DeployFailed, "canceled": orchestrator.DeployFailed, "blocked": orchestrator.DeployFailed, "checks.failed": orchestrator.DeployFailed,
		"build-requested": "", "cleanup": "", "check-rerequested": "", "checkrun.start": "", "checkrun.cancel": "", "checks.succeeded": "",
	} {
		body := `{"type":"deployment.` + kind + `","id":"e","createdAt":1763885000000,"payload":{"target":"production","project":{"id":"prj_1"},"deployment":{"id":"dpl_1"}}}`
		got, err := DecodeVercel(Delivery{Origin: "http/vercel", Body: []byte(body)})
		switch {
		case err != nil:
			t.Fatal(err)
		case want == "" && (got.Ignored != 1 || len(got.Items) != 0), want != "" && (len(got.Items) != 1 || got.Items[0].Record.Event == nil || got.Items[0].Record.Event.Type != want):
			t.Errorf("deployment.%s: %+v, want %q", kind, got, want)
		}
	}
}

func FuzzDecodeVercelDrain(f *testing.F) {
	seedBodies(f)
	f.Add([]byte("[" + strings.Join(drainSample, ",") + "]"))
	f.Add([]byte(strings.Join(drainSample, "\n")))
	f.Add([]byte(`{"deploymentId":"d","id":1,"statusCode":599,"path":"/%40@/\u202e?#","timestamp":1e99}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if d, err := DecodeVercelDrain(Delivery{Origin: "http/vercel-drain", Body: body}); err == nil {
			fit(t, d)
		}
	})
}
