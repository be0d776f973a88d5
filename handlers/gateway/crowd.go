package gateway

import "fmt"

// maxBad bounds how many lines of quarantine one delivery may write; a megabyte
// of "{}," would write 300,000.
const maxBad = 100

// add takes an item; a bad one beyond the bound is only counted.
func (d *Decoded) add(it Item) {
	if it.Record.Bad != nil {
		if d.bad++; d.bad > maxBad {
			return
		}
	}
	d.Items = append(d.Items, it)
}

// close adds one line for the bad items that were only counted; the whole body
// is kept with it, so that nothing is lost.
func (d *Decoded) close(origin string, body []byte) {
	if d.bad <= maxBad {
		return
	}
	it := badItem(origin, fmt.Sprintf("%d more items of the same body are bad; the whole body is kept", d.bad-maxBad), body)
	it.Keep = RedactBytes(body)
	d.Items = append(d.Items, it)
}
