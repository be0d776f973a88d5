package orchestrator

import (
	"errors"
	"fmt"
)

// FoldVersion is the newest behaviour this binary folds with. A change of
// behaviour gets a new number and an `if version >= n`; a log moves to it with
// the first claim that names it (see foldClaim), so an old log folds as it did.
//
//	1  the first
//	2  findings of Backout about itself are an incident of its own, events
//	   that nobody claims among them; the chain goes over the sums of the
//	   bodies and is compared at checkpoints; resolved alerts are forgotten
//	   after a week, closed incidents and quarantine after 400 days; a record the fold
//	   breaks on goes to quarantine, and so does one of an unknown kind or
//	   about what does not exist; a step past its budget waits for a person;
//	   what nobody claims keeps its event, and can be handed in again; readings
//	   of polled sources become signals, and a source that falls silent a finding;
//	   signals are held back, confirmed, damped, correlated over projects and
//	   counted past a budget; the suspect is weighed again; what goes live over
//	   a hold pages; the verdict is kept and knows plan, retention, secrets, migrations,
//	   variables, crons and rolling releases, and what each migration does
//	   to the code from before it; the ledger keeps 200 deployments;
//	   what is promoted is watched, and graded by that; signals and ids stand on shelves;
//	   the chat shows the end of an incident, nobody is mailed the same twice, a suspect
//	   that was replaced is no target, and the public page ends with its incident; what went
//	   wrong once before a rollback does not speak against it
const FoldVersion = 2

// Guard errors stop the engine: something is wrong with the log itself.
var (
	// ErrGap means that the entry is not the next one.
	ErrGap = errors.New("the log has a gap")
	// ErrOtherLog means that the log was made anew under the same state.
	ErrOtherLog = errors.New("this is another log than the one the state was folded from")
	// ErrTooNew means that the log was written by a newer Backout.
	ErrTooNew = errors.New("the log was written by a newer version of Backout")
	// ErrDiverged means that another instance read something else at the same place.
	ErrDiverged = errors.New("another instance has read another log")
)

// Fold applies entries to a state. Not safe for concurrent use.
type Fold struct {
	rules       Rules
	incidents   *Machine
	steps       *Machine
	ruleScratch *ruleScratch
}

// NewFold checks the state tables and returns a fold that evaluates
// expressions with rules.
func NewFold(rules Rules) (*Fold, error) {
	inc, err := NewIncidentMachine()
	if err != nil {
		return nil, err
	}
	step, err := NewStepMachine()
	if err != nil {
		return nil, err
	}
	return &Fold{rules: rules, incidents: inc, steps: step, ruleScratch: newRuleScratch()}, nil
}

// Folded is what an entry led to, for those in this process who wait for it.
type Folded struct {
	Seq uint64
	// ID is the message id of the entry.
	ID string
	// Decisions answer the intents of the entry, in its order.
	Decisions []Decision
	// Replies answer its commands.
	Replies []Reply
	// Changed lists the incidents that changed.
	Changed []uint64
}

// Decision answers one intent. Only an accepted one may be acted on.
type Decision struct {
	Intent   Intent
	Accepted bool
	Reason   string
	Action   string
	Call     Call
	// Timeout bounds the call, in milliseconds.
	Timeout int64
}

// Reply answers one command; Text is for a person.
type Reply struct {
	ID       string `json:"id"`
	OK       bool   `json:"ok"`
	Text     string `json:"text"`
	Incident string `json:"incident,omitempty"`
}

// pass is one entry on its way through the fold.
type pass struct {
	*Fold
	s      *State
	seq    uint64
	data   []byte
	idx    int
	now    int64
	part   int
	fenced bool
	// moved is set while a claim by another instance is folded.
	moved bool
	// floor is the inbox cursor before this entry: events at or below it were
	// folded already.
	floor uint64
	// hits is how many different failures stand behind the signal at hand.
	hits int
	// opens counts the playbooks that failures opened within this entry.
	opens int
	// pretend is set while it is asked what policy would do in mode live.
	pretend bool
	out     *Folded
	seen    map[uint64]bool
	// brought is how many new signals this entry brings, by incident.
	brought map[uint64]newSignals
	// gone is how many it ends.
	gone map[uint64]newSignals
}

