package orchestrator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// contained is an incident whose database was made read-only by word.
func contained(t *testing.T) *book {
	t.Helper()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	c := testConfig(orchestrator.Live)
	c.Projects[0].Environments[0].Database = orchestrator.Database{Direct: true, AppRoles: []string{"app"}}
	c.Policies.Autonomy = append(c.Policies.Autonomy, orchestrator.Autonomy{Action: "*", Do: orchestrator.DoAsk, Roles: []string{"on-call"}, Quorum: 1})
	b.config(c)
	b.promoted("dpl_bad")
	b.alert("5xx")
	b.writes("off", `{"since":1699999990000,"by":"INC-1","roles":["app"]}`)
	return b
}

// writes says `writes off` or `on`, and lets it happen.
func (b *book) writes(to, data string) {
	b.t.Helper()
	if r := b.say("ann", "writes", "INC-1", "action="+to); !r.OK {
		b.t.Fatal(r.Text)
	}
	b.previewAs("writes_"+to, "w", "the right to write")
	b.say("bob", "approve", "INC-1", "writes_"+to)
	d := b.intend("writes_"+to, "dpl_bad")
	if !d.Accepted {
		b.t.Fatalf("%+v\n%s", d, b.story())
	}
	b.add(orchestrator.SubjectResults(0), 0, orchestrator.Record{Result: &orchestrator.Result{
		StepRef: d.Intent.StepRef, Attempt: d.Intent.Attempt, Kind: orchestrator.ResultDone, Text: "proven", Data: json.RawMessage(data),
	}})
}

func (b *book) waiting() string {
	inc, steps := b.state.Incident(1)
	var all []string
	for _, w := range b.state.WaitsOn(inc, steps) {
		all = append(all, w.Step+": "+w.For)
	}
	return strings.Join(all, "\n")
}

func TestReadOnly_isNeverForgotten(t *testing.T) {
	t.Parallel()
	b := contained(t)
	const text = "the database of shop/production is read-only for app since "
	if got := b.state.ReadOnlyText("shop", "production"); !strings.HasPrefix(got, text) || !strings.Contains(got, "by INC-1: `writes on` lets writes in again") {
		t.Errorf("%q", got)
	}
	if got := b.waiting(); !strings.Contains(got, "writes: a person: "+text) {
		t.Errorf("it waits for %s", got)
	}
	pages := b.pages(1)
	if r := b.say("ann", "resolve", "INC-1"); !r.OK {
		t.Fatal(r.Text)
	}
	if b.pages(1) != pages+1 {
		t.Errorf("%d pages, had %d:\n%s", b.pages(1), pages, b.story())
	}
	b.wantSaid("page: INC-1 is resolved and " + text)
	if r := b.say("ann", "close", "INC-1"); !r.OK {
		t.Fatal(r.Text)
	}
	if got := b.found(orchestrator.FindReadOnly); !strings.Contains(got, "INC-1 is closed and "+text) {
		t.Errorf("found %q", got)
	}
	if r := b.say("ann", "writes", "INC-1", "action=on"); r.OK || !strings.Contains(r.Text, "is closed; open one with") {
		t.Errorf("%+v", r)
	}
}

func TestReadOnly_givenBack(t *testing.T) {
	t.Parallel()
	b := contained(t)
	b.writes("on", `{"since":1699999990000,"by":"INC-1","roles":["app"]}`)
	if got := b.state.ReadOnlyText("shop", "production"); got != "" || strings.Contains(b.waiting(), "writes:") {
		t.Errorf("%q, waits for %s", got, b.waiting())
	}
	b.say("ann", "resolve", "INC-1")
	if strings.Contains(b.story(), "is resolved and the database") {
		t.Error(b.story())
	}
}

// Adopted, it stays whose it was; said to be done by hand, it is since then.
func TestReadOnly_whose(t *testing.T) {
	t.Parallel()
	b := contained(t)
	b.writes("off", `{"since":1699999980000,"by":"INC-7","roles":["app"]}`)
	if ro := b.state.Settings("shop", "production").ReadOnly; ro == nil || ro.N != 7 || ro.Since != 1699999980000 {
		t.Errorf("%+v", ro)
	}
	b.writes("off", `{}`)
	if ro := b.state.Settings("shop", "production").ReadOnly; ro == nil || ro.N != 1 || ro.Since != b.now {
		t.Errorf("%+v", ro)
	}
}

// A step that ends badly after it may have taken the rights does not end in silence; what
// was refused before anything was changed says nothing of the kind.
func TestReadOnly_perhaps(t *testing.T) {
	t.Parallel()
	for kind, want := range map[orchestrator.ResultKind]string{orchestrator.ResultFailed: "", orchestrator.ResultInDoubt: "may be read-only since "} {
		b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
		c := testConfig(orchestrator.Live)
		c.Projects[0].Environments[0].Database = orchestrator.Database{Direct: true, AppRoles: []string{"app"}}
		b.config(c)
		b.promoted("dpl_bad")
		b.alert("5xx")
		b.say("ann", "writes", "INC-1", "action=off")
		b.previewAs("writes_off", "w", "the right to write")
		b.say("bob", "approve", "INC-1", "writes_off")
		b.result(b.intend("writes_off", "dpl_bad"), kind)
		if kind == orchestrator.ResultInDoubt {
			if r := b.say("ann", "skip", "INC-1", "writes_off"); !r.OK {
				t.Fatal(r.Text)
			}
		}
		if got := b.state.ReadOnlyText("shop", "production"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q\n%s", kind, got, b.story())
		}
	}
}

func TestReadOnly_byWord(t *testing.T) {
	t.Parallel()
	b := newBook(t, onePlan(rollbackNode()), orchestrator.Live)
	b.promoted("dpl_bad")
	b.alert("5xx")
	if r := b.say("cat", "writes", "INC-1", "action=off"); r.OK || !strings.Contains(r.Text, "none of the roles") {
		t.Errorf("%+v", r)
	}
	if r := b.say("ann", "writes", "INC-1", "action=off"); r.OK || !strings.Contains(r.Text, "names no roles of the application") {
		t.Errorf("%+v", r)
	}
}
