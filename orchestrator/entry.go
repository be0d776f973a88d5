package orchestrator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
)

// Entry is one line of the log as the fold reads it: a sequence number, the
// subject it was appended under, and an Envelope in JSON.
type Entry struct {
	Seq     uint64
	Subject string
	Data    []byte
	// Sum is the SHA-256 of the body in hex as it was appended; empty unless the
	// body was redacted afterwards. The chain goes over it, so that it still holds.
	Sum string
	// ahead is the body decoded beforehand; it serves one fold, which changes it.
	ahead *Envelope
}

// DecodeAhead decodes the body outside the fold, which then need not. The entry may be
// folded once after it. A body that is broken is left to the fold, which says so.
func (e *Entry) DecodeAhead() {
	if len(e.Data) > maxEntry {
		return
	}
	if env, err := decodeSafely(e.Data); err == nil {
		e.ahead = env
	}
}

// The log's subjects. Claims, records of an owner and results carry their
// partition as the last token.
const (
	SubjectEvents   = "backout.log.ev"
	SubjectCommands = "backout.log.cmd"
	SubjectConfig   = "backout.log.cfg"
	SubjectAdmin    = "backout.log.adm"

	ownPrefix    = "backout.log.own."
	actPrefix    = "backout.log.act."
	resultPrefix = "backout.log.res."
)

// SubjectOwn is where ownership of partition p is claimed.
func SubjectOwn(p int) string { return ownPrefix + strconv.Itoa(p) }

// SubjectAct is where the owner of partition p appends, fenced.
func SubjectAct(p int) string { return actPrefix + strconv.Itoa(p) }

// SubjectResults is where results of partition p go when the fence is lost.
func SubjectResults(p int) string { return resultPrefix + strconv.Itoa(p) }

// PartitionOf reads the partition from a subject; ok is false for subjects
// without one.
func PartitionOf(subject string) (p int, ok bool) {
	for _, prefix := range []string{ownPrefix, actPrefix, resultPrefix} {
		if rest, found := strings.CutPrefix(subject, prefix); found {
			p, err := strconv.Atoi(rest)
			return p, err == nil
		}
	}
	return 0, false
}

// Fence lets an append succeed only while Seq is the last sequence of Subject.
type Fence struct {
	Subject string
	Seq     uint64
}

// Message is an entry to be appended. ID makes a repeated append recognisable.
type Message struct {
	Subject string
	ID      string
	Data    []byte
	Fence   *Fence
}

// Log is the one stream of entries. Implementations are safe for concurrent
// use and durable: Append returns nil only after the entry is on stable storage.
type Log interface {
	// Append adds one entry and returns its sequence. ErrFenced and ErrLogFull
	// say that this try was turned away (an earlier try may still have landed);
	// any other error leaves open whether the entry landed.
	Append(ctx context.Context, m Message) (seq uint64, err error)
	// Read returns up to limit entries from sequence from on, in order. An
	// empty result means that there are none yet.
	Read(ctx context.Context, from uint64, limit int) ([]Entry, error)
}

// LogEnds is where a log begins and ends and how full it is.
type LogEnds struct {
	LogID string `json:"log_id"`
	// First and Last are sequences; claims before the trim mark may stay, so First
	// can be below it. Trimmed is up to where entries may be gone.
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Trimmed uint64 `json:"trimmed,omitempty"`
	// Bytes is what it takes, Limit what it may take.
	Bytes int64 `json:"bytes"`
	Limit int64 `json:"limit"`
}

// ErrFenced is returned by Append when the fence no longer holds.
var ErrFenced = errors.New("the fence is lost: another instance or a later start owns this partition")

// ErrLogFull is returned by Append when the log takes no more entries.
var ErrLogFull = errors.New("the log is full")

// Envelope is the body of every entry.
type Envelope struct {
	// ID is the message id: boot/counter.
	ID string `json:"id"`
	// At is the writer's wall clock in Unix milliseconds.
	At   int64  `json:"at"`
	Boot string `json:"boot,omitempty"`
	// Epoch is the claim under which an owner's records were written.
	Epoch   uint64   `json:"epoch,omitempty"`
	Records []Record `json:"r"`
}

// Encode gives the envelope's JSON.
func (e *Envelope) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding entry %s: %w", e.ID, err)
	}
	return b, nil
}

// EncodeRecords gives the JSON of records joined by commas, for EncodeWith.
func EncodeRecords(records []Record) ([]byte, error) {
	b, err := json.Marshal(records)
	if err != nil {
		return nil, fmt.Errorf("encoding records: %w", err)
	}
	return b[1 : len(b)-1], nil
}

// EncodeWith gives the JSON of the envelope with records that EncodeRecords has
// encoded already; Records must be empty.
func (e *Envelope) EncodeWith(bodies [][]byte) ([]byte, error) {
	head, err := e.Encode()
	if err != nil {
		return nil, err
	}
	const none = "null}"
	out := append(head[:len(head)-len(none)], '[')
	out = append(out, bytes.Join(bodies, []byte{','})...)
	return append(out, "]}"...), nil
}

// DecodeEnvelope reads an entry's body.
func DecodeEnvelope(data []byte) (*Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("decoding an entry: %w", err)
	}
	return &e, nil
}