// v2 reports whether the log has moved to fold version 2.
func (p *pass) v2() bool { return p.s.meta.FoldVersion >= 2 }

// Apply folds one entry. It returns an error only when the engine must stop:
// a guard broke, or a record could not be encoded or decoded. An entry that
// cannot be understood is put into quarantine and is no error.
func (f *Fold) Apply(s *State, e Entry) (*Folded, error) {
	m := &s.meta
	if e.Seq != m.Cursor+1 {
		return nil, fmt.Errorf("%w: expected entry %d, read %d", ErrGap, m.Cursor+1, e.Seq)
	}
	p := &pass{Fold: f, s: s, seq: e.Seq, data: e.Data, out: &Folded{Seq: e.Seq}, seen: map[uint64]bool{}}
	env := p.opened(e)
	p.out.ID = env.ID
	p.now = max(m.Now, env.At)
	p.part, _ = PartitionOf(e.Subject)
	p.fenced = p.holdsFence(e.Subject, env.Epoch)
	for i := range env.Records {
		p.idx = i
		if err := p.take(&env.Records[i]); err != nil {
			return nil, err
		}
	}
	p.countSignals()
	for _, n := range p.out.Changed {
		if err := p.show(n); err != nil {
			return nil, err
		}
	}
	if err := p.keepVerdicts(); err != nil {
		return nil, err
	}
	m.Cursor, m.Now = e.Seq, p.now
	p.link(e)
	s.metaDirty = true
	return p.out, s.decodeErr
}

// holdsFence reports whether the entry's owner was still the owner at this
// place of the log. What is under no owner's subject has no fence.
func (p *pass) holdsFence(subject string, epoch uint64) bool {
	part, ok := PartitionOf(subject)
	if !ok {
		return false
	}
	own := p.s.Owner(part)
	return own.Epoch == epoch && !own.Released
}

// record hands a record to its function. Results, measurements and observations
// are facts and count without the fence; requests do not.
func (p *pass) record(r *Record) error {
	switch {
	case r.Genesis != nil:
		return p.foldGenesis(r.Genesis)
	case r.Doc != nil:
		p.foldDoc(r.Doc)
	case r.Token != nil:
		p.s.save(BucketToken, []byte(r.Token.Hash), r.Token)
	case r.Inbox != nil:
		p.foldInbox(r.Inbox)
	case r.Event != nil:
		p.foldEvent(r.Event)
	case r.Bad != nil:
		p.heard("", r.Bad.Origin)
		p.quarantine(*r.Bad)
	case r.Command != nil:
		p.foldCommand(r.Command)
	case r.Claim != nil:
		return p.foldClaim(r.Claim)
	case r.Intent != nil:
		p.foldIntent(r.Intent)
	case r.Result != nil:
		p.foldResult(r.Result)
	case r.Preview != nil:
		p.foldPreview(r.Preview)
	case r.Measure != nil:
		p.foldMeasure(r.Measure)
	case r.Verified != nil:
		p.foldVerified(r.Verified)
	case r.Observed != nil:
		p.foldObserved(r.Observed)
	case r.Deploys != nil:
		p.foldDeployments(r.Deploys)
	case r.Timer != nil:
		p.foldTimer(r.Timer)
	case r.Reading != nil || r.Upstream != nil:
		p.foldWatch(r)
	case r.Obs != nil:
		p.foldObs(r.Obs)
	default:
		return p.knowledge(r)
	}
	return nil
}

