package orchestrator

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/goccy/go-json"
)

// TestSignal_recordSaysTheSame writes signals of all sorts and reads them back, as they
// are written now and as they were before their records became short.
func TestSignal_recordSaysTheSame(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	words := []string{"", "a", "HighErrorRate", "5xx above 5 %"}
	word := func() string { return words[rng.IntN(len(words))] }
	at := func() int64 { return int64(rng.IntN(3)) * 1_795_000_000_000 }
	once := 0
	for range 20_000 {
		sig := Signal{
			Fingerprint: "f" + word(), Name: word(), Source: word(), Severity: word(), Summary: word(), Component: word(), Release: word(),
			Firing: rng.IntN(2) == 0, Count: 1 + rng.IntN(2), First: 1_795_000_000_000, Last: at(), StartsAt: at(), FirstSeen: at(),
			Project: word(), Environment: word(), Hits: rng.IntN(2), Ended: at(),
		}
		for range rng.IntN(3) {
			sig.Fired = append(sig.Fired, at())
		}
		if rng.IntN(4) == 0 {
			sig.Raw = []Raw{{Blob: "b", ID: word(), At: at(), Seq: 3}}
		}
		row := sig.row()
		if row.Once {
			once++
		}
		for name, record := range map[string]any{"as it is now": row, "as it was": &sig} {
			data, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			var got Signal
			if !readSignal(data, &got) || !reflect.DeepEqual(got, sig) {
				t.Fatalf("%s: %s is read as %+v, want %+v", name, data, got, sig)
			}
		}
	}
	if once == 0 {
		t.Error("no signal fired once, so its short record was not read")
	}
}
