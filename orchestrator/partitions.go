package orchestrator

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/goccy/go-json"
)

// repartition spreads what there is over the partitions of a new log. Owners are
// forgotten: the new log has none of their claims, so who acts next claims anew,
// and what was under way is in doubt.
func (p *pass) repartition(partitions int) error {
	for _, row := range p.rows(BucketOwn) {
		p.s.view.Delete(BucketOwn, row.key)
	}
	if partitions == p.s.meta.Partitions {
		return nil
	}
	p.s.meta.Partitions = partitions
	p.s.flushIncidents()
	placed, err := p.placeIncidents(partitions)
	if err != nil {
		return err
	}
	for _, b := range []struct {
		bucket Bucket
		// at is where the partition stands in a key, n where the incident does.
		at, n int
	}{{BucketReady, 0, 11}, {BucketRunning, 0, 2}, {BucketTimer, 8, 10}} {
		for _, row := range p.rows(b.bucket) {
			if len(row.key) < b.n+8 {
				continue
			}
			p.s.view.Delete(b.bucket, row.key)
			key := bytes.Clone(row.key) // the view keeps the other
			binary.BigEndian.PutUint16(key[b.at:], uint16(placed[binary.BigEndian.Uint64(key[b.n:])]))
			p.s.view.Put(b.bucket, key, row.value)
		}
	}
	return nil
}

// placeIncidents writes the new partition into every incident.
func (p *pass) placeIncidents(partitions int) (map[uint64]int, error) {
	placed := map[uint64]int{}
	for _, row := range p.rows(BucketIncident) {
		var inc Incident
		if err := json.Unmarshal(row.value, &inc); err != nil {
			return nil, fmt.Errorf("decoding an incident to place it anew: %w", err)
		}
		inc.Partition = Partition(inc.Project, inc.Environment, partitions)
		placed[inc.N] = inc.Partition
		p.s.save(BucketIncident, row.key, &inc)
	}
	return placed, nil
}

// rows copies a bucket, so that it can be written while it is gone through.
func (p *pass) rows(b Bucket) []pair {
	var out []pair
	p.s.view.Scan(b, nil, nil, func(k, v []byte) bool {
		out = append(out, pair{append([]byte(nil), k...), append([]byte(nil), v...)})
		return true
	})
	return out
}
