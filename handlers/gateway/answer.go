package gateway

import (
	"encoding/json"
	"net/http"
)

// taken is the answer to a delivery that the log has.
type taken struct {
	Accepted    int `json:"accepted"`
	Quarantined int `json:"quarantined"`
	// Ignored counts what Backout has no use for, such as a preview build.
	Ignored int `json:"ignored,omitempty"`
}

func answerTaken(w http.ResponseWriter, d Decoded) {
	t := taken{Quarantined: d.bad, Ignored: d.Ignored}
	for i := range d.Items {
		if d.Items[i].Record.Event != nil {
			t.Accepted++
		}
	}
	answerJSON(w, http.StatusOK, t)
}

// answerError says what is wrong and what to do about it; the text quotes nothing
// of the body that has not been cleaned.
func answerError(w http.ResponseWriter, status int, text string) {
	answerJSON(w, status, map[string]string{"error": text})
}

// answerJSON writes the answer; a sender that is gone by then has nobody to tell.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
