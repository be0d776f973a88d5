package orchestrator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Approval is an open or given agreement.
type Approval struct {
	Roles     []string `json:"roles,omitempty"`
	Quorum    int      `json:"quorum"`
	Requester string   `json:"requester,omitempty"`
	Within    int64    `json:"within"`
	Else      string   `json:"else,omitempty"`
	Reason    bool     `json:"reason,omitempty"`
	Confirm   string   `json:"confirm,omitempty"`
	// Auto is set while policy will act by itself when the veto time is over.
	Auto bool `json:"auto,omitempty"`
	// Counted is set when it was counted as an automatic action of the hour.
	Counted bool `json:"counted,omitempty"`
	// Not says why the machine does not act alone where policy would let it.
	Not string `json:"not,omitempty"`
	// Rule says in words which policy decided this.
	Rule  string `json:"rule,omitempty"`
	Votes []Vote `json:"votes,omitempty"`
	// GivenAt is when it was complete.
	GivenAt int64 `json:"given_at,omitempty"`
	Round   int   `json:"round,omitempty"`
}

// clone is an approval of its own: steps that shared one would change each other's, and
// no longer once they were read from disk.
func (a *Approval) clone() *Approval {
	if a == nil {
		return nil
	}
	b := *a
	b.Votes = slices.Clone(a.Votes)
	return &b
}

// Vote is one person's yes.
type Vote struct {
	By     string `json:"by"`
	At     int64  `json:"at"`
	Reason string `json:"reason,omitempty"`
	// Typed is the name that was typed back, where one is asked for.
	Typed string `json:"typed,omitempty"`
}

// maxAsks is how often people are asked again before a step fails.
const maxAsks = 5

// foldPreview takes in what an action would do. From here on an approval is
// bound to this preview.
func (p *pass) foldPreview(pv *Previewed) {
	l, st := p.about("a preview", pv.StepRef)
	if st == nil || st.State != StepAwaiting || st.Work != WorkPreview {
		return
	}
	node := p.node(l, st)
	if node == nil {
		return
	}
	p.unready(l, st)
	if pv.Chunks > maxChunks && p.v2() {
		p.fail(l, st, node, "it would take "+plural(pv.Chunks, "chunk")+", more than "+plural(maxChunks, "chunk"))
		return
	}
	if pv.Error == "" {
		p.previewed(l, st, node, pv)
		return
	}
	if p.v2() && !pv.Gone && st.Preview != nil && st.Approval != nil {
		return // the question stands as it was shown
	}
	st.Looks++
	if pv.Gone || st.Looks >= maxAsks {
		p.fail(l, st, node, "it cannot be said what it would do: "+pv.Error)
		return
	}
	st.Waiting = "a preview; last try: " + clip(pv.Error, 200)
	p.timer(l, st, p.now+int64(st.Looks)*2000)
}

// previewed asks whoever has to agree.
func (p *pass) previewed(l *loaded, st *Step, node *Node, pv *Previewed) {
	if p.v2() && p.sameAsShown(l, st, node, pv) {
		return
	}
	st.Preview = &StepPreview{Hash: pv.Hash, Text: pv.Text, Manual: pv.Manual, Data: pv.Data, At: p.now}
	st.Chunks = pv.Chunks
	p.wouldHave(l, st, node)
	if p.mode(l.inc, node.Action) == Shadow && node.Spec.Effect {
		p.to(l, st, "skip", "shadow mode: would have done: "+pv.Text)
		p.line(l, "backout", titled(node)+": would have done: "+pv.Text)
		p.advance(l)
		return
	}
	if builtIn(node.Action) && node.Approve == nil && !node.Spec.Effect {
		p.proceed(l, st, node)
		return
	}
	p.askApproval(l, st, node)
}

// askApproval decides by policy whether to act alone after a veto time, or
// asks.
func (p *pass) askApproval(l *loaded, st *Step, node *Node) {
	if st.State != StepAwaiting && !p.to(l, st, "ask", "") {
		return
	}
	ap := p.approvalFor(l, node)
	st.Approval = ap
	l.touch(st)
	if p.v2() {
		p.decision(l, st, node, ap)
	}
	if ap.Auto && p.v2() {
		st.Waiting = "the veto time; acts at " + clock(p.now+ap.Within)
		p.timer(l, st, p.now+ap.Within)
		p.changed(l)
		p.askedForIt(l, st, node) // a person has decided; there is nothing to wait for
		return
	}
	if ap.Auto {
		p.line(l, "backout", "acts in "+span(ap.Within)+": "+st.Preview.Text+". Say `stop "+IncidentName(l.inc.N)+"` to prevent it, `now` not to wait. By "+ap.Rule)
		st.Waiting = "the veto time; acts at " + clock(p.now+ap.Within)
		p.timer(l, st, p.now+ap.Within)
		p.changed(l)
		return
	}
	p.line(l, "backout", "asks "+roles(ap.Roles)+": "+strings.TrimSuffix(st.Preview.Text, ".")+". Say `approve "+IncidentName(l.inc.N)+" "+st.ID+"` or `reject`"+confirmHelp(ap, st)+byHand(st)+". Asked because of "+ap.Rule)
	st.Waiting = p.approvalWaiting(ap)
	p.timer(l, st, p.now+ap.Within)
	p.askedForIt(l, st, node)
}

