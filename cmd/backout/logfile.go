package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

func logCommand() *cobra.Command {
	c := &cobra.Command{Use: "log", Short: "Examine, export or redact the log of a stopped Backout", Example: "  backout log verify --data backout-data"}
	c.AddCommand(logVerifyCommand(), logExportCommand(), logRedactCommand())
	return c
}

// readBatch is how many entries are read at once.
const readBatch = 512

// entries goes through the log from where it can be read whole: its beginning, or
// after the mark it was trimmed to.
func (o *offline) entries(ctx context.Context, fn func(orchestrator.Entry, string) error) (from, to uint64, err error) {
	ends, err := o.bus.Ends(ctx)
	if err != nil {
		return 0, 0, err
	}
	reader, err := o.chainFrom(ctx, ends)
	if err != nil {
		return 0, 0, err
	}
	from = reader.Seq + 1
	for reader.Seq < ends.Last {
		batch, err := o.readSome(ctx, reader.Seq+1)
		if err != nil {
			return from, reader.Seq, err
		}
		for _, e := range batch {
			chain, err := reader.Next(e)
			if err != nil {
				return from, reader.Seq, err
			}
			if err := fn(e, chain); err != nil {
				return from, reader.Seq, err
			}
		}
	}
	return from, reader.Seq, nil
}

// followsFrom is a reader of a log that goes on from another one: its first entry says
// from where. No other log begins after the mark up to which it was trimmed.
func (o *offline) followsFrom(ctx context.Context, ends orchestrator.LogEnds) (*orchestrator.ChainReader, error) {
	if ends.First <= ends.Last {
		batch, err := o.readSome(ctx, ends.First)
		if err != nil {
			return nil, err
		}
		env, err := orchestrator.DecodeEnvelope(batch[0].Data)
		if err == nil && len(env.Records) > 0 && env.Records[0].Genesis != nil && env.Records[0].Genesis.After != nil {
			after := env.Records[0].Genesis.After
			return &orchestrator.ChainReader{Seq: after.Seq, Chain: after.Chain}, nil
		}
	}
	return nil, fmt.Errorf("the log has lost entries: those from %d to %d are missing", ends.Trimmed+1, ends.First-1)
}

// readSome reads the next entries, which are there; a server of a cluster that
// lags is waited for.
func (o *offline) readSome(ctx context.Context, from uint64) (batch []orchestrator.Entry, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		batch, err = o.bus.Read(ctx, from, readBatch)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the log has lost entries: entry %d should be there and cannot be read", from)
		}
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("the log has lost entries: entry %d should be there and cannot be read", from)
		}
	}
}

// chainFrom is a reader at the first entry whose chain is known.
func (o *offline) chainFrom(ctx context.Context, ends orchestrator.LogEnds) (*orchestrator.ChainReader, error) {
	switch {
	case ends.First <= 1 && ends.Trimmed == 0:
		return &orchestrator.ChainReader{}, nil
	case ends.First > ends.Trimmed+1:
		return o.followsFrom(ctx, ends)
	}
	var found orchestrator.Checkpoint
	version := 0
	err := o.store.Read(func(s *orchestrator.State) error {
		version = s.Meta().FoldVersion
		for seq := (max(ends.Trimmed, ends.First)/orchestrator.CheckEvery + 1) * orchestrator.CheckEvery; seq <= s.Meta().Cursor; seq += orchestrator.CheckEvery {
			if c, ok := s.Checkpoint(seq); ok {
				found = c
				return nil
			}
		}
		found = orchestrator.Checkpoint{Seq: s.Meta().Cursor, Chain: s.Meta().Chain}
		return nil
	})
	return &orchestrator.ChainReader{Seq: found.Seq, Chain: found.Chain, Version: version}, err
}

// verified is what `log verify` found.
type verified struct {
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	Cursor  uint64 `json:"cursor"`
	Chain   string `json:"chain"`
	Matches bool   `json:"matches"`
	// State is the sum of the state, when it was folded again from the first entry.
	State string `json:"state,omitempty"`
}

// verify recomputes the chain and compares it with the state wherever both have it.
func (o *offline) verify(ctx context.Context) (verified, error) {
	var v verified
	meta, err := metaOf(o.store)
	if err != nil {
		return v, err
	}
	v.Cursor = meta.Cursor
	if err := o.store.Check(); err != nil { // first: what is compared with it would be blamed on the log
		return v, err
	}
	v.From, v.To, err = o.entries(ctx, func(e orchestrator.Entry, chain string) error {
		v.Chain = chain
		if e.Seq == meta.Cursor {
			v.Matches = chain == meta.Chain
		}
		return o.compareAt(e.Seq, chain)
	})
	if err != nil {
		return v, err
	}
	if v.To < v.Cursor {
		return v, fmt.Errorf("the log ends at entry %d, but entry %d was folded from it: entries are missing", v.To, v.Cursor)
	}
	if v.From == v.Cursor+1 {
		v.Matches = true // the state begins where the log does
	}
	if !v.Matches {
		return v, fmt.Errorf("the log was changed: the chain at entry %d is not what it was when it was folded", v.Cursor)
	}
	return v, nil
}

