package orchestrator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goccy/go-json"
)

// cachedIncidents bounds the decoded incidents kept between commits.
const cachedIncidents = 2048

// State is typed access to a View, with a small cache of decoded incidents that
// is encoded once per Flush. Not safe for concurrent use.
type State struct {
	view View
	// watch is view, and knows when it is at work.
	watch *watched
	meta  Meta
	// metaDirty is set when meta differs from what the view holds.
	metaDirty bool
	loaded    map[uint64]*loaded
	envs      map[string]*EnvState
	plans     map[string]*Plan
	config    *Config
	rules     *RuleSet
	routes    *routes
	// expects are the sources that must be heard, by name; nil until asked for.
	expects map[string]int64
	heard   map[string]sourceHeard
	// open are the open incidents as openOnes lists them, silences those that were
	// made; each nil until it is asked for, and after something changed there.
	open     []uint64
	silences []Silence
	// watching are the watches that are measured; nil until asked for, and after one changed.
	watching []DeployWatch
	// days says of the days that were looked at whether an id is remembered of them.
	days map[int64]bool
	// idKept is the id that was hashed last.
	idKept struct {
		origin, id string
		sum        []byte
	}
	// ledgers are decoded ledgers by environment; touched the environments whose verdict
	// may be another one after this entry.
	ledgers   map[string][]ledgerRow
	touched   map[string][2]string
	decodeErr error
}

// Meta is the state that belongs to no incident.
type Meta struct {
	LogID string `json:"log_id"`
	// Lineage names the installation over all the logs it has had.
	Lineage      string `json:"lineage,omitempty"`
	Partitions   int    `json:"partitions"`
	FoldVersion  int    `json:"fold_version"`
	Cursor       uint64 `json:"cursor"`
	Chain        string `json:"chain"`
	Now          int64  `json:"now"`
	NextIncident uint64 `json:"next_incident"`
	InboxID      string `json:"inbox_id,omitempty"`
	InboxCursor  uint64 `json:"inbox_cursor,omitempty"`
	ConfigHash   string `json:"config,omitempty"`
	RulesHash    string `json:"rules,omitempty"`
	// Playbooks maps a playbook to the hash new incidents get.
	Playbooks map[string]string `json:"playbooks,omitempty"`
	// Paused maps "" (everything) or a project to who paused it and why.
	Paused map[string]Pause `json:"paused,omitempty"`
	// Counters for people and metrics: what ever went to quarantine, and every event.
	Quarantined uint64 `json:"quarantined,omitempty"`
	Events      uint64 `json:"events,omitempty"`
	// SeenFrom is the oldest day of which ids are remembered.
	SeenFrom int64 `json:"seen_from,omitempty"`
	// IDs counts the ids that are remembered, by day.
	IDs []dayIDs `json:"ids,omitempty"`
	// Trimmed is up to where the log may have been trimmed.
	Trimmed uint64 `json:"trimmed,omitempty"`
	// Jumped are the instances whose clock jumped and was not accepted yet, by
	// how many milliseconds.
	Jumped map[string]int64 `json:"jumped,omitempty"`
	// Silences counts those that were made; Held the signals that are held back,
	// HeldTimer is when they are looked at again.
	Silences  int   `json:"silences,omitempty"`
	Held      int   `json:"held,omitempty"`
	HeldTimer int64 `json:"held_timer,omitempty"`
	// DigestDay is the day of the last digest.
	DigestDay string `json:"digest_day,omitempty"`
	// NextWatch is the number of the watch that was started last.
	NextWatch uint64 `json:"next_watch,omitempty"`
	// Spent is what each source has sent in its minute.
	Spent map[string]Spent `json:"spent,omitempty"`
	// Found maps a kind of finding to when it was paged last.
	Found map[string]int64 `json:"found,omitempty"`
}

// Pause stops new effects.
type Pause struct {
	By     string `json:"by"`
	At     int64  `json:"at"`
	Reason string `json:"reason,omitempty"`
}

