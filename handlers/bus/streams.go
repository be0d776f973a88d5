package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// The streams. LogStream is the truth; InboxStream is where publishers write.
const (
	LogStream   = "BACKOUT_LOG"
	InboxStream = "BACKOUT"
	blobBucket  = "backout-blobs"
	blobsKept   = 30 * 24 * time.Hour
)

// Bus is a connection with its streams. Safe for concurrent use.
type Bus struct {
	nc    *nats.Conn
	js    jetstream.JetStream
	blobs jetstream.ObjectStore
	inbox string
}

// Options bound the streams. MaxBytes is the size limit of the log; 0 means
// 4 GiB.
type Options struct {
	MaxBytes int64
}

// Open makes the streams if they are missing and writes the first entry of a
// new log.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Bus, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 4 << 30
	}
	b := &Bus{nc: nc, js: js}
	if _, err := js.CreateOrUpdateStream(ctx, logConfig(o.MaxBytes)); err != nil {
		return nil, fmt.Errorf("making the stream %s: %w; the server needs JetStream, and the user the right to make streams", LogStream, err)
	}
	s, err := js.CreateOrUpdateStream(ctx, inboxConfig(o.MaxBytes))
	if err != nil {
		return nil, fmt.Errorf("making the stream %s: %w", InboxStream, err)
	}
	b.inbox = s.CachedInfo().Created.UTC().Format(time.RFC3339Nano)
	b.blobs, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: blobBucket, TTL: blobsKept, Description: "raw bodies and audiences, by hash"})
	if err != nil {
		return nil, fmt.Errorf("making the blob store: %w", err)
	}
	return b, b.genesis(ctx)
}

// logConfig keeps everything: nothing in the log may disappear by age, by a
// limit, or by a message of somebody.
func logConfig(maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: LogStream, Description: "Backout: the one log",
		Subjects: []string{
			orchestrator.SubjectEvents, orchestrator.SubjectCommands, orchestrator.SubjectConfig, orchestrator.SubjectAdmin,
			"backout.log.own.*", "backout.log.act.*", "backout.log.res.*",
		},
		Storage: jetstream.FileStorage, Replicas: 1, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: maxBytes, DenyDelete: true, AllowDirect: true,
		Duplicates: 10 * time.Minute,
	}
}

func inboxConfig(maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: InboxStream, Description: "Backout: events from publishers",
		Subjects: []string{"backout.event.deploy.*", "backout.event.alert.*", "backout.event.webhook.*"},
		Storage:  jetstream.FileStorage, Replicas: 1, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: maxBytes, AllowDirect: true, MaxMsgSize: 1 << 20,
		Duplicates: 100 * time.Millisecond,
	}
}

// genesis writes the first entry, which names the log for good.
func (b *Bus) genesis(ctx context.Context) error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("naming the log: %w", err)
	}
	env := orchestrator.Envelope{ID: "genesis", At: time.Now().UnixMilli(), Records: []orchestrator.Record{{
		Genesis: &orchestrator.Genesis{LogID: hex.EncodeToString(id), Partitions: 1, FoldVersion: orchestrator.FoldVersion},
	}}}
	data, err := env.Encode()
	if err != nil {
		return err
	}
	_, err = b.js.Publish(ctx, orchestrator.SubjectAdmin, data, jetstream.WithExpectLastSequence(0))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil // the log has begun already
	}
	if err != nil {
		return fmt.Errorf("writing the first entry of the log: %w", err)
	}
	return nil
}

// Conn is the connection, for a health check.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// Alive reports an error when the server does not answer.
func (b *Bus) Alive(ctx context.Context) error {
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("asking NATS for a sign of life: %w", err)
	}
	return nil
}
