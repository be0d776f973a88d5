package orchestrator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// CheckEvery is how many entries lie between two checkpoints; keptChains of them
// are remembered.
const (
	CheckEvery = 1024
	keptChains = 64
)

// foldGenesis takes the name and shape of the log. A log that goes on where the
// one of this state ended is the same installation: it keeps everything but the
// partitions.
func (p *pass) foldGenesis(g *Genesis) error {
	m := &p.s.meta
	if g.FoldVersion > FoldVersion {
		return fmt.Errorf("%w: the log says %d, this binary folds %d; install the newer one", ErrTooNew, g.FoldVersion, FoldVersion)
	}
	if a := g.After; a != nil && m.LogID == a.LogID && m.Cursor == a.Seq && m.Chain == a.Chain {
		return p.follows(g)
	}
	if m.LogID != "" && m.LogID != g.LogID {
		return fmt.Errorf("%w: state %s, log %s", ErrOtherLog, m.LogID, g.LogID)
	}
	m.LogID, m.Partitions, m.FoldVersion = g.LogID, g.Partitions, g.FoldVersion
	m.Lineage = g.Lineage
	return nil
}

// follows goes on with another log. After a restore nobody knows what was done
// since the backup, so new effects wait for a person.
func (p *pass) follows(g *Genesis) error {
	m := &p.s.meta
	m.Lineage = or(g.Lineage, m.lineage())
	m.LogID, m.FoldVersion = g.LogID, max(m.FoldVersion, g.FoldVersion)
	if g.After.Restored {
		if m.Paused == nil {
			m.Paused = map[string]Pause{}
		}
		m.Paused[""] = Pause{By: "restore", At: p.now, Reason: "what was done after the backup is not known; look, then say `unpause`"}
	}
	return p.repartition(g.Partitions)
}

func (m *Meta) lineage() string { return or(m.Lineage, m.LogID) }

// link moves the chain on by one entry.
func (p *pass) link(e Entry) {
	m := &p.s.meta
	if m.FoldVersion < 2 {
		m.Chain = chainOfBody(m.Chain, e)
		return
	}
	m.Chain = ChainAfter(m.Chain, e)
	if e.Seq%CheckEvery == 0 {
		p.s.view.Put(BucketChain, incidentKey(e.Seq), []byte(m.Chain))
		if e.Seq > keptChains*CheckEvery {
			p.s.view.Delete(BucketChain, incidentKey(e.Seq-keptChains*CheckEvery))
		}
	}
}

// ChainAfter is the chain after an entry, given the chain before it: a hash over
// the earlier chain, the place, the subject and the sum of the body.
func ChainAfter(prev string, e Entry) string {
	sum := e.Sum
	if sum == "" {
		sum = SumOf(e.Data)
	}
	return hashHex(fmt.Sprintf("%s\n%d %s\n%s", prev, e.Seq, e.Subject, sum))
}

// SumOf is the sum of a body as the chain has it.
func SumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// chainOfBody is the chain of fold version 1.
func chainOfBody(prev string, e Entry) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d %s\n", prev, e.Seq, e.Subject)
	h.Write(e.Data)
	return hex.EncodeToString(h.Sum(nil))
}

// foldCheckpoint compares chains at a place that every instance has passed.
func (p *pass) foldCheckpoint(c *Checkpoint) error {
	ours := string(p.s.view.Get(BucketChain, incidentKey(c.Seq)))
	if ours != "" && ours != c.Chain {
		return fmt.Errorf("%w: at entry %d the chain is %.12s there and %.12s here", ErrDiverged, c.Seq, c.Chain, ours)
	}
	return nil
}

// Checkpoint is the chain remembered for an entry, false when there is none.
func (s *State) Checkpoint(seq uint64) (Checkpoint, bool) {
	b := s.view.Get(BucketChain, incidentKey(seq))
	return Checkpoint{Seq: seq, Chain: string(b)}, b != nil
}