type loaded struct {
	inc   *Incident
	steps []*Step
	// dirty says that inc differs from the view; changed lists such steps.
	dirty   bool
	changed map[StepRef]*Step
	// tally is what the signals say together; nil until it is asked for.
	tally *tally
}

// NewState reads the meta record of the view.
func NewState(v View) (*State, error) {
	s := &State{}
	return s, s.Bind(v)
}

// Bind attaches the state to a new transaction on the same data. Unflushed
// changes must not exist.
func (s *State) Bind(v View) error {
	first := s.view == nil
	s.watch = &watched{View: v}
	s.view = s.watch
	if !first {
		return nil
	}
	s.loaded = map[uint64]*loaded{}
	s.envs = map[string]*EnvState{}
	s.plans = map[string]*Plan{}
	s.days = map[int64]bool{}
	s.heard = map[string]sourceHeard{}
	if b := v.Get(BucketMeta, []byte("meta")); b != nil {
		if err := json.Unmarshal(b, &s.meta); err != nil {
			return fmt.Errorf("reading the meta record of the store: %w", err)
		}
	}
	return nil
}

// Meta is a copy of the state that belongs to no incident.
func (s *State) Meta() Meta { return s.meta }

// Flush writes what changed into the view and bounds the cache.
func (s *State) Flush() error {
	for n, l := range s.loaded {
		if err := s.flush(n, l); err != nil {
			return err
		}
	}
	if len(s.loaded) > cachedIncidents {
		clear(s.loaded)
	}
	if s.metaDirty {
		s.metaDirty = false
		if err := s.put(BucketMeta, []byte("meta"), &s.meta); err != nil {
			return err
		}
	}
	err := s.decodeErr
	s.decodeErr = nil
	return err
}

// flush writes what changed in one incident.
func (s *State) flush(n uint64, l *loaded) error {
	if l.dirty {
		if err := s.put(BucketIncident, incidentKey(n), l.inc); err != nil {
			return err
		}
		l.dirty = false
	}
	for ref, st := range l.changed {
		if err := s.put(BucketStep, stepKey(ref), st); err != nil {
			return err
		}
	}
	clear(l.changed)
	return nil
}

// flushIncidents empties the cache of incidents into the view, for changes that
// go through the whole bucket.
func (s *State) flushIncidents() {
	for n, l := range s.loaded {
		if err := s.flush(n, l); err != nil {
			s.decodeErr = err
		}
	}
	clear(s.loaded)
}

func (s *State) put(b Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a record of bucket %s: %w", b, err)
	}
	s.view.Put(b, key, data)
	return nil
}

// save is put for callers in the fold, where an encoding error is a bug that
// must stop the next commit.
func (s *State) save(b Bucket, key []byte, v any) {
	if err := s.put(b, key, v); err != nil {
		s.decodeErr = err
	}
}

// load decodes a record; found is false when there is none.
func (s *State) load(b Bucket, key []byte, v any) (found bool) {
	data := s.view.Get(b, key)
	if data == nil {
		return false
	}
	if err := json.Unmarshal(data, v); err != nil {
		s.decodeErr = fmt.Errorf("decoding a record of bucket %s: %w", b, err)
		return false
	}
	return true
}

func (s *State) incident(n uint64) *loaded {
	if l, ok := s.loaded[n]; ok {
		return l
	}
	inc := &Incident{}
	if !s.load(BucketIncident, incidentKey(n), inc) {
		return nil
	}
	l := &loaded{inc: inc, changed: map[StepRef]*Step{}}
	s.view.Scan(BucketStep, incidentKey(n), nil, func(_, v []byte) bool {
		st := &Step{}
		if err := json.Unmarshal(v, st); err != nil {
			s.decodeErr = fmt.Errorf("decoding a step of %s: %w", IncidentName(n), err)
			return true
		}
		l.steps = append(l.steps, st)
		return true
	})
	s.loaded[n] = l
	return l
}

