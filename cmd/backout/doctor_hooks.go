package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
)

// hooks says of each webhook source whether it is set up: its secret is there, and
// where its sender must post to.
func (u *checkup) hooks(cfg *configs.Config) {
	known := configuredHooks(cfg.Hooks)
	var left []string
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name] == nil {
			left = append(left, name)
			continue
		}
		u.hook(cfg, name, known[name])
	}
	if len(left) > 0 {
		u.found(foundOK, "sources that are left out, and answer 401: %s", strings.Join(left, ", "))
	}
	if repos := len(repositories(cfg)); cfg.Hooks.GitHub != nil && cfg.Providers.GitHub != nil && repos == 0 {
		u.found(foundLook, "source github: no project has a repository, so its events belong to nobody and nothing is polled; write repository: OWNER/NAME at the project")
	}
}

func (u *checkup) hook(cfg *configs.Config, name string, h *configs.Hook) {
	source := hookSource(name, h)
	loop := loopback(cfg.Instance.Listen)
	switch {
	case h.Auth != gateway.AuthNone && !h.Secret.IsSet():
		u.found(foundFix, "source %s: its secret is missing; set hooks.%s.secret", name, name)
		return
	case h.Auth != gateway.AuthNone && h.Secret.Reveal() == "":
		u.found(foundFix, "source %s: its secret cannot be read, see secrets above", name)
		return
	}
	if err := gateway.Check(source, loop); err != nil {
		u.found(foundFix, "%v", err)
		return
	}
	public := strings.TrimSuffix(cfg.Instance.PublicURL, "/")
	if public == "" {
		u.found(foundLook, "source %s: its secret is set (auth %s), but instance.public_url is not, so nobody outside knows where to post", name, h.Auth)
		return
	}
	u.found(foundOK, "source %s: its secret is set (auth %s); it must be able to reach %s", name, h.Auth, public+hookPath(name, h))
}

// hookPath is where a source posts to.
func hookPath(name string, h *configs.Hook) string {
	switch {
	case name == "pagerduty":
		return "/v2/enqueue"
	case h.Auth == gateway.AuthPathSecret:
		return "/hooks/" + name + "/SECRET"
	}
	return "/hooks/" + name
}
