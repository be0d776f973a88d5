package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// ready says whether this instance works: NATS answers, the state can be read.
func (a *app) ready(ctx context.Context) (map[string]string, error) {
	if err := a.bus.Alive(ctx); err != nil {
		return nil, err
	}
	owner, err := a.engine.Owns(ctx)
	if err != nil {
		return nil, err
	}
	room, err := a.logRoom()
	if err != nil {
		return nil, err
	}
	notes := map[string]string{"status": "ready", "log": room, "owner": fmt.Sprint(owner), "sync": "every entry is on disk before it is acknowledged"}
	if a.server == nil {
		notes["sync"] = "not verified: an external NATS server does not tell; its configuration must say sync_interval: always"
	}
	if pause, paused := a.paused(); paused {
		notes["paused"] = fmt.Sprintf("by %s since %s: %s", pause.By, time.UnixMilli(pause.At).UTC().Format(time.DateTime), pause.Reason)
	}
	if a.server != nil && !owner {
		return nil, errors.New("this instance has not claimed its partition yet")
	}
	return notes, a.served(ctx)
}

// paused is the pause of everything, if there is one.
func (a *app) paused() (pause orchestrator.Pause, paused bool) {
	_ = a.engine.Peek(func(s *orchestrator.State) error {
		pause, paused = s.Meta().Paused[""]
		return nil
	})
	return pause, paused
}

// served reports whether somebody who is alive acts for every partition.
func (a *app) served(ctx context.Context) error {
	c, err := a.engine.Cluster(ctx)
	if err != nil {
		return err
	}
	for _, p := range c.Owners {
		if !p.Alive {
			return fmt.Errorf("nobody acts for partition %d at the moment; `backout cluster` shows who runs", p.Partition)
		}
	}
	return nil
}
