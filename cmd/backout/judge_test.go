package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

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
	for _, c := range s.judge.read(s.t, s.path("calls.jsonl")) {
		if c.Effect && c.Server == server && strings.Contains(c.Path, path) {
			out = append(out, c)
		}
	}
	return out
}

// callReader remembers how far it has read, and only what is no mere read: a long story
// makes millions of calls.
type callReader struct {
	mu   sync.Mutex
	from int64
	seen []sandbox.Call
}

func (j *callReader) read(tb testing.TB, path string) []sandbox.Call {
	tb.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	file := must(os.Open(path))(tb)
	defer file.Close()
	must(file.Seek(j.from, io.SeekStart))(tb)
	written := must(io.ReadAll(file))(tb)
	written = written[:bytes.LastIndexByte(written, '\n')+1]
	j.from += int64(len(written))
	for line := range bytes.Lines(written) {
		if bytes.Contains(line, []byte(`"method":"GET"`)) {
			continue
		}
		var c sandbox.Call
		if err := json.Unmarshal(line, &c); err != nil {
			tb.Fatalf("a line of the call log: %v", err)
		}
		j.seen = append(j.seen, c)
	}
	return j.seen
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
