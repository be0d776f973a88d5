package orchestrator

import "strconv"

// Bounds of the self-audit: how late things may be before it says so, in
// milliseconds, and how many records it looks at.
const (
	lateTimer   = 60_000
	lateStep    = 60_000
	lateReady   = 120_000
	auditLooks  = 2000
	auditListed = 20
)

// Audit compares what should be happening with what is: timers that are overdue,
// attempts that run past their deadline, ready steps that nobody takes. It changes
// nothing; the owner of partition 0 appends what it finds.
func (s *State) Audit(now int64) []Finding {
	out := s.overdueTimers(now)
	out = append(out, s.stuckAttempts(now)...)
	return append(out, s.untakenSteps(now)...)
}

func (s *State) overdueTimers(now int64) []Finding {
	late, first := 0, TimerFired{}
	s.Timers(func(_ []byte, t TimerFired, _ int) bool {
		if t.Due > now-lateTimer {
			return false
		}
		if late == 0 {
			first = t
		}
		late++
		return late < auditLooks
	})
	if late == 0 {
		return nil
	}
	return []Finding{{Kind: FindOverdue, Key: "timers", Text: plural(late, "timer") + " overdue, the first since " + clock(first.Due) + " of " + IncidentName(first.N) +
		". What waits for a time does not go on; `backout cluster` shows who should act"}}
}

func (s *State) stuckAttempts(now int64) []Finding {
	var refs []StepRef
	s.view.Scan(BucketRunning, nil, nil, func(k, _ []byte) bool {
		if len(k) >= 18 {
			refs = append(refs, parseStepKey(k[2:]))
		}
		return len(refs) < auditLooks
	})
	var out []Finding
	for _, ref := range refs {
		inc, st, node := s.find(ref)
		if node == nil || st.Attempt == nil || now < st.Attempt.At+StartWindow+node.Spec.CallTimeout+node.Spec.Settle+lateStep {
			continue
		}
		out = append(out, Finding{Kind: FindStuck, Key: IncidentName(inc.N) + "/" + st.ID + "/" + strconv.Itoa(st.Chunk), Text: titled(node) + " of " + IncidentName(inc.N) +
			" was begun at " + clock(st.Attempt.At) + " and has neither ended nor been given up. A restart of its instance puts it in doubt and it is looked at"})
		if len(out) == auditListed {
			break
		}
	}
	return out
}

func (s *State) untakenSteps(now int64) []Finding {
	var out []Finding
	for p := range s.meta.Partitions {
		var oldest StepRef
		n := 0
		s.Ready(p, func(_ []byte, ref StepRef) bool {
			if n == 0 {
				oldest = ref
			}
			n++
			return n < auditLooks
		})
		_, st, _ := s.find(oldest)
		if n == 0 || st == nil || now < st.Since+lateReady {
			continue
		}
		out = append(out, Finding{Kind: FindOwner, Key: strconv.Itoa(p), Text: plural(n, "step") + " of partition " + strconv.Itoa(p) + " ready since " + clock(st.Since) +
			" and nobody takes them; `backout cluster` shows who should act"})
	}
	return out
}

// Blind lists the environments whose provider cannot be read, since when.
func (s *State) Blind() map[string]int64 {
	out := map[string]int64{}
	for _, pr := range s.Config().Projects {
		for _, e := range pr.Environments {
			if since := s.Env(pr.ID, e.ID).BlindSince; since > 0 {
				out[pr.ID+"/"+e.ID] = since
			}
		}
	}
	return out
}

func (s *State) find(ref StepRef) (*Incident, *Step, *Node) {
	l := s.incident(ref.N)
	if l == nil {
		return nil, nil, nil
	}
	st := l.step(ref)
	if st == nil {
		return l.inc, nil, nil
	}
	return l.inc, st, s.Node(l.inc, st)
}

// AuditKinds are the kinds of findings that Audit makes and takes back.
func AuditKinds() []string { return []string{FindOverdue, FindStuck, FindOwner} }
