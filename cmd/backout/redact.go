package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/orchestrator"
)

func logRedactCommand() *cobra.Command {
	var f offlineFlags
	var r orchestrator.Redacted
	var whole bool
	c := &cobra.Command{
		Use: "redact SEQ --reason R", Short: "Take the words of one entry out of the log and the state", Args: exactly(1),
		Long: `Take the words of one entry out of the log of a stopped Backout: a secret that
somebody pasted, or personal data. The hash of what stood there stays, so the chain
still verifies. What the entry led to stays too; its words leave the timeline, the raw
body that came with it is deleted, and snapshots are dropped because they hold them. Older backups are yours to look after.

The log is written anew for this. If it breaks off, run the same command again.`,
		Example: "  backout log export --data backout-data | grep sk_live    # find SEQ\n  backout log redact 1904 --reason 'a key was pasted' --data backout-data",
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := fmt.Sscan(args[0], &r.Seq); err != nil || r.Reason == "" || r.Seq == 0 {
				return usageError{errors.New("say which entry and why: backout log redact SEQ --reason R; entries are counted from 1")}
			}
			cfg, err := f.load()
			if err != nil {
				return err
			}
			if err := redact(c.Context(), cfg, r, whole); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Entry %d holds no words any more; the chain still verifies.\n", r.Seq)
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&r.Reason, "reason", "", "why, for the log")
	c.Flags().StringVar(&r.By, "by", "operator", "who says so")
	c.Flags().BoolVar(&whole, "whole", false, "take everything out, names and labels too; folding this log from its beginning then gives another state")
	return c
}

// redact writes the log anew with one body masked. The spool file is the log while
// the stream is away.
func redact(ctx context.Context, cfg *configs.Config, r orchestrator.Redacted, whole bool) (err error) {
	o := &offline{}
	defer func() { err = errors.Join(err, o.close()) }()
	if err := o.openStore(cfg.Instance.Data); err != nil {
		return err
	}
	spool := filepath.Join(cfg.Instance.Data, "redact.spool")
	if _, err := os.Stat(spool); errors.Is(err, os.ErrNotExist) {
		if err := o.prepare(ctx, cfg, spool, r, whole); err != nil {
			return err
		}
	} else if err := o.dial(cfg); err != nil {
		return err
	}
	if o.bus, err = bus.Rewrite(ctx, o.nc, spool, bus.Options{Replicas: cfg.NATS.Replicas}); err != nil {
		return err
	}
	if _, err := o.verify(ctx); err != nil {
		return err
	}
	if err := o.dropCopies(ctx, cfg); err != nil {
		return err
	}
	return os.Remove(spool)
}

// prepare reads the log to its end, claims every partition at its end so that no
// claim is left before the new beginning, and spools it with the one body masked.
func (o *offline) prepare(ctx context.Context, cfg *configs.Config, spool string, r orchestrator.Redacted, whole bool) error {
	if err := o.openLog(ctx, cfg, bus.Options{}); err != nil {
		return err
	}
	meta, err := o.readAll(ctx)
	if err != nil {
		return err
	}
	if _, err := o.verify(ctx); err != nil {
		return err
	}
	if err := o.redactable(ctx, r.Seq, whole); err != nil {
		return err
	}
	if err := o.dropBodies(ctx, r.Seq); err != nil {
		return err
	}
	for p := range meta.Partitions {
		for _, released := range []bool{false, true} {
			claim := orchestrator.Claim{Instance: "offline", Boot: "offline", Released: released, FoldVersion: meta.FoldVersion}
			if err := o.say(ctx, orchestrator.SubjectOwn(p), orchestrator.Record{Claim: &claim}); err != nil {
				return err
			}
		}
	}
	if err := o.say(ctx, orchestrator.SubjectAdmin, orchestrator.Record{Redacted: &r}); err != nil {
		return err
	}
	if _, err := o.readAll(ctx); err != nil {
		return err
	}
	return o.store.Read(func(s *orchestrator.State) error {
		return o.bus.Spool(ctx, spool, func(e *orchestrator.Entry) error {
			if e.Seq == r.Seq {
				return maskEntry(e, s, whole)
			}
			return nil
		})
	})
}

// redactable refuses what the chain or the partitions rest on.
func (o *offline) redactable(ctx context.Context, seq uint64, whole bool) error {
	got, err := o.bus.Read(ctx, seq, 1)
	switch {
	case err != nil:
		return err
	case len(got) == 0 || got[0].Seq != seq:
		return fmt.Errorf("there is no entry %d in the log", seq)
	case got[0].Subject == orchestrator.SubjectAdmin || strings.HasPrefix(got[0].Subject, "backout.log.own."):
		return fmt.Errorf("entry %d (%s) holds the order of the log and no words", seq, got[0].Subject)
	case got[0].Sum != "":
		return fmt.Errorf("entry %d was redacted before", seq)
	}
	if !whole && holdsDocuments(got[0].Data) {
		return fmt.Errorf("entry %d holds playbooks, rules or the configuration: without their words the log gives another state when it is folded again, as after state.db is lost. Change what is written there and `backout config apply` it; if the words must go, take a copy of state.db first and say --whole", seq)
	}
	var version int
	_, _, err = o.entries(ctx, func(e orchestrator.Entry, _ string) error {
		if env, err := orchestrator.DecodeEnvelope(e.Data); err == nil && e.Seq <= seq {
			for i := range env.Records {
				if cl := env.Records[i].Claim; cl != nil && !cl.Released {
					version = max(version, cl.FoldVersion)
				}
			}
		}
		return nil
	})
	if err == nil && version < 2 {
		err = fmt.Errorf("entry %d was written by a version of Backout whose chain covers the words themselves; it cannot be redacted", seq)
	}
	return err
}

// holdsDocuments reports whether an entry has what everything after it is folded with.
func holdsDocuments(data []byte) bool {
	env, err := orchestrator.DecodeEnvelope(data)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(env.Records, func(r orchestrator.Record) bool { return r.Doc != nil })
}

// say appends one entry to a log nobody else writes.
func (o *offline) say(ctx context.Context, subject string, rec orchestrator.Record) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	id, err := randomHex(8)
	if err != nil {
		return err
	}
	env := orchestrator.Envelope{ID: "offline/" + id, At: time.Now().UnixMilli(), Boot: "offline", Records: []orchestrator.Record{rec}}
	data, err := env.Encode()
	if err != nil {
		return err
	}
	_, err = o.bus.Append(ctx, orchestrator.Message{Subject: subject, ID: env.ID, Data: data})
	return err
}

// dropCopies drops the snapshots, which hold what was redacted.
func (o *offline) dropCopies(ctx context.Context, cfg *configs.Config) error {
	dir := cfg.Instance.Snapshots
	if dir == "" {
		dir = filepath.Join(cfg.Instance.Data, "snapshots")
	}
	return errors.Join(os.RemoveAll(dir), o.bus.DropSnapshots(ctx))
}
