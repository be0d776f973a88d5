package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// What the stream of the log says of itself, in its metadata: the id of the log,
// which must be what the state was folded from, and up to where it was trimmed.
const (
	metaLogID   = "backout.log_id"
	metaTrimmed = "backout.trimmed"
)

func newLogID() (string, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("naming the log: %w", err)
	}
	return hex.EncodeToString(id), nil
}

// LogID names the log for good; one made anew has another.
func (b *Bus) LogID() string { return b.logID }

// identify reads the id of the log, or lets it begin. Logs made before the id was
// kept beside them have it in their first entry only.
func (b *Bus) identify(ctx context.Context, s jetstream.Stream, o *Options) error {
	b.logID = s.CachedInfo().Config.Metadata[metaLogID]
	if b.logID != "" {
		return b.genesis(ctx, o)
	}
	entries, err := b.Read(ctx, 1, 1)
	if err != nil {
		return err
	}
	if len(entries) == 1 {
		if env, err := orchestrator.DecodeEnvelope(entries[0].Data); err == nil && len(env.Records) > 0 && env.Records[0].Genesis != nil {
			b.logID = env.Records[0].Genesis.LogID
			return b.describe(ctx, metaLogID, b.logID)
		}
	}
	return fmt.Errorf("the stream %s is not a log of Backout: its first entry does not say which", LogStream)
}

// genesis writes the first entry of a log, once.
func (b *Bus) genesis(ctx context.Context, o *Options) error {
	first := uint64(0)
	g := &orchestrator.Genesis{LogID: b.logID, Partitions: o.Partitions, FoldVersion: orchestrator.FoldVersion, Lineage: o.Lineage, After: o.After}
	if o.After != nil {
		first = o.After.Seq
	}
	env := orchestrator.Envelope{ID: "genesis", At: time.Now().UnixMilli(), Records: []orchestrator.Record{{Genesis: g}}}
	data, err := env.Encode()
	if err != nil {
		return err
	}
	_, err = b.js.Publish(ctx, orchestrator.SubjectAdmin, data, jetstream.WithExpectLastSequence(first))
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil // the log has begun already
	}
	if err != nil {
		return fmt.Errorf("writing the first entry of the log: %w", err)
	}
	return nil
}

// describe writes one line into the metadata of the log's stream.
func (b *Bus) describe(ctx context.Context, key, value string) error {
	s, err := b.js.Stream(ctx, LogStream)
	if err != nil {
		return fmt.Errorf("reading the settings of the log: %w", err)
	}
	cfg := s.CachedInfo().Config
	if cfg.Metadata == nil {
		cfg.Metadata = map[string]string{}
	}
	cfg.Metadata[key] = value
	if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("writing the settings of the log: %w", err)
	}
	return nil
}

// Ends tells where the log begins and ends and how full it is.
func (b *Bus) Ends(ctx context.Context) (orchestrator.LogEnds, error) {
	s, err := b.js.Stream(ctx, LogStream)
	if err != nil {
		return orchestrator.LogEnds{}, fmt.Errorf("asking for the ends of the log: %w", err)
	}
	info := s.CachedInfo()
	trimmed, _ := strconv.ParseUint(info.Config.Metadata[metaTrimmed], 10, 64)
	return orchestrator.LogEnds{
		LogID: info.Config.Metadata[metaLogID], First: info.State.FirstSeq, Last: info.State.LastSeq,
		Trimmed: trimmed, Bytes: int64(info.State.Bytes), Limit: info.Config.MaxBytes,
	}, nil
}
