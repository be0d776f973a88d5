package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

// Of the log that is trimmed: NATS begins a second file at 8 MiB.
const (
	trimRounds  = 4
	trimEntries = 70
	trimBytes   = 40 << 10
)

// trimLoad appends to a log and trims it, several times.
func trimLoad(t *testing.T) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "data")
	n := newNoter(t, root, filepath.Join(root, "no calls"))
	server, nc, b, err := openLogAt(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	n.note("log", b.LogID())
	add := func(subject string, size int) uint64 {
		n := must(b.Append(t.Context(), orchestrator.Message{Subject: subject, Data: bytes.Repeat([]byte("x"), size)}))(t)
		return n
	}
	for range trimRounds {
		epoch := add(orchestrator.SubjectOwn(0), 100)
		n.note("epoch", fmt.Sprint(epoch))
		last := epoch
		for i := range trimEntries {
			last = add([]string{orchestrator.SubjectEvents, orchestrator.SubjectAct(0)}[i%2], trimBytes)
			n.note("entry", fmt.Sprint(last))
		}
		if err := b.Trim(t.Context(), last-trimEntries/4, map[int]uint64{0: epoch}); err != nil {
			t.Fatal(err)
		}
		n.note("trimmed", fmt.Sprint(last-trimEntries/4))
	}
	nc.Close()
	server.Close()
	leave(t, root)
}

// openLogAt opens the log of a folder, or makes it.
func openLogAt(ctx context.Context, dir string) (*bus.Server, *nats.Conn, *bus.Bus, error) {
	server, err := bus.StartServer(bus.ServerOptions{Dir: filepath.Join(dir, "nats"), Listen: "off"})
	if err != nil {
		return nil, nil, nil, err
	}
	nc, err := server.Connect()
	if err != nil {
		server.Close()
		return nil, nil, nil, err
	}
	b, err := bus.Open(ctx, nc, bus.Options{})
	if err != nil {
		nc.Close()
		server.Close()
	}
	return server, nc, b, err
}

// examineLog opens the log that a cut left and says what is wrong with it.
func examineLog(ctx context.Context, dir string, want *promised) []string {
	ctx, cancel := context.WithTimeout(ctx, startedLimit)
	defer cancel()
	server, nc, b, err := openLogAt(ctx, dir)
	if err != nil {
		return []string{fmt.Sprintf("it does not open: %v", err)}
	}
	defer server.Close()
	defer nc.Close()
	if err := logHolds(ctx, b, want); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func logHolds(ctx context.Context, b *bus.Bus, want *promised) error {
	ends, err := b.Ends(ctx)
	if err != nil {
		return err
	}
	var all []error
	own, epoch := orchestrator.SubjectOwn(0), want.epoch
	if want.logID != "" && (b.LogID() != want.logID || ends.LogID != want.logID) {
		all = append(all, fmt.Errorf("the log was called %s and is called %s", want.logID, b.LogID()))
	}
	if ends.Last < want.entry || ends.Trimmed < want.trimmed {
		all = append(all, fmt.Errorf("the log ends at %d and says it was trimmed up to %d; it had %d and %d", ends.Last, ends.Trimmed, want.entry, want.trimmed))
	}
	for at := max(ends.Trimmed, want.trimmed) + 1; at <= ends.Last; {
		batch, err := b.Read(ctx, at, 512)
		if err != nil || len(batch) == 0 {
			return errors.Join(append(all, fmt.Errorf("reading from entry %d of %d: %w", at, ends.Last, err))...)
		}
		for _, e := range batch {
			if e.Seq != at {
				return errors.Join(append(all, fmt.Errorf("after entry %d comes %d, although the log says it was trimmed up to %d", at-1, e.Seq, ends.Trimmed))...)
			}
			if at++; e.Subject == own {
				epoch = max(epoch, e.Seq) // nobody had been told yet
			}
		}
	}
	return errors.Join(append(all, fenceHolds(ctx, b, orchestrator.Fence{Subject: own, Seq: epoch}))...)
}

// fenceHolds checks that the newest claim is still found: every fenced append
// compares with it.
func fenceHolds(ctx context.Context, b *bus.Bus, f orchestrator.Fence) error {
	if f.Seq == 0 {
		return nil
	}
	_, err := b.Append(ctx, orchestrator.Message{Subject: orchestrator.SubjectAct(0), Data: []byte("x"), Fence: &f})
	if errors.Is(err, orchestrator.ErrFenced) {
		return fmt.Errorf("the claim at entry %d is not found", f.Seq)
	}
	return err
}
