package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// The streams. LogStream is the truth; InboxStream is where publishers write.
const (
	LogStream      = "BACKOUT_LOG"
	InboxStream    = "BACKOUT"
	blobBucket     = "backout-blobs"
	snapshotBucket = "backout-snapshots"
	blobsKept      = 30 * 24 * time.Hour
)

// minPayload is what a message of the log may take, headers included; inboxPart
// and minInbox make the limit of the inbox out of that of the log.
const (
	minPayload = 1 << 20
	inboxPart  = 4
	minInbox   = 64 << 20
)

// Partitions of a new log on a cluster, where several instances share the work.
const clusterPartitions = 16

// Bus is a connection with its streams. Safe for concurrent use.
type Bus struct {
	nc        *nats.Conn
	js        jetstream.JetStream
	blobs     jetstream.ObjectStore
	snapshots jetstream.ObjectStore
	inbox     string
	logID     string
	embedded  *Server
	unheard   unheard
}

// Options shape the streams.
type Options struct {
	// MaxBytes is the size limit of the log; 0 means 4 GiB.
	MaxBytes int64
	// Replicas is how many servers keep each entry: 1, 3 or 5. 0 means 3 on a
	// cluster and 1 on a single server. A log with fewer than that is refused.
	Replicas int
	// After is set when a new log goes on where an earlier one ended.
	After *orchestrator.After
	// Lineage and Partitions are those of a log that goes on; otherwise they are
	// chosen here.
	Lineage    string
	Partitions int
	// Embedded is the server inside this process, nil for an external one.
	Embedded *Server
}

// Clustered reports whether the server is one of a cluster.
func Clustered(nc *nats.Conn) bool { return nc.ConnectedClusterName() != "" }

func (o *Options) complete(clustered bool) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 4 << 30
	}
	if o.Replicas == 0 {
		o.Replicas = 1
		if clustered {
			o.Replicas = 3
		}
	}
	if o.Partitions == 0 {
		o.Partitions = 1
		if clustered {
			o.Partitions = clusterPartitions
		}
	}
}

// Open makes the streams if they are missing and writes the first entry of a
// new log.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Bus, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	o.complete(Clustered(nc))
	if most := nc.MaxPayload(); most < minPayload {
		return nil, fmt.Errorf("the NATS server takes messages up to %d bytes; Backout needs max_payload: 1MB there", most)
	}
	b := &Bus{nc: nc, js: js, embedded: o.Embedded}
	if err := b.onceLed(ctx, func(ctx context.Context) error { return b.openStreams(ctx, &o) }); err != nil {
		return nil, err
	}
	return b, nil
}

// openStreams may be begun again from its start: it takes what is there as it is.
func (b *Bus) openStreams(ctx context.Context, o *Options) error {
	if err := b.openLog(ctx, o); err != nil {
		return err
	}
	s, err := b.openInbox(ctx, inboxConfig(o))
	if err != nil {
		return fmt.Errorf("making the stream %s: %w", InboxStream, err)
	}
	b.inbox = s.CachedInfo().Created.UTC().Format(time.RFC3339Nano)
	b.blobs, err = b.openObjects(ctx, jetstream.ObjectStoreConfig{Bucket: blobBucket, TTL: blobsKept, Replicas: o.Replicas, Description: "raw bodies and audiences, by hash"})
	if err != nil {
		return fmt.Errorf("making the blob store: %w", err)
	}
	b.snapshots, err = b.openObjects(ctx, jetstream.ObjectStoreConfig{Bucket: snapshotBucket, Replicas: o.Replicas, Description: "copies of the state, for new instances"})
	if err != nil {
		return fmt.Errorf("making the store of snapshots: %w", err)
	}
	return nil
}