// knowledge hands over what was read about migrations and databases.
func (p *pass) knowledge(r *Record) error {
	switch {
	case r.Migrations != nil:
		p.foldMigrations(r.Migrations)
	case r.Schema != nil:
		p.foldSchema(r.Schema)
	case r.Restore != nil:
		p.foldRestorePoint(r.Restore)
	case r.Class != nil:
		p.foldClass(r.Class)
	case r.Rows != nil:
		p.foldRows(r.Rows)
	default:
		return p.housekeeping(r)
	}
	return nil
}

// housekeeping hands over the records that keep the log and this program in
// order.
func (p *pass) housekeeping(r *Record) error {
	switch {
	case r.Checkpoint != nil:
		return p.foldCheckpoint(r.Checkpoint)
	case r.Trim != nil:
		p.s.meta.Trimmed = max(p.s.meta.Trimmed, min(r.Trim.UpTo, p.seq))
	case r.Clock != nil:
		p.foldClock(r.Clock)
	case r.Finding != nil:
		p.foldFinding(r.Finding)
	case r.Redacted != nil:
		p.foldRedacted(r.Redacted)
	case r.Digest != nil:
		p.foldDigest(r.Digest)
	default:
		p.unknownKind()
	}
	return nil
}

// foldDoc remembers a document and makes it the current one of its kind.
func (p *pass) foldDoc(d *Doc) {
	if why := brokenDoc(d); why != "" {
		p.quarantine(Bad{Origin: "log", Reason: clip(why, 300), Excerpt: p.excerpt()})
		p.finding(&Finding{Kind: FindPoison, Key: d.Kind + d.Name, Text: clip(why, 300) + ". What was there before goes on; apply a right one"})
		return
	}
	p.s.view.Put(BucketDoc, joinKey(d.Kind, d.Hash), append([]byte(nil), d.Body...))
	m := &p.s.meta
	switch d.Kind {
	case DocConfig:
		old, first := p.s.Config(), m.ConfigHash == ""
		m.ConfigHash = d.Hash
		p.s.config, p.s.silences = nil, nil
		p.watchesChanged()
		if !first {
			p.switched(old, d.By)
		}
	case DocRules:
		m.RulesHash = d.Hash
		p.s.rules = nil
	case DocPlaybook:
		if m.Playbooks == nil {
			m.Playbooks = map[string]string{}
		}
		m.Playbooks[d.Name] = d.Hash
	}
}

// foldInbox moves the inbox cursor. The events that follow in the entry were
// taken from that range; those at or below the old cursor are ignored.
func (p *pass) foldInbox(r *InboxRange) {
	m := &p.s.meta
	if m.InboxID != r.ID {
		m.InboxID, m.InboxCursor = r.ID, 0
	}
	p.floor = m.InboxCursor
	m.InboxCursor = max(m.InboxCursor, r.To)
}

// foldClaim makes the entry's sequence the epoch of the partition. Attempts of
// earlier epochs that have not reported are in doubt from here on. The log moves
// to the fold version of the claim.
func (p *pass) foldClaim(c *Claim) error {
	if c.FoldVersion > FoldVersion {
		return fmt.Errorf("%w: instance %s folds %d, this binary %d; install the newer one", ErrTooNew, c.Instance, c.FoldVersion, FoldVersion)
	}
	own := p.s.Owner(p.part)
	if c.Released {
		if own.Boot == c.Boot {
			// The next claim is fenced by the newest entry of this subject, which is this one.
			own.Epoch, own.Released = p.seq, true
			p.s.save(BucketOwn, ownKey(p.part), &own)
		}
		return nil
	}
	p.s.meta.FoldVersion = max(p.s.meta.FoldVersion, c.FoldVersion)
	p.s.save(BucketOwn, ownKey(p.part), &Owner{Epoch: p.seq, Instance: c.Instance, Boot: c.Boot})
	if moved := own.Epoch != 0 && own.Instance != c.Instance; moved && p.v2() {
		p.anotherClock()
	}
	p.orphan(p.part, p.seq)
	p.listening()
	return nil
}
