package orchestrator

// RestorePointSeen is a copy of a database that somebody could restore. Times are Unix
// milliseconds.
type RestorePointSeen struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	// At is the moment the copy shows, Name what a restore is asked for by.
	At   int64  `json:"at"`
	Name string `json:"name"`
	// Verified is set when it was restored somewhere and compared, at VerifiedAt.
	Verified   bool  `json:"verified,omitempty"`
	VerifiedAt int64 `json:"verified_at,omitempty"`
	// Size is what the copy takes and Rows how many it has.
	Size int64 `json:"size,omitempty"`
	Rows int64 `json:"rows,omitempty"`
	// None is set when there is no verified copy any more; then nothing else is told.
	None bool `json:"none,omitempty"`
}

// foldRestorePoint keeps the newest verified one as the folder of the copies has it now:
// one that went is none any more. A copy that was only taken is none either, since
// nobody knows whether it can be read.
func (p *pass) foldRestorePoint(r *RestorePointSeen) {
	if !p.v2() || p.s.Config().environment(r.Project, r.Environment) == nil || !p.s.restorePointWorth(r) {
		return
	}
	set := p.s.Settings(r.Project, r.Environment)
	if set.RestorePoint = nil; !r.None {
		set.RestorePoint = r.point()
	}
	p.saveSettings(r.Project, r.Environment, &set)
}

func (r *RestorePointSeen) point() *RestorePoint {
	return &RestorePoint{At: r.At, Name: clip(r.Name, 200), VerifiedAt: r.VerifiedAt, Size: r.Size, Rows: r.Rows}
}

// restorePointWorth reports whether it says anything new.
func (s *State) restorePointWorth(r *RestorePointSeen) bool {
	old := s.Settings(r.Project, r.Environment).RestorePoint
	switch {
	case r.None:
		return old != nil
	case !r.Verified || r.Name == "":
		return false
	}
	return old == nil || *old != *r.point()
}
