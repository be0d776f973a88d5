package bus

import (
	"net/http"
	"strings"
	"testing"
)

// TestUnwritable_tellsABusyServerFromABrokenLog: only the second may end Backout.
func TestUnwritable_tellsABusyServerFromABrokenLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{http.StatusOK, `{"status":"ok"}`, ""},
		{http.StatusInternalServerError, `{"status":"error","error":"failed to be ready for connections after 1ms: "}`, ""},
		{http.StatusServiceUnavailable, `{"status":"unavailable","error":"JetStream stream 'BACKOUT_LOG' could not be written"}`, "could not be written"},
		{http.StatusServiceUnavailable, ``, "answers 503"},
	} {
		err := (&healthAnswer{status: c.status, body: []byte(c.body)}).unwritable()
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}