// askedForIt counts whoever asked for a rollback by hand as the first yes to it.
func (p *pass) askedForIt(l *loaded, st *Step, node *Node) {
	ap := st.Approval
	if r := l.inc.Requester; r != "" && ap.Requester != "excluded" && !ap.Reason && node.Spec.Serving && !node.Spec.Forward {
		p.vote(l, st, node, Vote{By: r, At: p.now, Reason: strings.TrimSuffix("asked for it: "+l.inc.Reason, ": ")})
	}
}

// byHand is what a person can do without Backout.
func byHand(st *Step) string {
	if st.Preview == nil || st.Preview.Manual == "" {
		return ""
	}
	return ", or do it by hand: `" + st.Preview.Manual + "`"
}

func (p *pass) approvalWaiting(ap *Approval) string { return p.approvalUntil(ap, p.now+ap.Within) }

func (p *pass) approvalUntil(ap *Approval, until int64) string {
	return strconv.Itoa(len(ap.Votes)) + " of " + plural(ap.Quorum, "approval") + " by " + roles(ap.Roles) + ", until " + clock(until)
}

// lacks says which role somebody would need.
func lacks(who Person, needed []string) string {
	if len(needed) == 1 {
		return who.ID + " does not have the role " + needed[0]
	}
	return who.ID + " has none of the roles " + roles(needed)
}

func roles(rs []string) string {
	if len(rs) == 0 {
		return "anybody on the team"
	}
	return list(rs, "or")
}

// approvalFor finds what policy and playbook ask for; the stricter wins.
func (p *pass) approvalFor(l *loaded, node *Node) *Approval {
	ap := &Approval{
		Roles: []string{p.pageRole()}, Quorum: 1, Within: 10 * 60_000, Else: ElseEscalate,
		Rule: "no policy line for " + node.Action,
	}
	own := node.Approve
	if own == nil || own.Policy {
		p.fromPolicy(l, node, ap)
	}
	if own == nil {
		return ap
	}
	if len(own.Roles) > 0 {
		ap.Roles, ap.Auto = own.Roles, false
		if !own.Policy {
			ap.Rule = "the playbook"
		}
	}
	ap.Quorum = max(ap.Quorum, own.Quorum)
	ap.Reason, ap.Confirm = own.Reason, own.Confirm
	if own.Requester == "excluded" {
		ap.Requester = own.Requester
	}
	if own.Else != "" && !own.Policy {
		ap.Else = own.Else
	}
	if !ap.Auto {
		ap.Within = p.wait(l, own.Within, ap.Within)
	}
	return ap
}

func (p *pass) fromPolicy(l *loaded, node *Node, ap *Approval) {
	kind, _ := p.envVars(l.inc)["kind"].(string)
	because := ""
	for i, a := range p.s.Config().Policies.Autonomy {
		if !p.covers(l, &a, node, kind) {
			continue
		}
		line := "policy line " + strconv.Itoa(i+1) + " (" + a.Action + ")"
		if a.Do == DoAuto {
			if because = p.mustAsk(l, node); because != "" {
				ap.Not = because
				because = "; " + line + " would act alone, but " + because
				ap.Rule += because
				continue // it may not act alone now, so the next line decides who is asked
			}
		}
		ap.Rule = line + because
		ap.Quorum, ap.Requester = max(1, a.Quorum), a.Requester
		if len(a.Roles) > 0 || a.Do != DoAuto || !p.v2() { // `now` is a yes, too, and not anybody's
			ap.Roles = a.Roles
		}
		if a.Within > 0 {
			ap.Within = a.Within
		}
		if a.Else != "" {
			ap.Else = a.Else
		}
		if a.Do == DoAuto {
			ap.Auto, ap.Within = true, max(1, a.Veto)
		}
		return
	}
}

