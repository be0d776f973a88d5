package bus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// rewriteWait bounds writing a whole log.
const rewriteWait = time.Hour

// spoolHead is the first line of a spool: the settings of the log it came from.
type spoolHead struct {
	LogID   string `json:"log_id"`
	First   uint64 `json:"first"`
	Trimmed uint64 `json:"trimmed"`
	Limit   int64  `json:"limit"`
}

// spoolLine is one entry of a spool. The last line has Last set instead, so that a
// spool that broke off is known.
type spoolLine struct {
	Seq     uint64 `json:"seq,omitempty"`
	Subject string `json:"subject,omitempty"`
	Sum     string `json:"sum,omitempty"`
	Data    []byte `json:"data,omitempty"`
	Last    uint64 `json:"last,omitempty"`
}

// Spool writes the log, from where it is whole, into a file, each entry as change
// leaves it. The file is synced and appears only when it is complete.
func (b *Bus) Spool(ctx context.Context, path string, change func(*orchestrator.Entry) error) error {
	ends, err := b.Ends(ctx)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making the spool: %w", err)
	}
	w := bufio.NewWriter(f)
	err = b.spool(ctx, json.NewEncoder(w), ends, change)
	if err := errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("spooling the log: %w", err), os.Remove(path+".new"))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("putting the spool in place: %w", err)
	}
	return syncPath(filepath.Dir(path)) // its name too: the log is taken away next
}

func (b *Bus) spool(ctx context.Context, enc *json.Encoder, ends orchestrator.LogEnds, change func(*orchestrator.Entry) error) error {
	next := max(ends.First, ends.Trimmed+1)
	if err := enc.Encode(spoolHead{LogID: ends.LogID, First: next, Trimmed: ends.Trimmed, Limit: ends.Limit}); err != nil {
		return err
	}
	for next <= ends.Last {
		batch, err := b.Read(ctx, next, 512)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return fmt.Errorf("%w: entries %d to %d cannot be read; run `backout log verify`", orchestrator.ErrGap, next, ends.Last)
		}
		for _, e := range batch {
			if e.Seq != next {
				return fmt.Errorf("%w: expected entry %d, read %d", orchestrator.ErrGap, next, e.Seq)
			}
			if err := change(&e); err != nil {
				return err
			}
			if err := enc.Encode(spoolLine{Seq: e.Seq, Subject: e.Subject, Sum: e.Sum, Data: e.Data}); err != nil {
				return err
			}
			next++
		}
	}
	return enc.Encode(spoolLine{Last: ends.Last})
}

// Rewrite replaces the log by what a spool holds, at the same sequences, and opens
// it. After a failure it may be called again with the same spool.
func Rewrite(ctx context.Context, nc *nats.Conn, path string, o Options) (*Bus, error) {
	ctx, cancel := context.WithTimeout(ctx, rewriteWait)
	defer cancel()
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	defer func() { _ = f.Close() }()
	dec := json.NewDecoder(bufio.NewReader(f))
	var head spoolHead
	if err := dec.Decode(&head); err != nil {
		return nil, fmt.Errorf("reading the spool %s: %w", path, err)
	}
	if head.LogID == "" {
		return nil, fmt.Errorf("the file %s is no spool of a log: its first line names none", path)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	o.complete(Clustered(nc))
	o.MaxBytes = head.Limit
	if err := js.DeleteStream(ctx, LogStream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("taking the old log away: %w", err)
	}
	cfg, err := logConfig(&o)
	if err != nil {
		return nil, err
	}
	cfg.FirstSeq = head.First
	cfg.Metadata = map[string]string{metaLogID: head.LogID, metaTrimmed: strconv.FormatUint(head.Trimmed, 10)}
	if _, err := js.CreateStream(ctx, cfg); err != nil {
		return nil, fmt.Errorf("making the log anew: %w; run the same command again", err)
	}
	if err := refill(ctx, js, dec); err != nil {
		return nil, fmt.Errorf("writing the log anew: %w; run the same command again", err)
	}
	return Open(ctx, nc, o)
}

func refill(ctx context.Context, js jetstream.JetStream, dec *json.Decoder) error {
	written := uint64(0)
	for {
		var line spoolLine
		if err := dec.Decode(&line); err != nil {
			return fmt.Errorf("the spool breaks off: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		if line.Last > 0 {
			if written != line.Last {
				return fmt.Errorf("the last entry is %d instead of %d", written, line.Last)
			}
			return nil
		}
		msg := &nats.Msg{Subject: line.Subject, Data: line.Data, Header: nats.Header{}}
		if line.Sum != "" {
			msg.Header.Set(headerSum, line.Sum)
		}
		ack, err := js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequence(line.Seq-1))
		if err != nil {
			return fmt.Errorf("writing entry %d: %w", line.Seq, err)
		}
		written = ack.Sequence
	}
}
