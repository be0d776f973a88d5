package main

import (
	"context"

	"github.com/aimarketplace/backout/configs"
)

// copies looks for what would fail when a copy is taken or put back.
func (u *checkup) copies(ctx context.Context, cfg *configs.Config) {
	c, err := copiesClient(cfg)
	if err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 6*checkWait)
	defer cancel()
	for _, f := range c.Check(ctx) {
		level := foundOK
		switch {
		case f.Warn:
			level = foundLook
		case f.Fix != "":
			level = foundFix
		}
		u.fix(level, f.Fix, "%s", f.Text)
	}
}
