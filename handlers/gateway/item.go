package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

// Delivery is one verified request, as the decoders see it.
type Delivery struct {
	// Origin is the authenticated ingress, such as http/alertmanager.
	Origin string
	// Project, when set, is the only project the sender may speak for.
	Project string
	Header  http.Header
	Body    []byte
	// byToken is set when an API token stands in for a signature.
	byToken bool
	// Unsigned is set when nothing authenticated the sender.
	Unsigned bool
	// Signed is set when a signature that only some of a source's events have was
	// checked.
	Signed         bool
	VercelProjects map[string]string
	Repositories   github.Places
}

// Decoded is what a delivery contained.
type Decoded struct {
	Items []Item
	// Ignored counts what Backout has no use for.
	Ignored int
	// Truncated is how many alerts the sender says it left out.
	Truncated int
	// DedupKey is what PagerDuty's clients are told.
	DedupKey string
	// bad counts the items that cannot be understood.
	bad int
}

// Item is one record of a delivery.
type Item struct {
	Record orchestrator.Record
	// Keep is the redacted body that belongs into a blob because the record does
	// not say all of it; nil when it does.
	Keep []byte
}

// keepOver is the size, in bytes, over which a body is kept as a blob in any case.
const keepOver = 64 << 10

// SetBlob notes under which hash Keep was put aside.
func (it *Item) SetBlob(hash string) {
	if it.Record.Event != nil {
		it.Record.Event.Blob = hash
	}
	if it.Record.Bad != nil {
		it.Record.Bad.Blob = hash
	}
}

// badItem is what becomes of something that cannot be understood: its reason,
// its beginning, and the body itself when the beginning is not all.
func badItem(origin, reason string, raw []byte) Item {
	masked := RedactBytes(raw)
	it := Item{Record: orchestrator.Record{Bad: &orchestrator.Bad{
		Origin: origin, Reason: cleanText(reason, maxReason), Excerpt: cleanText(string(masked), maxExcerpt),
	}}}
	if len(masked) > maxExcerpt {
		it.Keep = masked
	}
	return it
}

// eventItem finishes a decoded event: who sent it, for which project it may
// speak, and whether its body is kept.
func (d Delivery) eventItem(ev *orchestrator.Event, raw []byte, keep bool) Item {
	ev.Origin, ev.Unsigned = d.Origin, d.Unsigned
	if d.Project != "" {
		if ev.Project != "" && ev.Project != d.Project {
			return badItem(d.Origin, "data.project is "+ev.Project+", but this sender may only speak for "+d.Project, raw)
		}
		ev.Project = d.Project
	}
	it := Item{Record: orchestrator.Record{Event: ev}}
	if keep || len(raw) > keepOver {
		it.Keep = RedactBytes(raw)
	}
	return it
}

// size is about what the record's text takes in the log, in bytes.
func (it *Item) size() int {
	n := recordBytes
	if b := it.Record.Bad; b != nil {
		n += len(b.Reason) + len(b.Excerpt)
	}
	ev := it.Record.Event
	if ev == nil {
		return n
	}
	for _, s := range []string{ev.ID, ev.Source, ev.Fingerprint, ev.Name, ev.Summary, ev.Release, ev.Value, ev.DeploymentID, ev.URL, ev.Provider, ev.Endpoint, ev.Error} {
		n += len(s)
	}
	for k, v := range ev.Labels {
		n += len(k) + len(v)
	}
	for _, id := range ev.EventIDs {
		n += len(id)
	}
	return n
}

// identity joins the parts of an id so that no two different lists give the same
// one: a slash inside a later part is escaped.
func identity(first string, rest ...string) string {
	escape := strings.NewReplacer("%", "%25", "/", "%2F")
	for _, part := range rest {
		first += "/" + escape.Replace(part)
	}
	return first
}

// cleanID makes an id fit to be kept. One that held a secret or is too long is
// replaced by a hash over it and the whole item (raw, which may be nil), so it
// still tells repeats from news.
func cleanID(id string, raw []byte) string {
	kept := cleanText(id, maxID)
	if kept == id {
		return id
	}
	sum := sha256.Sum256(append([]byte(id+"\x00"), raw...))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// stamp tells one delivery from the next: by its time, or by its body.
func (d Delivery) stamp(at int64) string {
	if at != 0 {
		return strconv.FormatInt(at, 10)
	}
	sum := sha256.Sum256(d.Body)
	return "sha256-" + hex.EncodeToString(sum[:16])
}
