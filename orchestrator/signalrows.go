package orchestrator

import "fmt"

// keptSignal is a Signal as it is kept: in a storm it is most of what is written, so its
// names are short. It has the fields of Signal, in their
// order, so that one is turned into the other.
type keptSignal struct {
	Fingerprint string  `json:"f"`
	Name        string  `json:"n,omitempty"`
	Source      string  `json:"src,omitempty"`
	Severity    string  `json:"sev,omitempty"`
	Summary     string  `json:"sum,omitempty"`
	Component   string  `json:"comp,omitempty"`
	Release     string  `json:"rel,omitempty"`
	Firing      bool    `json:"on,omitempty"`
	Count       int     `json:"count,omitempty"`
	First       int64   `json:"at"`
	Last        int64   `json:"last,omitempty"`
	StartsAt    int64   `json:"starts,omitempty"`
	FirstSeen   int64   `json:"new,omitempty"`
	Project     string  `json:"project,omitempty"`
	Environment string  `json:"env,omitempty"`
	Hits        int     `json:"hits,omitempty"`
	Fired       []int64 `json:"fired,omitempty"`
	Ended       int64   `json:"ended,omitempty"`
	Raw         []Raw   `json:"raw,omitempty"`
	Single      bool    `json:"single,omitempty"`
}

// signalRow is a record of BucketSignal.
type signalRow struct {
	keptSignal
	// Once says that it fired once, when it was first heard of: the count, the last time
	// and the times it fired are left out.
	Once bool `json:"once,omitempty"`
}

// row is a signal as it is kept: whole, until every instance reads the short records.
func (s *State) row(sig *Signal) any {
	if s.meta.FoldVersion < 2 {
		return sig
	}
	return sig.row()
}

func (sig *Signal) row() *signalRow {
	r := signalRow{keptSignal: keptSignal(*sig)}
	if r.Count == 1 && r.Last == r.First && len(r.Fired) == 1 && r.Fired[0] == r.First {
		r.Once, r.Count, r.Last, r.Fired = true, 0, 0, nil
	}
	return &r
}

// readSignal reads a record of BucketSignal, and one of before there was signalRow.
func readSignal(data []byte, sig *Signal) bool {
	var r signalRow
	if !decode(data, &r) {
		return false
	}
	if r.Fingerprint == "" && r.First == 0 {
		return decode(data, sig)
	}
	if r.Once {
		r.Count, r.Last, r.Fired = 1, r.First, []int64{r.First}
	}
	*sig = Signal(r.keptSignal)
	return true
}

// findSignal looks a signal of an incident up. Where there is none, key is where it
// belongs.
func (s *State) findSignal(inc *Incident, sum []byte, sig *Signal) (key []byte, found bool) {
	common, newest := incidentKey(inc.N), s.signalShelf(inc)
	key, data := s.onShelves(BucketSignal, common, sum, newest)
	if data == nil {
		return onShelf(common, sum, newest), false
	}
	if !readSignal(data, sig) {
		s.decodeErr = fmt.Errorf("decoding a signal of %s", IncidentName(inc.N))
	}
	return key, true
}
