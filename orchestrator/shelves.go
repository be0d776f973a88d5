package orchestrator

import "encoding/binary"

// A record that is kept under a hash would come to lie anywhere among the thousands
// that are there, and in a storm a commit would write a page anew for every one of
// them. So such records stand on shelves, in the order of their coming: a shelf takes
// so many, then the next one begins, and what comes together is written together. What
// is looked for is looked for on every shelf, which costs little, because the store
// knows of most keys that they are not there without a search.
const (
	idShelf     = 100_000
	signalShelf = 128
)

// onShelf is the key of a record on a shelf: what all have in common, the number of the
// shelf, what tells it apart. The first shelf has none, like everything that was kept
// before there were shelves.
func onShelf(common, own []byte, shelf int) []byte {
	key := append(make([]byte, 0, len(common)+2+len(own)), common...)
	if shelf > 0 {
		key = binary.BigEndian.AppendUint16(key, uint16(shelf))
	}
	return append(key, own...)
}

// onShelves looks for a record from the newest shelf down; data is nil when it is on none.
func (s *State) onShelves(b Bucket, common, own []byte, newest int) (key, data []byte) {
	key = onShelf(common, own, newest)
	for shelf := newest; shelf > 0; shelf-- {
		binary.BigEndian.PutUint16(key[len(common):], uint16(shelf))
		if data = s.view.Get(b, key); data != nil {
			return key, data
		}
	}
	key = append(key[:len(common)], own...)
	return key, s.view.Get(b, key)
}

// dayIDs is how many ids were remembered on a day.
type dayIDs struct {
	Day int64 `json:"day"`
	N   int   `json:"n"`
}

// ids are those of a day, made when it has none yet and wanted is set; else it may be nil.
func (s *State) ids(day int64, wanted bool) *dayIDs {
	days := s.meta.IDs
	for i := len(days) - 1; i >= 0; i-- {
		if days[i].Day == day {
			return &days[i]
		}
	}
	if !wanted {
		return nil
	}
	s.meta.IDs = append(days, dayIDs{Day: day})
	return &s.meta.IDs[len(days)]
}

// idShelf is the shelf on which the next id of a day is put.
func (s *State) idShelf(day int64) int {
	if of := s.ids(day, false); of != nil {
		return of.N / idShelf
	}
	return 0
}

// signalShelf is the shelf on which the next new signal of an incident is put.
func (s *State) signalShelf(inc *Incident) int {
	if s.meta.FoldVersion < 2 {
		return 0
	}
	return (inc.Distinct + inc.Left) / signalShelf
}
