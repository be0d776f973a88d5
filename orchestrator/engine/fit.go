package engine

import (
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxRecord bounds one record in bytes of JSON, maxList the deployments that are
// kept of a list that is too long.
const (
	maxRecord = 128 << 10
	maxList   = 50
)

// body is the JSON of the item's record, encoded once. One that is too long for
// the log is replaced by one that says so: a record that is never taken would
// hold up everything behind it.
func (it *item) body() ([]byte, error) {
	if it.json != nil {
		return it.json, nil
	}
	data, err := orchestrator.EncodeRecords([]orchestrator.Record{it.rec})
	if err != nil {
		return nil, err
	}
	if len(data) > maxRecord {
		it.rec = shortened(it.rec, len(data))
		if data, err = orchestrator.EncodeRecords([]orchestrator.Record{it.rec}); err != nil {
			return nil, err
		}
	}
	it.json = data
	return data, nil
}

// shortened is a record of the same meaning without what makes it too long.
func shortened(rec orchestrator.Record, size int) orchestrator.Record {
	text := fmt.Sprintf("what came back is %d bytes long, more than the %d that the log takes", size, maxRecord)
	switch {
	case rec.Result != nil:
		r := *rec.Result
		r.Data, r.Text = nil, text+"; its output is not kept"
		return orchestrator.Record{Result: &r}
	case rec.Verified != nil:
		v := *rec.Verified
		v.Data, v.Text = nil, text+"; its output is not kept"
		return orchestrator.Record{Verified: &v}
	case rec.Preview != nil:
		return orchestrator.Record{Preview: &orchestrator.Previewed{StepRef: rec.Preview.StepRef, Error: text, Gone: true}}
	case rec.Measure != nil:
		return orchestrator.Record{Measure: &orchestrator.Measured{StepRef: rec.Measure.StepRef, Error: text}}
	case rec.Observed != nil:
		o := *rec.Observed
		o.Serving, o.Error = orchestrator.Serving{}, text
		return orchestrator.Record{Observed: &o}
	case rec.Deploys != nil:
		d := *rec.Deploys
		d.List = d.List[:min(len(d.List), maxList)]
		return orchestrator.Record{Deploys: &d}
	case rec.Event != nil:
		return orchestrator.Record{Bad: &orchestrator.Bad{Origin: rec.Event.Origin, Reason: text, Blob: rec.Event.Blob}}
	}
	return rec
}

// bundle is how many of the items that wait go into the next message, and their
// bodies; none when the first cannot be encoded. A batch of the inbox is one
// message, whatever its size.
func (l *lane) bundle(whole bool) (bodies [][]byte) {
	size := 0
	for i := range l.items[:min(len(l.items), maxBundle)] {
		body, err := l.items[i].body()
		if err != nil {
			break
		}
		if size += len(body); size > bundleBytes && i > 0 && !whole {
			break
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// fitting are as many of the records taken from the inbox as fit one entry, at
// least one, encoded.
func fitting(records []orchestrator.Record) []item {
	items := make([]item, 0, len(records))
	size := 0
	for i := range records {
		it := item{rec: records[i]}
		body, err := it.body()
		if err != nil {
			it.rec = orchestrator.Record{Bad: &orchestrator.Bad{Origin: "nats", Reason: "it cannot be written into the log: " + err.Error()}}
		}
		if size += len(body); size > bundleBytes && i > 0 {
			break
		}
		items = append(items, it)
	}
	return items
}
