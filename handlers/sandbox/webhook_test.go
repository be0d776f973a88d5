package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// delivery is one webhook as the receiver got it.
type delivery struct {
	header http.Header
	body   []byte
}

// receiver keeps what is posted to it; the first fail deliveries are answered 503.
func receiver(t *testing.T, fail int) (string, <-chan delivery) {
	t.Helper()
	got := make(chan delivery, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if fail > 0 {
			fail--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got <- delivery{header: r.Header, body: body}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func next(t *testing.T, got <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(15 * time.Second):
		t.Fatal("no webhook within 15 s")
		return delivery{}
	}
}

func TestWebhooks_signedRetriedAndDuplicated(t *testing.T) {
	t.Parallel()
	url, got := receiver(t, 3)
	h := start(t, func(o *sandbox.Options) {
		o.WebhookURL, o.WebhookSecret, o.MaxLag = url, "whsec", 10*time.Millisecond
	})
	ids := map[string]int{}
	kinds := map[string]int{}
	// Enough requests that one in four duplicated is certain to show with this seed.
	for i := range 12 {
		h.vercel(201, "POST", rollbackTo+[]string{"dpl_good1", "dpl_good2"}[i%2])
		h.clock.forward(time.Minute)
	}
	h.vercel(201, "POST", promoteTo+"dpl_good1")
	h.clock.forward(time.Minute) // Nobody reads from here on: the webhook comes by itself.
	for kinds["deployment.promoted"] == 0 || len(ids) < 13 || !twice(ids) {
		d := next(t, got)
		mac := hmac.New(sha1.New, []byte("whsec"))
		mac.Write(d.body)
		if d.header.Get("X-Vercel-Signature") != hex.EncodeToString(mac.Sum(nil)) {
			t.Fatalf("wrong signature over %s", d.body)
		}
		var hook struct {
			Type, ID string
			Payload  map[string]any
		}
		if err := json.Unmarshal(d.body, &hook); err != nil {
			t.Fatal(err)
		}
		ids[hook.ID]++
		kinds[hook.Type]++
		if hook.Type == "deployment.rollback" && hook.Payload["toDeploymentId"] == nil {
			t.Errorf("payload %v", hook.Payload)
		}
	}
}

func twice(ids map[string]int) bool {
	for _, n := range ids {
		if n > 1 {
			return true
		}
	}
	return false
}