func (o *offline) compareAt(seq uint64, chain string) error {
	if seq%orchestrator.CheckEvery != 0 {
		return nil
	}
	return o.store.Read(func(s *orchestrator.State) error {
		if c, ok := s.Checkpoint(seq); ok && c.Chain != chain {
			return fmt.Errorf("the log was changed at or before entry %d: its chain is not what it was when it was folded", seq)
		}
		return nil
	})
}

func logVerifyCommand() *cobra.Command {
	var f offlineFlags
	var output string
	var catchUp, replay bool
	c := &cobra.Command{
		Use: "verify", Short: "Check that no entry is missing or changed, and that the state's file is whole", Args: exactly(0),
		Long: `Read the whole log of a stopped Backout: no entry is missing, and the chain of
hashes is the one the state was folded from. Also checks the state's own file.`,
		Example: "  backout log verify --data backout-data",
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(o *offline) error {
				if catchUp {
					if _, err := o.readAll(c.Context()); err != nil {
						return err
					}
				}
				v, err := o.verify(c.Context())
				if err == nil && replay {
					v.State, err = o.replay(c.Context())
				}
				if err != nil {
					return fmt.Errorf("%w. See README, \"When the log is damaged\"", err)
				}
				return (&clientFlags{json: output}).show(c.OutOrStdout(), v, func() error {
					if v.From > v.To {
						_, err := fmt.Fprintf(c.OutOrStdout(), "The log was trimmed up to the state, so there was nothing to compare; the state is at entry %d and its file is whole.\n", v.Cursor)
						return err
					}
					_, err := fmt.Fprintf(c.OutOrStdout(), "Entries %d to %d are whole and unchanged; the state is at entry %d and its file is whole.\n", v.From, v.To, v.Cursor)
					return err
				})
			})
		},
	}
	f.add(c)
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	c.Flags().BoolVar(&replay, "replay", false, "also fold the whole log again from its first entry and compare every record")
	c.Flags().BoolVar(&catchUp, "catch-up", false, "fold what the log has beyond the state first")
	return c
}

// replay folds the whole log into an empty store and compares it with the state.
func (o *offline) replay(ctx context.Context) (sum string, err error) {
	ends, err := o.bus.Ends(ctx)
	if err != nil {
		return "", err
	}
	if ends.First > 1 || ends.Trimmed > 0 {
		return "", errors.New("the log does not go back to its first entry, so it cannot be folded from there")
	}
	dir, err := os.MkdirTemp(o.data, "replay-")
	if err != nil {
		return "", fmt.Errorf("making a folder to fold in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	again := &offline{bus: o.bus}
	defer func() { err = errors.Join(err, again.close()) }()
	if err := again.newStore(dir); err != nil {
		return "", err
	}
	if _, err := again.readAll(ctx); err != nil {
		return "", err
	}
	at, want, err := o.store.Hash()
	if err != nil {
		return "", err
	}
	cursor, got, err := again.store.Hash()
	if err == nil && (cursor != at || got != want) {
		err = o.anotherState(ctx, fmt.Sprintf("folded again, the log gives another state: %.16s at entry %d instead of %.16s at %d", got, cursor, want, at))
	}
	return got, err
}

// anotherState says what to do about a log that gives another state than the one there is.
// A redacted log may give one by right, and then the state there is must not be thrown away.
func (o *offline) anotherState(ctx context.Context, what string) error {
	var redacted uint64
	_, _, err := o.entries(ctx, func(e orchestrator.Entry, _ string) error {
		if e.Sum != "" && redacted == 0 {
			redacted = e.Seq
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case redacted > 0:
		return fmt.Errorf("%s. Entry %d was redacted, and its words may have decided something, so the state there is counts: keep state.db, and take a backup of it", what, redacted)
	}
	return fmt.Errorf("%s. The log is whole, so the state is to be made anew: stop Backout, move state.db away, and start it", what)
}

// with opens store and log for the time of fn.
func (f *offlineFlags) with(ctx context.Context, fn func(*offline) error) (err error) {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	o := &offline{}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := o.openStore(cfg.Instance.Data); err != nil {
		return err
	}
	if err := o.openLog(ctx, cfg, bus.Options{}); err != nil {
		return err
	}
	return fn(o)
}

// exported is one line of `log export`.
type exported struct {
	Seq     uint64          `json:"seq"`
	Subject string          `json:"subject"`
	Chain   string          `json:"chain"`
	Sum     string          `json:"redacted_sum,omitempty"`
	Body    json.RawMessage `json:"body"`
}

func logExportCommand() *cobra.Command {
	var f offlineFlags
	c := &cobra.Command{
		Use: "export", Short: "Write the log as JSON lines, each with its place in the chain", Args: exactly(0),
		Example: "  backout log export --data backout-data > log.jsonl",
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(o *offline) error { return o.export(c.Context(), c.OutOrStdout()) })
		},
	}
	f.add(c)
	return c
}

func (o *offline) export(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_, _, err := o.entries(ctx, func(e orchestrator.Entry, chain string) error {
		line := exported{Seq: e.Seq, Subject: e.Subject, Chain: chain, Sum: e.Sum, Body: e.Data}
		if !json.Valid(e.Data) {
			line.Body, _ = json.Marshal(string(e.Data))
		}
		if err := enc.Encode(line); err != nil {
			return fmt.Errorf("writing entry %d of the export: %w", e.Seq, err)
		}
		return nil
	})
	return err
}
