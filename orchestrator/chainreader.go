package orchestrator

import (
	"fmt"
	"strings"
)

// ChainReader goes through a log entry by entry and says what its chain must be,
// without folding it. The zero value starts at the first entry of a log. Not safe
// for concurrent use.
type ChainReader struct {
	Seq     uint64
	Chain   string
	Version int
}

// Next checks that an entry follows and returns the chain after it. The error is
// ErrGap, or says that an entry that shapes the chain cannot be read.
func (c *ChainReader) Next(e Entry) (string, error) {
	if e.Seq != c.Seq+1 {
		return "", fmt.Errorf("%w: expected entry %d, read %d", ErrGap, c.Seq+1, e.Seq)
	}
	c.Seq = e.Seq
	if e.Subject == SubjectAdmin || strings.HasPrefix(e.Subject, ownPrefix) {
		c.learn(e)
	}
	if c.Version < 2 {
		c.Chain = chainOfBody(c.Chain, e)
	} else {
		c.Chain = ChainAfter(c.Chain, e)
	}
	return c.Chain, nil
}

// learn takes the fold version from genesis and claims, as the fold does.
func (c *ChainReader) learn(e Entry) {
	env, err := DecodeEnvelope(e.Data)
	if err != nil {
		return // a redacted one; the fold could not read it either
	}
	for i := range env.Records {
		if g := env.Records[i].Genesis; g != nil {
			c.Version = max(c.Version, g.FoldVersion)
		}
		if cl := env.Records[i].Claim; cl != nil && !cl.Released {
			c.Version = max(c.Version, cl.FoldVersion)
		}
	}
}
