package orchestrator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

const dayMS = 24 * 60 * 60 * 1000

func incidentKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func stepKey(r StepRef) []byte {
	k := make([]byte, 0, 16)
	k = binary.BigEndian.AppendUint64(k, r.N)
	k = binary.BigEndian.AppendUint16(k, uint16(r.Ordinal))
	k = binary.BigEndian.AppendUint16(k, uint16(r.Round))
	return binary.BigEndian.AppendUint32(k, uint32(r.Chunk))
}

func parseStepKey(k []byte) StepRef {
	if len(k) < 16 {
		return StepRef{}
	}
	return StepRef{
		N:       binary.BigEndian.Uint64(k),
		Ordinal: int(binary.BigEndian.Uint16(k[8:])),
		Round:   int(binary.BigEndian.Uint16(k[10:])),
		Chunk:   int(binary.BigEndian.Uint32(k[12:])),
	}
}

// readyKey sorts by partition, priority and the sequence that made the step
// ready, so the oldest work of the most urgent kind comes first.
func readyKey(p int, prio byte, seq uint64, r StepRef) []byte {
	k := make([]byte, 0, 27)
	k = binary.BigEndian.AppendUint16(k, uint16(p))
	k = append(k, prio)
	k = binary.BigEndian.AppendUint64(k, seq)
	return append(k, stepKey(r)...)
}

// ReadyPrefix is the prefix of a partition's keys in BucketReady.
func ReadyPrefix(p int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(p)) }

// ReadyRef reads the step out of a key of BucketReady.
func ReadyRef(key []byte) StepRef {
	if len(key) < 11 {
		return StepRef{}
	}
	return parseStepKey(key[11:])
}

func runningKey(p int, r StepRef) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(p)), stepKey(r)...)
}

// timerKey sorts by the time the timer is due.
func timerKey(due int64, p int, n uint64, name string) []byte {
	k := make([]byte, 0, 18+len(name))
	k = binary.BigEndian.AppendUint64(k, uint64(due))
	k = binary.BigEndian.AppendUint16(k, uint16(p))
	k = binary.BigEndian.AppendUint64(k, n)
	return append(k, name...)
}

// ParseTimerKey reads due time, partition, incident and name from a key of
// BucketTimer.
func ParseTimerKey(k []byte) (t TimerFired, p int) {
	if len(k) < 18 {
		return TimerFired{}, 0
	}
	return TimerFired{
		Due:  int64(binary.BigEndian.Uint64(k)),
		N:    binary.BigEndian.Uint64(k[10:]),
		Name: string(k[18:]),
	}, int(binary.BigEndian.Uint16(k[8:]))
}

func stepTimerName(r StepRef) string {
	return fmt.Sprintf("s/%d/%d/%d", r.Ordinal, r.Round, r.Chunk)
}

func parseStepTimer(n uint64, name string) (StepRef, bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 || parts[0] != "s" {
		return StepRef{}, false
	}
	var nums [3]int
	for i := range nums {
		v, err := strconv.Atoi(parts[i+1])
		if err != nil {
			return StepRef{}, false
		}
		nums[i] = v
	}
	return StepRef{N: n, Ordinal: nums[0], Round: nums[1], Chunk: nums[2]}, true
}

// idSum is what an id is kept under. The newest one is known: an event is looked for
// first and remembered then.
func (s *State) idSum(origin, id string) []byte {
	k := &s.idKept
	if k.origin != origin || k.id != id || k.sum == nil {
		sum := sha256.Sum256([]byte(origin + "\x00" + id))
		k.origin, k.id, k.sum = origin, id, sum[:16]
	}
	return k.sum
}

// dayKey is what the ids of a day have in common, so that whole days can be dropped.
func dayKey(day int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(day)) }

func joinKey(parts ...string) []byte {
	return []byte(strings.Join(parts, "\x00"))
}

// signalSum is what tells a signal apart from the others of its incident.
func signalSum(fingerprint string) []byte {
	h := sha256.Sum256([]byte(fingerprint))
	return h[:16]
}

func historyKey(n uint64, idx uint32) []byte {
	return binary.BigEndian.AppendUint32(incidentKey(n), idx)
}

func badKey(seq uint64, idx int) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, seq), uint16(idx))
}

func deployKey(project, env string, at int64, id string) []byte {
	k := append(joinKey(project, env), 0)
	k = binary.BigEndian.AppendUint64(k, uint64(at))
	return append(k, id...)
}

func deployPrefix(project, env string) []byte { return append(joinKey(project, env), 0) }

func silenceKey(id int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func ownKey(p int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(p)) }

// Partition is the partition that owns the effects of an environment.
func Partition(project, env string, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(project + "/" + env))
	return int(h.Sum32() % uint32(partitions))
}

// IncidentName is how people write an incident number.
func IncidentName(n uint64) string { return "INC-" + strconv.FormatUint(n, 10) }

// ParseIncidentName reads INC-n, inc-n or n; 0 means that it is none.
func ParseIncidentName(s string) uint64 {
	s = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "INC-")
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
