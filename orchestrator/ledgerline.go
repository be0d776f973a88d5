package orchestrator

// LedgerLine is a deployment of the ledger as people read it.
type LedgerLine struct {
	Deployment
	// Grade is proven, served, unknown or bad.
	Grade string `json:"grade"`
	// VariablesSince were changed after it was built; CronsSince differ from those of
	// what serves.
	VariablesSince []string `json:"variables_since,omitempty"`
	CronsSince     []string `json:"crons_since,omitempty"`
}

// Ledger lists the deployments of an environment, newest first, with what is known.
func (s *State) Ledger(project, env string) []LedgerLine {
	set, serves := s.Settings(project, env), s.Env(project, env).Promoted
	out := []LedgerLine{}
	var crons *[]string
	all := s.Deployments(project, env)
	for i := range all {
		if all[i].ID == serves {
			crons = all[i].Crons
		}
	}
	for i := range all {
		d := &all[i]
		target, _ := s.grade(project, env, d, s.meta.Now)
		l := LedgerLine{Deployment: *d, Grade: target.Grade, VariablesSince: variablesSince(d, &set)}
		if d.Bad != "" {
			l.Grade = GradeBad
		}
		if d.Crons != nil && crons != nil {
			l.CronsSince = append(only(*crons, *d.Crons), only(*d.Crons, *crons)...)
		}
		out = append(out, l)
	}
	return out
}
