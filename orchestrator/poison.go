package orchestrator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-json"
)

// Bounds of what is taken from the log. An entry over maxEntry bytes was not
// written by Backout and is not read; an excerpt in quarantine has maxExcerpt.
const (
	maxEntry   = 2 << 20
	maxExcerpt = 512
)

// ErrStore means that the store broke under the fold: damage, not a bad record.
var ErrStore = errors.New("the state's file is damaged; move state.db out of the data folder and start Backout again: it is made anew from the log")

// opened decodes an entry; one that cannot be is quarantined and has no records.
func (p *pass) opened(e Entry) *Envelope {
	if e.ahead != nil {
		return e.ahead
	}
	old := !p.v2()
	var env *Envelope
	err := fmt.Errorf("an entry of %d bytes was not read; the limit is %d", len(e.Data), maxEntry)
	if old || len(e.Data) <= maxEntry {
		env, err = decodeSafely(e.Data)
	}
	if err == nil {
		return env
	}
	bad := Bad{Origin: "log", Reason: err.Error()}
	if !old {
		p.now = p.s.meta.Now
		bad.Excerpt = clip(string(e.Data[:min(len(e.Data), maxExcerpt+1)]), maxExcerpt)
	}
	p.quarantine(bad)
	return &Envelope{}
}

func decodeSafely(data []byte) (env *Envelope, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("decoding an entry: the decoder broke: %v", cause)
		}
	}()
	return DecodeEnvelope(data)
}

// take folds one record and outlives what it breaks on, so that one bad record is
// one line of quarantine and not the end of every start.
//
// What the record had changed before it broke stays changed. That is the same on
// every instance and after every restart, because the fold is a function of state
// and record alone: it breaks at the same place with the same half done. The one
// thing that may differ is which incidents are cached, so everything cached
// counts as changed and goes into the view. A break inside the view itself is
// this instance's own and stops it.
//
// It needs no fold version: older behaviour ended the process here.
func (p *pass) take(r *Record) error {
	decisions, replies := len(p.out.Decisions), len(p.out.Replies)
	cause, err := p.safely(func() error { return p.record(r) })
	if cause == "" {
		return err
	}
	p.s.keepAll()
	p.out.Decisions, p.out.Replies = p.out.Decisions[:decisions], p.out.Replies[:replies]
	p.quarantine(Bad{Origin: "log", Reason: "the fold broke on this record: " + cause, Excerpt: p.excerpt()})
	p.answerPoison(r)
	if _, err := p.safely(func() error { p.poisoned(r, cause); return nil }); err != nil {
		return err
	}
	p.s.keepAll()
	return nil
}

// safely runs fn and returns what it broke on in words, "" if it did not break.
func (p *pass) safely(fn func() error) (cause string, err error) {
	defer func() {
		broke := recover()
		if broke == nil {
			return
		}
		cause = clip(fmt.Sprint(broke), 200)
		if p.s.watch.busy || Faulted(broke) {
			cause, err = "", fmt.Errorf("%w (%s)", ErrStore, cause)
		}
	}()
	return "", fn()
}

// Faulted reports whether what was recovered is a fault at a real address: what was read
// from the view is memory of the store's file, and the file is damaged. Only goroutines
// that asked for it by debug.SetPanicOnFault outlive one.
func Faulted(recovered any) bool {
	_, faulted := recovered.(interface {
		RuntimeError()
		Addr() uintptr
	})
	return faulted
}

// show shows an incident in the chat.
func (p *pass) show(n uint64) error {
	cause, err := p.safely(func() error { p.showInChat(n); return nil })
	if cause != "" {
		p.s.keepAll()
	}
	return err
}

// answerPoison answers whoever waits for this record: an intent is refused, a
// command gets a reply.
func (p *pass) answerPoison(r *Record) {
	switch {
	case r.Intent != nil:
		p.refuse(r.Intent, "the fold broke on the intent; it is in quarantine")
	case r.Command != nil:
		p.out.Replies = append(p.out.Replies, Reply{ID: r.Command.ID, Text: "this version of Backout breaks on that command; it is in quarantine as entry " + strconv.FormatUint(p.seq, 10) + " and perhaps half done. Look at the incident"})
	}
}

