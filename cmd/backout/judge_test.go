package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// The judge of what was done outside is the sandbox's call log, never what Backout
// says of itself.

// calls reads the judge: every call the sandbox got.
func (s *shop) calls() []sandbox.Call {
	s.t.Helper()
	written := must(os.ReadFile(s.path("calls.jsonl")))(s.t)
	var out []sandbox.Call
	// What follows the last line's end is still being written.
	for line := range bytes.Lines(written[:bytes.LastIndexByte(written, '\n')+1]) {
		var c sandbox.Call
		if err := json.Unmarshal(line, &c); err != nil {
			s.t.Fatalf("a line of the call log: %v", err)
		}
		out = append(out, c)
	}
	return out
}

// effects are the calls that changed something at a server under a path.
func (s *shop) effects(server, path string) []sandbox.Call {
	s.t.Helper()
	var out []sandbox.Call
	for _, c := range s.calls() {
		if c.Effect && c.Server == server && strings.Contains(c.Path, path) {
			out = append(out, c)
		}
	}
	return out
}

// wantOneRollback asks the judge: one rollback took effect, to the good
// deployment, and nothing was promoted.
func (s *shop) wantOneRollback() {
	s.t.Helper()
	back := s.effects("vercel", "/rollback/")
	if len(back) != 1 || !strings.HasSuffix(back[0].Path, "/rollback/dpl_good2") {
		s.t.Errorf("the sandbox saw %d effective rollbacks, want one to dpl_good2: %+v", len(back), back)
	}
	if up := s.effects("vercel", "/promote/"); len(up) != 0 {
		s.t.Errorf("something was promoted: %+v", up)
	}
}
