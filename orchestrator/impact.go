package orchestrator

import "cmp"

// ends notes when users ceased to be affected, as far as the states tell: the symptom is
// gone, or it is back.
func (inc *Incident) ends(now int64) {
	switch inc.State {
	case Triggered, Mitigating:
		inc.EndedAt = 0
	case Monitoring, Resolved, Closed:
		if inc.EndedAt == 0 {
			inc.EndedAt = now
		}
	}
}

// Impact is the window in which users were affected, in Unix milliseconds: from the
// promotion that is blamed or the first bad signal, whichever was first, to when the
// symptom was found gone, or to now.
func (inc *Incident) Impact(now int64) (from, to int64) {
	from, to = cmp.Or(inc.StartedAt, inc.OpenedAt), cmp.Or(inc.EndedAt, now)
	if inc.Suspect != nil && inc.Suspect.PromotedAt > 0 {
		from = min(from, inc.Suspect.PromotedAt)
	}
	return from, max(from, to)
}

// owedText says how many payments were found paid at the provider and open with the
// shop, by the newest comparison; empty when there is none, or nothing is owed.
func owedText(steps []*Step) string {
	text := ""
	for _, st := range steps {
		var out struct {
			Provider string `json:"provider"`
			Paid     *int   `json:"paid"`
		}
		if st.State != StepDone || len(st.Output) == 0 || !decode(st.Output, &out) || out.Paid == nil || out.Provider == "" {
			continue
		}
		if text = ""; *out.Paid > 0 {
			text = plural(*out.Paid, "payment") + " paid at " + out.Provider + " but unpaid with us"
		}
	}
	return text
}
