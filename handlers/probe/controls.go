package probe

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// controlKept is how long an answer of the control probes counts for probes that fail
// at the same time.
const controlKept = 3 * time.Second

// Controls asks addresses of unrelated hosts to learn whether this machine reaches
// anything at all; it implements orchestrator.Source and is safe for concurrent use.
type Controls struct {
	web  *outbound.Client
	urls []string

	mu  sync.Mutex
	at  time.Time
	why string
}

// Controls makes the source of the control probes; nil when there are none. They are
// asked where they are, never at a stand-in.
func (h *HTTP) Controls(urls []string) *Controls {
	if len(urls) == 0 {
		return nil
	}
	return &Controls{web: h.web, urls: urls}
}

// Name implements orchestrator.Source.
func (c *Controls) Name() string { return "control" }

// Every is how often they are asked by themselves; a probe that fails asks them too.
func (c *Controls) Every() time.Duration { return controlEvery }

// Poll implements orchestrator.Source.
func (c *Controls) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	r := orchestrator.Reading{Kind: orchestrator.ReadControl, ID: orchestrator.ReadControl, Verdict: orchestrator.ReadOK, At: time.Now().UnixMilli()}
	if r.Text = c.ask(ctx); r.Text != "" {
		r.Verdict = orchestrator.ReadFailed
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return []orchestrator.Record{{Reading: &r}}, nil
}

// down reports whether all of them fail; false when there are none.
func (c *Controls) down(ctx context.Context) bool { return c != nil && c.ask(ctx) != "" }

// ask returns why none of them answers, "" when one does. Those who ask at the same
// time share an answer.
func (c *Controls) ask(ctx context.Context) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < controlKept {
		return c.why
	}
	answers := make(chan string, len(c.urls))
	for _, u := range c.urls {
		go func() { answers <- c.one(ctx, u) }() // each ends with its client's timeout
	}
	var whys []string
	for range c.urls {
		why := <-answers
		if why == "" {
			c.at, c.why = time.Now(), ""
			return ""
		}
		whys = append(whys, why)
	}
	if ctx.Err() == nil {
		c.at, c.why = time.Now(), strings.Join(whys, "; ")
	}
	return strings.Join(whys, "; ")
}

// one asks one address. Any answer will do but those that a proxy gives when nothing
// is behind it.
func (c *Controls) one(ctx context.Context, url string) string {
	a, err := c.web.Do(ctx, outbound.Request{Method: http.MethodGet, URL: url, Once: true})
	switch {
	case err != nil:
		return url + " " + err.Error()
	case a.Status >= http.StatusInternalServerError:
		return url + " answered " + http.StatusText(a.Status)
	}
	return ""
}
