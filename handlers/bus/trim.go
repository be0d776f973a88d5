package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// Trim drops the entries up to upTo. The mark is written first, so that a reader
// that finds them gone knows why. Each subject is purged by itself and literally:
// the newest claim of a partition stays, because every fenced append looks for it,
// and a purge by wildcard, or one that keeps a number, would take the other
// partitions' claims along.
func (b *Bus) Trim(ctx context.Context, upTo uint64, epochs map[int]uint64) error {
	if err := b.describe(ctx, metaTrimmed, strconv.FormatUint(upTo, 10)); err != nil {
		return err
	}
	s, err := b.js.Stream(ctx, LogStream)
	if err != nil {
		return fmt.Errorf("opening the log to trim it: %w", err)
	}
	until := map[string]uint64{}
	for _, subject := range []string{orchestrator.SubjectEvents, orchestrator.SubjectCommands, orchestrator.SubjectConfig, orchestrator.SubjectAdmin} {
		until[subject] = upTo + 1
	}
	for p, epoch := range epochs {
		until[orchestrator.SubjectAct(p)], until[orchestrator.SubjectResults(p)] = upTo+1, upTo+1
		until[orchestrator.SubjectOwn(p)] = min(upTo+1, epoch)
	}
	for subject, seq := range until {
		if seq < 2 {
			continue // nothing before it, and a purge up to 0 would take everything
		}
		if err := s.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(seq)); err != nil {
			return fmt.Errorf("trimming %s up to entry %d: %w", subject, upTo, err)
		}
	}
	return nil
}
