package orchestrator_test

import (
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestEnvelope_encodeWithIsEncode(t *testing.T) {
	t.Parallel()
	records := []orchestrator.Record{
		{Command: &orchestrator.Command{ID: "c", Verb: "ack", Text: "a \"quoted\" word"}},
		{Event: &orchestrator.Event{Origin: "o", ID: "1", Type: orchestrator.AlertFiring, Labels: map[string]string{"k": "v"}}},
	}
	whole := orchestrator.Envelope{ID: "x/1", At: 7, Boot: "b", Records: records}
	want, err := whole.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var bodies [][]byte
	for i := range records {
		body, err := orchestrator.EncodeRecords(records[i : i+1])
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	head := orchestrator.Envelope{ID: "x/1", At: 7, Boot: "b"}
	got, err := head.EncodeWith(bodies)
	if err != nil || string(got) != string(want) {
		t.Fatalf("%s, %v; want %s", got, err, want)
	}
}