// covers reports whether a line of policy is about an action on an environment of a kind,
// as the incident is now.
func (p *pass) covers(l *loaded, a *Autonomy, node *Node, kind string) bool {
	if (a.Action != "*" && a.Action != node.Action) || (a.Kind != "" && a.Kind != kind) {
		return false
	}
	if a.When == "" {
		return true
	}
	v, err := p.rules.Eval(a.When, p.vars(l))
	return err == nil && v == true
}

// vote counts a yes. The first that completes the quorum decides.
func (p *pass) vote(l *loaded, st *Step, node *Node, v Vote) {
	ap := st.Approval
	ap.Votes = append(ap.Votes, v)
	l.touch(st)
	p.line(l, v.By, "approved "+st.ID+suffix(v.Reason))
	if len(ap.Votes) < ap.Quorum {
		st.Waiting = p.approvalUntil(ap, cmp.Or(st.Timer, p.now+ap.Within)) // a yes gives no more time
		p.changed(l)
		return
	}
	ap.Auto = false
	p.granted(l, st, node)
}

// granted lets an approved step run.
func (p *pass) granted(l *loaded, st *Step, node *Node) {
	st.Approval.GivenAt = p.now
	st.FirstTry = 0
	if p.v2() {
		st.Agreed = true
		if !st.Approval.Auto {
			st.Trying, st.Held, st.Offered, st.Idle = 0, 0, 0, 0
		}
	}
	p.clearStepTimer(l, st)
	p.proceed(l, st, node)
}

// askTimer ends a wait for people: the veto time is over, or nobody answered.
func (p *pass) askTimer(l *loaded, st *Step, node *Node) {
	switch {
	case (st.Preview == nil || st.Approval == nil) && node.Kind == NodeAction && !st.Asked:
		p.work(l, st, WorkPreview, prioRead)
	case node.Kind == NodeAsk || st.Asked:
		p.askOver(l, st, node)
	case st.Approval.Auto:
		p.vetoOver(l, st, node)
	default:
		p.approvalOver(l, st, node)
	}
}

func (p *pass) vetoOver(l *loaded, st *Step, node *Node) {
	if why := p.mustAsk(l, node); why != "" {
		if !p.v2() {
			p.line(l, "backout", "not acting alone: "+why)
		}
		p.askApproval(l, st, node)
		return
	}
	if p.v2() {
		p.sayLong(l, "nobody said stop: "+st.Preview.Text+". Decided by "+st.Approval.Rule+"; "+p.inputsOf(l, node))
	} else {
		p.line(l, "backout", "nobody said stop: "+st.Preview.Text)
	}
	p.granted(l, st, node)
}

func (p *pass) approvalOver(l *loaded, st *Step, node *Node) {
	ap := st.Approval
	ap.Round++
	l.touch(st)
	why := "nobody approved within " + span(ap.Within)
	switch {
	case ap.Else == ElseSkip:
		p.to(l, st, "skip", why)
		p.line(l, "backout", titled(node)+": skipped, "+why)
		p.advance(l)
	case ap.Else == ElseStop || ap.Round >= maxAsks:
		p.fail(l, st, node, why)
	default:
		p.remind(l, ap, p.stillAsked(l, st, ap))
		p.lookAgain(l, st, node)
		st.Waiting = p.approvalWaiting(ap)
		p.timer(l, st, p.now+ap.Within)
	}
}

// stillAsked is what somebody is woken with whose yes is missing: what it is about, what
// to type, and how to do it without Backout.
func (p *pass) stillAsked(l *loaded, st *Step, ap *Approval) string {
	text := "Still waits for " + roles(ap.Roles) + ": " + st.Preview.Text
	if !p.v2() {
		return text
	}
	return "Still waits for " + roles(ap.Roles) + ": " + strings.TrimSuffix(clip(st.Preview.Text, 240), ".") +
		". Say `approve " + IncidentName(l.inc.N) + " " + st.ID + "` or `reject`" + byHand(st)
}

// mayAnswer reports why a person may not decide about a step; "" if they may.
func (p *pass) mayAnswer(l *loaded, st *Step, who Person) string {
	ap := st.Approval
	if ap == nil {
		return "nothing is asked there yet"
	}
	if !who.HasRole(ap.Roles) {
		return lacks(who, ap.Roles)
	}
	if ap.Requester == "excluded" && p.asked(l, st, who.ID) {
		return who.ID + " asked for it and may not approve it as well"
	}
	if i := slices.IndexFunc(ap.Votes, func(v Vote) bool { return v.By == who.ID }); i >= 0 {
		return who.ID + " has approved already; " + strconv.Itoa(ap.Quorum-len(ap.Votes)) + " more needed from others"
	}
	return ""
}
