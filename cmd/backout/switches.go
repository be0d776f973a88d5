package main

import (
	"fmt"
	"log/slog"
	"maps"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/flag"
	"github.com/aimarketplace/backout/handlers/postgres"
)

// addSwitches adds the actions that switch components off and on.
func (s *actionSet) addSwitches(cfg *configs.Config, logger *slog.Logger) error {
	all := flag.Components{}
	for i := range cfg.Projects {
		p := &cfg.Projects[i]
		for _, c := range p.Components {
			if c.Switch == nil {
				continue
			}
			one, err := s.switchOf(cfg, c.Switch, logger)
			if err != nil {
				return fmt.Errorf("the switch of component %s of %s: %w", c.ID, p.ID, err)
			}
			all[[2]string{p.ID, c.ID}] = one
		}
	}
	maps.Copy(s.all, all.Actions())
	return nil
}

func (s *actionSet) switchOf(cfg *configs.Config, sw *configs.Switch, logger *slog.Logger) (one flag.Component, err error) {
	if sw.Proof != nil {
		o := flag.PageOptions{URL: sw.Proof.Get, Off: sw.Proof.Off, On: sw.Proof.On, Logger: logger}
		if p := cfg.Providers.Probe; p != nil {
			o.Base, o.AllowPrivate = p.BaseURL, prefixes(p.AllowPrivate)
		}
		if one.Proof, err = flag.NewPage(o); err != nil {
			return one, err
		}
	}
	switch {
	case sw.Vercel != nil:
		one.Switch = s.vercel.Switch(sw.Vercel.Config, sw.Vercel.Key, sw.Vercel.Off.JSON(), sw.Vercel.On.JSON())
	case sw.HTTP != nil:
		h := sw.HTTP
		one.Switch, err = flag.NewHTTP(flag.Request(h.Off), flag.Request(h.On), flag.PageOptions{
			URL: h.Read.Get, Off: h.Read.Off, On: h.Read.On, Token: reveal(h.Token), AllowPrivate: prefixes(h.AllowPrivate), Logger: logger,
		})
	case sw.SQL != nil:
		q := sw.SQL
		one.Switch, err = postgres.NewSwitch(postgres.SwitchOptions{URL: q.URL.Reveal(), AllowPrivate: prefixes(q.AllowPrivate), Off: q.Off, On: q.On, Read: q.Read})
	}
	return one, err
}