func (s *State) newIncident(inc *Incident) *loaded {
	l := &loaded{inc: inc, dirty: true, changed: map[StepRef]*Step{}}
	s.loaded[inc.N] = l
	return l
}

// step finds a step record.
func (l *loaded) step(r StepRef) *Step {
	i, ok := slices.BinarySearchFunc(l.steps, r, func(st *Step, r StepRef) int { return compareRef(st.StepRef, r) })
	if !ok {
		return nil
	}
	return l.steps[i]
}

// now is the step of a node in the leading run.
func (l *loaded) now(ordinal int) *Step {
	return l.step(StepRef{N: l.inc.N, Ordinal: ordinal, Round: l.inc.Run().Round})
}

func (l *loaded) add(st *Step) {
	i, ok := slices.BinarySearchFunc(l.steps, st.StepRef, func(a *Step, r StepRef) int { return compareRef(a.StepRef, r) })
	if !ok {
		l.steps = slices.Insert(l.steps, i, st)
	}
	l.changed[st.StepRef] = st
}

func (l *loaded) touch(st *Step) { l.changed[st.StepRef] = st }

func compareRef(a, b StepRef) int {
	return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Round, b.Round), cmp.Compare(a.Chunk, b.Chunk))
}

// Incident returns an incident with its steps, or nil. The caller must not
// change them.
func (s *State) Incident(n uint64) (*Incident, []*Step) {
	l := s.incident(n)
	if l == nil {
		return nil, nil
	}
	return l.inc, l.steps
}

// Env returns what is known about an environment; never nil.
func (s *State) Env(project, env string) *EnvState {
	k := string(joinKey(project, env))
	if e, ok := s.envs[k]; ok {
		return e
	}
	e := &EnvState{}
	s.load(BucketEnv, []byte(k), e)
	s.envs[k] = e
	return e
}

func (s *State) saveEnv(project, env string, e *EnvState) {
	s.putEnv(project, env, e)
	s.touch(project, env)
}

// putEnv is saveEnv for what no verdict hangs on.
func (s *State) putEnv(project, env string, e *EnvState) {
	k := joinKey(project, env)
	s.envs[string(k)] = e
	s.save(BucketEnv, k, e)
}

// Config is the current configuration; empty before the first one came.
func (s *State) Config() *Config {
	if s.config == nil {
		s.config = &Config{}
		if s.meta.ConfigHash != "" {
			s.load(BucketDoc, joinKey(DocConfig, s.meta.ConfigHash), s.config)
		}
	}
	return s.config
}

// RuleSet is the current set of rules.
func (s *State) RuleSet() *RuleSet {
	if s.rules == nil {
		s.rules = &RuleSet{}
		if s.meta.RulesHash != "" {
			s.load(BucketDoc, joinKey(DocRules, s.meta.RulesHash), s.rules)
		}
	}
	return s.rules
}

// PlanByHash is a compiled playbook, or nil.
func (s *State) PlanByHash(hash string) *Plan {
	if p, ok := s.plans[hash]; ok {
		return p
	}
	p := &Plan{}
	if !s.load(BucketDoc, joinKey(DocPlaybook, hash), p) {
		return nil
	}
	s.plans[hash] = p
	return p
}

// Owner is who may act for partition p.
func (s *State) Owner(p int) Owner {
	var o Owner
	s.load(BucketOwn, ownKey(p), &o)
	return o
}

// Node is the node of a step: of the incident's plan, or the step's own.
func (s *State) Node(inc *Incident, st *Step) *Node {
	if st.Extra != nil {
		return st.Extra
	}
	for _, run := range inc.Runs {
		if run.Round != st.Round {
			continue
		}
		if plan := s.PlanByHash(run.Plan); plan != nil && st.Ordinal < len(plan.Nodes) {
			return &plan.Nodes[st.Ordinal]
		}
	}
	return nil
}