// poisoned tells people, and leaves the step that the record is about to them.
func (p *pass) poisoned(r *Record, cause string) {
	ref, ok := refOf(r)
	if l := p.s.incident(ref.N); ok && l != nil {
		p.line(l, "backout", "entry "+strconv.FormatUint(p.seq, 10)+" could not be folded and is in quarantine: "+cause)
		if st := l.step(ref); st != nil && !st.State.Ended() {
			if node := p.node(l, st); node != nil {
				p.park(l, st, node, "an entry about it could not be folded: "+cause)
			}
		}
	}
	p.finding(&Finding{Kind: FindPoison, Key: cause, Text: "a record of the log went to quarantine because this version breaks on it (" + cause + "). `backout quarantine list` shows it; please report it"})
}

// refOf is the step that a record is about.
func refOf(r *Record) (StepRef, bool) {
	switch {
	case r.Intent != nil:
		return r.Intent.StepRef, true
	case r.Result != nil:
		return r.Result.StepRef, true
	case r.Preview != nil:
		return r.Preview.StepRef, true
	case r.Measure != nil:
		return r.Measure.StepRef, true
	case r.Verified != nil:
		return r.Verified.StepRef, true
	case r.Timer != nil:
		if ref, ok := parseStepTimer(r.Timer.N, r.Timer.Name); ok {
			return ref, true
		}
		return StepRef{N: r.Timer.N, Ordinal: -1}, true
	case r.Command != nil:
		return StepRef{N: r.Command.Incident, Ordinal: -1}, true
	}
	return StepRef{}, false
}

// unknownKind keeps a record that a newer version wrote.
func (p *pass) unknownKind() {
	if !p.v2() {
		return
	}
	p.quarantine(Bad{Origin: "log", Reason: "a record of a kind that this version does not know", Excerpt: p.excerpt()})
	p.finding(&Finding{Kind: FindPoison, Key: "unknown kind", Text: "the log has records of a kind that this version does not know; they are in quarantine. Install the version that wrote them"})
}

// nowhere keeps a record about an incident or a step that does not exist.
func (p *pass) nowhere(what string, ref StepRef) {
	if !p.v2() {
		return
	}
	about := "an incident that does not exist: " + IncidentName(ref.N)
	if p.s.incident(ref.N) != nil {
		about = "a step that " + IncidentName(ref.N) + " does not have"
	}
	p.quarantine(Bad{Origin: "log", Reason: what + " of " + about, Excerpt: p.excerpt()})
}

// excerpt is the beginning of the record at hand, as it stands in the entry.
func (p *pass) excerpt() string {
	var env struct {
		Records []json.RawMessage `json:"r"`
	}
	if !decode(p.data, &env) || p.idx >= len(env.Records) {
		return ""
	}
	return clip(string(env.Records[p.idx]), maxExcerpt)
}

// keepAll counts everything cached as changed, and forgets what was made of it.
func (s *State) keepAll() {
	s.open, s.silences, s.ledgers, s.watching = nil, nil, nil, nil
	for _, l := range s.loaded {
		l.dirty, l.tally = true, nil
		for _, st := range l.steps {
			l.touch(st)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.envs)) {
		s.save(BucketEnv, []byte(k), s.envs[k])
	}
}

// watched notes while the view is at work, so that what breaks in it is not taken
// for a bad record.
type watched struct {
	View
	busy bool
}

// Get implements View.
func (w *watched) Get(b Bucket, key []byte) []byte {
	w.busy = true
	v := w.View.Get(b, key)
	w.busy = false
	return v
}

// Put implements View.
func (w *watched) Put(b Bucket, key, value []byte) {
	w.busy = true
	w.View.Put(b, key, value)
	w.busy = false
}

// Delete implements View.
func (w *watched) Delete(b Bucket, key []byte) {
	w.busy = true
	w.View.Delete(b, key)
	w.busy = false
}

// Scan implements View.
func (w *watched) Scan(b Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	w.busy = true
	w.View.Scan(b, prefix, start, func(k, v []byte) bool {
		w.busy = false
		more := fn(k, v)
		w.busy = true
		return more
	})
	w.busy = false
}
