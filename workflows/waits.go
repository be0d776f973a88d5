package workflows

import (
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

// elses are the ends a wait can have.
func elses() []string {
	return []string{orchestrator.ElseDefault, orchestrator.ElseEscalate, orchestrator.ElsePage, orchestrator.ElseStop, orchestrator.ElseSkip}
}

func (pb *playbook) parseAction(s *step, f fieldset) {
	s.node.Kind = orchestrator.NodeAction
	s.node.Action = f.text("uses")
	s.node.With = pb.parseWith(s, f)
	s.node.Approve = pb.parseApprove(s, f)
	if v, ok := f.value("retry", isMap); ok {
		pb.parseRetry(s, v)
	}
}

// maxRetry is how long an action may be retried before a person takes over, in
// milliseconds.
const maxRetry = 10 * 60_000

func (pb *playbook) parseRetry(s *step, v *value) {
	f, ok := pb.open(v, "retry", "max", "for")
	if !ok {
		return
	}
	s.node.Retry = orchestrator.Retry{Max: f.number("max", 1, 20), For: f.wait("for", &s.exprs)}
	if ms, ok := milliseconds(string(s.node.Retry.For)); ok && ms > maxRetry {
		pb.fail(f.pos("for"), "write for: 10m or less", "retries end after 10 minutes, then a person decides")
	}
}

// parseWith reads inputs: JSON values, or CEL where a text starts with "=".
func (pb *playbook) parseWith(s *step, f fieldset) map[string]any {
	v, ok := f.value("with", isMap)
	if !ok {
		return nil
	}
	out := map[string]any{}
	s.inputs = map[string]pos{}
	for _, e := range v.entries {
		s.inputs[e.key] = e.at
		if x, ok := asExpression(e.val); ok {
			s.exprs = append(s.exprs, x)
			out[e.key] = "=" + x.text
			continue
		}
		out[e.key] = pb.literal(e.val)
	}
	return out
}

// literal is a JSON value as written; CEL deep inside one is refused because
// nobody would evaluate it.
func (pb *playbook) literal(v *value) any {
	switch v.kind {
	case isString:
		if _, ok := asExpression(v); ok {
			pb.fail(v.at, "let the whole input be one expression", "an expression stands deep inside an input")
		}
		return v.text
	case isInt:
		return v.number
	case isBool:
		return v.truth
	case isMap:
		out := map[string]any{}
		for _, e := range v.entries {
			out[e.key] = pb.literal(e.val)
		}
		return out
	case isList:
		out := []any{}
		for _, item := range v.items {
			out = append(out, pb.literal(item))
		}
		return out
	case isNull:
	}
	return nil
}

// parseApprove reads `approve: policy` or a mapping.
func (pb *playbook) parseApprove(s *step, f fieldset) *orchestrator.Approve {
	e, ok := f.byKey["approve"]
	if !ok {
		return nil
	}
	if e.val.kind == isString {
		f.oneOf("approve", "policy")
		return &orchestrator.Approve{Policy: true}
	}
	what := f.what + ": approve"
	a, ok := pb.open(e.val, what, "policy", "roles", "quorum", "requester", "within", "else", "reason", "confirm")
	if !ok {
		return nil
	}
	out := &orchestrator.Approve{
		Policy:    a.truth("policy"),
		Roles:     texts(a.words("roles")),
		Quorum:    a.number("quorum", 1, 9),
		Requester: a.oneOf("requester", "excluded", "may_count"),
		Within:    a.wait("within", &s.exprs),
		Else:      a.oneOf("else", orchestrator.ElseEscalate, orchestrator.ElsePage, orchestrator.ElseStop, orchestrator.ElseSkip),
		Reason:    a.oneOf("reason", "required") != "",
		Confirm:   pb.parseConfirm(a),
	}
	pb.finishApprove(out, a, what)
	return out
}

// parseConfirm reads what each approval must type back: typed_name, alone or in a list.
func (pb *playbook) parseConfirm(a fieldset) string {
	for _, w := range a.words("confirm") {
		if w.text != orchestrator.ConfirmName {
			pb.fail(w.at, "write confirm: "+orchestrator.ConfirmName, "%s: confirm cannot be %q", a.what, w.text)
			continue
		}
		return w.text
	}
	return ""
}

// finishApprove makes sure that the wait for people has a deadline and an end;
// where policy decides, policy has them.
func (pb *playbook) finishApprove(out *orchestrator.Approve, a fieldset, what string) {
	if out.Policy {
		return
	}
	if len(out.Roles) == 0 {
		pb.fail(a.at, "add roles: [on-call], or write approve: policy", "%s names nobody", what)
	}
	if out.Quorum == 0 {
		out.Quorum = 1
	}
	if out.Else == "" {
		out.Else = pb.otherwise
	}
	pb.needsDeadline(a, what)
	pb.needsEnd(a, what, out.Else)
}

func (pb *playbook) needsDeadline(f fieldset, what string) {
	if !f.has("within") {
		pb.fail(f.at, "add within: 15m", "%s waits without a deadline", what)
	}
}

func (pb *playbook) needsEnd(f fieldset, what, otherwise string) {
	if otherwise == "" && !f.has("else") {
		pb.fail(f.at, "add else: page here, or at the top of the playbook", "%s does not say what happens when nobody answers", what)
	}
}

// parseAsk reads a question.
func (pb *playbook) parseAsk(v *value, what string, exprs *[]expression) *orchestrator.Ask {
	what += ": ask"
	f, ok := pb.open(v, what, "roles", "within", "default", "else", "choice", "checklist", "typed")
	if !ok {
		return nil
	}
	out := &orchestrator.Ask{
		Roles:     texts(f.words("roles")),
		Within:    f.wait("within", exprs),
		Default:   f.text("default"),
		Else:      f.oneOf("else", elses()...),
		Checklist: texts(f.words("checklist")),
		Typed:     texts(f.ids("typed")),
	}
	if c, ok := f.value("choice", isMap); ok {
		out.Choice = pb.parseChoices(c, what, exprs)
	}
	if out.Else == "" {
		out.Else = pb.otherwise
	}
	if len(out.Choice)+len(out.Checklist)+len(out.Typed) == 0 {
		pb.fail(f.at, "add choice:, checklist: or typed:", "%s asks for nothing", what)
	}
	if len(out.Roles) == 0 {
		pb.fail(f.at, "add roles: [on-call]", "%s names nobody who may answer", what)
	}
	pb.needsDeadline(f, what)
	pb.needsEnd(f, what, out.Else)
	pb.checkDefault(out, f, what)
	return out
}

func (pb *playbook) parseChoices(v *value, what string, exprs *[]expression) []orchestrator.Choice {
	var out []orchestrator.Choice
	for _, e := range v.entries {
		pb.checkID(e.key, e.at, what+": choice")
		c := orchestrator.Choice{Key: e.key}
		if e.val.kind == isString {
			c.Text = e.val.text
		} else if f, ok := pb.open(e.val, what+": choice "+e.key, "text", "refused", "needs"); ok {
			c.Text, c.Refused = f.text("text"), f.text("refused")
			if x, ok := f.condition("needs", inPlan); ok {
				c.Needs = x.text
				*exprs = append(*exprs, x)
			}
			if f.has("needs") && c.Refused == "" {
				pb.fail(f.pos("needs"), "add refused: why it cannot be taken, and what to do", "%s: the choice %q does not say why it is refused when its needs are not met", what, e.key)
			}
		}
		if c.Text == "" {
			pb.fail(e.at, "say what choosing it does", "%s: the choice %q has no text", what, e.key)
		}
		out = append(out, c)
	}
	return out
}

// checkDefault makes sure that the default is a choice that can be taken.
func (pb *playbook) checkDefault(a *orchestrator.Ask, f fieldset, what string) {
	if a.Else == orchestrator.ElseDefault && a.Default == "" {
		pb.fail(f.pos("else"), "add default: one of the choices", "%s: else is default and there is no default", what)
	}
	if a.Default == "" {
		return
	}
	i := slices.IndexFunc(a.Choice, func(c orchestrator.Choice) bool { return c.Key == a.Default })
	switch {
	case i < 0:
		var keys []string
		for _, c := range a.Choice {
			keys = append(keys, c.Key)
		}
		pb.fail(f.pos("default"), nearest(a.Default, keys), "%s: the default %q is not one of the choices", what, a.Default)
	case a.Choice[i].Refused != "":
		pb.fail(f.pos("default"), "choose another default", "%s: the default %q is refused", what, a.Default)
	case len(a.Typed)+len(a.Checklist) > 0:
		pb.fail(f.pos("default"), "remove default: or ask for it in a step of its own", "%s: typed answers and checklists have no default", what)
	}
}

func (pb *playbook) parseGate(s *step, f fieldset) {
	s.node.Kind = orchestrator.NodeGate
	what := f.what + ": gate"
	g, ok := pb.open(f.byKey["gate"].val, what, "uses", "with", "signals", "pass", "every", "consecutive", "within", "no_data", "min_sample")
	if !ok {
		return
	}
	gate := &orchestrator.Gate{
		Uses:        g.text("uses"),
		With:        pb.parseWith(s, g),
		Signals:     g.truth("signals"),
		Every:       g.wait("every", &s.exprs),
		Consecutive: g.count("consecutive", &s.exprs),
		Within:      g.wait("within", &s.exprs),
		MinSample:   g.upTo(1_000_000, "min_sample", &s.exprs),
		NoData:      g.oneOf("no_data", "errored", "inconclusive"),
	}
	s.keys["gate.uses"] = g.pos("uses")
	if (gate.Uses != "") == gate.Signals {
		pb.fail(g.at, "give it uses: ACTION or signals: true", "%s must look at one thing: an action or the signals", what)
	}
	at := inUsesGate
	if gate.Signals {
		at = inSignalsGate
	}
	if x, ok := g.condition("pass", at); ok {
		gate.Pass = x.text
		s.exprs = append(s.exprs, x)
	}
	pb.finishGate(g, f, what)
	s.node.Gate = gate
}

// finishGate makes sure that the gate measures, has a deadline and an end. The
// end may come from the group it stands in; flattening looks again.
func (pb *playbook) finishGate(g, f fieldset, what string) {
	for key, fix := range map[string]string{"pass": "add pass: =failing == 0", "every": "add every: 30s", "consecutive": "add consecutive: 2", "no_data": "add no_data: errored, or inconclusive to ask a person"} {
		if !g.has(key) {
			pb.fail(g.at, fix, "%s has no %s", what, key)
		}
	}
	pb.needsDeadline(g, what)
}

// parseOnFailure reads stop, continue, page, {ask: …} or {open: PLAYBOOK}.
func (pb *playbook) parseOnFailure(s *step, f fieldset) {
	e, ok := f.byKey["on_failure"]
	if !ok {
		return
	}
	if e.val.kind == isString {
		if e.val.text == orchestrator.FailAsk {
			pb.fail(e.val.at, "write on_failure: {ask: {roles, within, else, choice}}", "%s: the question is not written out", f.what)
			return
		}
		s.node.OnFailure.Do = f.oneOf("on_failure", orchestrator.FailStop, orchestrator.FailContinue, orchestrator.FailPage)
		return
	}
	inner, ok := pb.open(e.val, f.what+": on_failure", "ask", "open")
	if !ok {
		return
	}
	switch {
	case inner.has("ask") && !inner.has("open"):
		s.node.OnFailure = orchestrator.OnFailure{Do: orchestrator.FailAsk, Ask: pb.parseAsk(inner.byKey["ask"].val, f.what+": on_failure", &s.exprs)}
	case inner.has("open") && !inner.has("ask"):
		s.keys["on_failure.open"] = inner.pos("open")
		s.node.OnFailure = orchestrator.OnFailure{Do: orchestrator.FailOpen, Open: inner.text("open")}
	default:
		pb.fail(inner.at, "write one of them", "%s: on_failure is either ask or open", f.what)
	}
}
