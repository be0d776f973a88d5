package configs

import (
	"fmt"
	"strings"
	"time"
)

// The bounds of how often something is asked, and of one query.
const (
	everyLeast   = Duration(5 * time.Second)
	everyMost    = Duration(time.Hour)
	timeoutMost  = Duration(25 * time.Second)
	timeoutLeast = Duration(10 * time.Millisecond)
)

func (k *checker) polled() {
	for i, u := range k.c.Instance.ControlProbes {
		if _, ok := parseURL(u); !ok {
			k.wrong(index("instance.control_probes", i), "a control probe is an http or https address", "write one such as https://1.1.1.1/cdn-cgi/trace")
		}
	}
	if n := len(k.c.Instance.ControlProbes); n == 1 {
		k.wrong("instance.control_probes", "one control probe cannot tell its own outage from this machine's", "name two hosts that have nothing to do with each other")
	}
	for _, h := range k.c.namedHooks() {
		if h.hook != nil && h.hook.ExpectEvery > 0 && h.hook.ExpectEvery < Duration(time.Minute) {
			k.wrong("hooks."+h.name+".expect_every", "no source speaks that often", "write at least 1m, three times what it sends by itself")
		}
	}
	ids := map[string]bool{}
	for _, u := range k.c.Upstreams {
		at := join("upstreams", u.ID)
		k.unique(at, "an upstream", u.ID, ids)
		if _, ok := parseURL(u.Status); !ok && u.Status != "none" {
			k.wrong(at+".status", "there is no address of its status page", "write the page's /api/v2/summary.json, or none when it has no such page")
		}
		k.every(at+".every", u.Every)
	}
	k.supabase()
}

func (k *checker) supabase() {
	s := k.c.Providers.Supabase
	if s == nil {
		return
	}
	k.need("providers.supabase", "token", s.Token)
	k.baseURL("providers.supabase", s.BaseURL, s.AllowPrivate)
	k.every("providers.supabase.poll", s.Poll)
	for i, name := range s.Services {
		k.oneOf(index("providers.supabase.services", i), "the service", name, "auth", "db", "db_postgres_user", "pooler", "realtime", "rest", "storage", "pg_bouncer")
	}
	if s.Ref != "" && !isID(s.Ref) {
		k.wrong("providers.supabase.ref", fmt.Sprintf("%q is not a project's reference", s.Ref), "copy it from the project's address: 20 letters")
	}
}

func (k *checker) every(at string, d Duration) {
	if d != 0 && (d < everyLeast || d > everyMost) {
		k.wrong(at, "this is no useful pause", "write a time between 5s and 1h")
	}
}

// watched checks what an environment asks by itself.
func (k *checker) watched(at string, e *Environment, p *Project) {
	for i, pb := range e.Probes {
		here := index(at+".probes", i)
		k.every(here+".every", pb.Every)
		if pb.Fails < 0 || pb.Fails > 100 || pb.Passes < 0 || pb.Passes > 100 {
			k.wrong(here, "so many readings in a row are never counted", "write fails and passes between 1 and 100, or leave them out for 3 and 2")
		}
		k.severity(here+".severity", pb.Severity)
	}
	if len(e.Signals) > 0 && !e.Database.EvidenceURL.IsSet() {
		k.wrong(at+".signals", "there is no database to ask", "write database: {evidence_url: env:NAME}, of a role that may only read")
	}
	k.database(at+".database", &e.Database)
	ids := map[string]bool{}
	for i, q := range e.Signals {
		k.sqlSignal(index(at+".signals", i), q, p, ids)
	}
}

func (k *checker) sqlSignal(at string, q SQLSignal, p *Project, ids map[string]bool) {
	switch {
	case !isName(q.ID) && !isID(q.ID):
		k.wrong(at+".id", fmt.Sprintf("%q cannot be the id of a query", q.ID), idFix)
	case ids[q.ID]:
		k.wrong(at+".id", fmt.Sprintf("two have the id %q", q.ID), "give each query its own")
	}
	ids[q.ID] = true
	k.every(at+".every", q.Every)
	k.severity(at+".severity", q.Severity)
	if q.Component != "" {
		k.oneOf(at+".component", "the component", q.Component, componentIDs(p)...)
	}
	if strings.TrimSpace(q.SQL) == "" {
		k.wrong(at+".sql", "there is no query", "write sql: select count(*) from …")
	}
	if !strings.HasPrefix(q.Fire, "=") {
		k.wrong(at+".fire", "the threshold is not an expression", "write one such as fire: \"=value >= 3\"")
	}
	if q.Timeout != 0 && (q.Timeout < timeoutLeast || q.Timeout > timeoutMost) {
		k.wrong(at+".timeout", "this is no useful limit of a query", "write a time up to 25s; the default is 5s")
	}
}

func (k *checker) severity(at, severity string) {
	if severity != "" {
		k.oneOf(at, "the severity", severity, "critical", "error", "major", "warning", "info")
	}
}

// CheckThresholds checks the expression of every query with check, which gets it
// without the leading "=". The error is a Problems.
func (c *Config) CheckThresholds(check func(expr string) error) error {
	var problems Problems
	for i, p := range c.Projects {
		for _, e := range p.Environments {
			for j, q := range e.Signals {
				if err := check(q.document().Fire); err != nil {
					at := index(join(index("projects", i)+".environments", e.ID)+".signals", j)
					problems = append(problems, c.source.problem(at+".fire", err.Error(), "write one over value, such as \"=value >= 3\""))
				}
			}
		}
	}
	if len(problems) > 0 {
		c.source.sort(problems)
		return problems
	}
	return nil
}
