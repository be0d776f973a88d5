package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The kinds of Fault.
const (
	FaultBefore  = "500_before" // answers 500 and does nothing
	FaultAfter   = "500_after"  // does the work, then answers 500
	FaultLimited = "429"        // answers 429 with Retry-After and does nothing
	FaultHang    = "hang"       // does nothing and never answers
	FaultDrop    = "drop_after" // does the work, then closes the connection
	FaultRevoked = "revoked"    // answers as to a revoked token
)

// Fault is armed by POST /_sandbox/fault and hits the next matching calls.
type Fault struct {
	// Path is a prefix of the request path; empty matches all.
	Path string `json:"path,omitempty"`
	// Method matches exactly; empty matches all.
	Method string `json:"method,omitempty"`
	// Kind is one of the Fault constants.
	Kind string `json:"kind"`
	// RetryAfter is the header of a 429, in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
	// Count is how many calls it hits: 0 means 1, -1 means all.
	Count int `json:"count,omitempty"`
}

func (f Fault) hits(method, path string) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, method)) && strings.HasPrefix(path, f.Path)
}

// faultBox holds the armed faults of one stand-in; the first match is used up.
type faultBox struct {
	mu    sync.Mutex
	armed []Fault
}

func (b *faultBox) arm(f Fault) error {
	kinds := []string{FaultBefore, FaultAfter, FaultLimited, FaultHang, FaultDrop, FaultRevoked}
	if !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown fault kind %q: use one of %s", f.Kind, strings.Join(kinds, ", "))
	}
	if f.Count == 0 {
		f.Count = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = append(b.armed, f)
	return nil
}

// take answers the fault that hits this call, or the zero Fault.
func (b *faultBox) take(method, path string) Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, f := range b.armed {
		if !f.hits(method, path) {
			continue
		}
		if f.Count > 0 {
			b.armed[i].Count--
		}
		if b.armed[i].Count == 0 {
			b.armed = slices.Delete(b.armed, i, i+1)
		}
		return f
	}
	return Fault{}
}

func (b *faultBox) list() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Fault{}, b.armed...)
}

func (b *faultBox) disarm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = nil
}