// openInbox makes the inbox, or changes it, only where it is not as wanted: a change
// has to be agreed on by the cluster, which may be short of a server just now.
func (b *Bus) openInbox(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.js.CreateOrUpdateStream(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	have := s.CachedInfo().Config
	same := slices.Equal(have.Subjects, want.Subjects) && have.Replicas == want.Replicas && have.MaxBytes == want.MaxBytes &&
		have.Discard == want.Discard && have.MaxMsgSize == want.MaxMsgSize && have.Duplicates == want.Duplicates && have.AllowDirect == want.AllowDirect
	if same {
		return s, nil
	}
	return b.js.UpdateStream(ctx, want)
}

// openObjects is the same for a store of objects.
func (b *Bus) openObjects(ctx context.Context, want jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error) {
	store, err := b.js.ObjectStore(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return b.js.CreateOrUpdateObjectStore(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	have, err := store.Status(ctx)
	if err != nil {
		return nil, err
	}
	if have.Replicas() == want.Replicas && have.TTL() == want.TTL {
		return store, nil
	}
	return b.js.CreateOrUpdateObjectStore(ctx, want)
}

// openLog finds the log, or makes it and writes its first entry.
func (b *Bus) openLog(ctx context.Context, o *Options) error {
	s, err := b.js.Stream(ctx, LogStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = b.makeLog(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("making the stream %s with a limit of %d bytes: %w; the server needs JetStream and that much in its max_file_store (or give nats.max_log less), and the user the right to make streams", LogStream, o.MaxBytes, err)
	}
	cfg := s.CachedInfo().Config
	if cfg.Replicas < o.Replicas {
		return fmt.Errorf("the log is kept by %d server(s) and should be by %d: one lost disk would lose it. Raise it with `nats stream edit %s --replicas %d`, or accept it with nats.replicas: %d",
			cfg.Replicas, o.Replicas, LogStream, o.Replicas, cfg.Replicas)
	}
	if cfg.MaxBytes != o.MaxBytes {
		cfg.MaxBytes = o.MaxBytes
		if _, err := b.js.UpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("setting the limit of the log to %d bytes: %w", o.MaxBytes, err)
		}
	}
	return b.identify(ctx, s, o)
}

func (b *Bus) makeLog(ctx context.Context, o *Options) (jetstream.Stream, error) {
	cfg, err := logConfig(o)
	if err != nil {
		return nil, err
	}
	s, err := b.js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return b.js.Stream(ctx, LogStream) // another instance was first
	}
	return s, err
}

// logConfig keeps everything: nothing in the log may disappear by age, by a
// limit, or by a message of somebody.
func logConfig(o *Options) (jetstream.StreamConfig, error) {
	id, err := newLogID()
	cfg := jetstream.StreamConfig{
		Name: LogStream, Description: "Backout: the one log",
		Subjects: []string{
			orchestrator.SubjectEvents, orchestrator.SubjectCommands, orchestrator.SubjectConfig, orchestrator.SubjectAdmin,
			"backout.log.own.*", "backout.log.act.*", "backout.log.res.*",
		},
		Storage: jetstream.FileStorage, Replicas: o.Replicas, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: o.MaxBytes, DenyDelete: true, AllowDirect: true,
		Duplicates: 10 * time.Minute, Metadata: map[string]string{metaLogID: id},
	}
	if o.After != nil {
		cfg.FirstSeq = o.After.Seq + 1
	}
	return cfg, err
}

func inboxConfig(o *Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: InboxStream, Description: "Backout: events from publishers",
		Subjects: []string{"backout.event.deploy.*", "backout.event.alert.*", "backout.event.webhook.*"},
		Storage:  jetstream.FileStorage, Replicas: o.Replicas, Retention: jetstream.LimitsPolicy,
		Discard: jetstream.DiscardNew, MaxBytes: max(o.MaxBytes/inboxPart, minInbox), AllowDirect: true, MaxMsgSize: 1 << 20,
		Duplicates: 100 * time.Millisecond,
	}
}

// Conn is the connection, for a health check.
func (b *Bus) Conn() *nats.Conn { return b.nc }

// Alive reports an error when the server does not answer.
func (b *Bus) Alive(ctx context.Context) error {
	if !b.nc.IsConnected() {
		return errors.New("NATS cannot be reached; Backout connects again by itself, nothing is taken meanwhile")
	}
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("asking NATS for a sign of life: %w", err)
	}
	return nil
}
