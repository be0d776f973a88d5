package orchestrator

import (
	"encoding/binary"
	"strconv"
)

// monitors are the sources whose alerts a person knows by a fingerprint, a monitor or a
// key, and not by the id that was made of it.
func monitors() []string {
	return []string{"alertmanager", "grafana", "pagerduty", "sentry", "uptimerobot", "github", "vercel"}
}

// maxStarts bounds how many firings of one fingerprint are looked at.
const maxStarts = 50

// WhyAlert says what became of the alerts of a fingerprint, oldest first.
func (s *State) WhyAlert(fingerprint string) []WhyLine {
	var out []WhyLine
	cfg := s.Config()
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Environments {
			for _, source := range monitors() {
				prefix := append(joinKey(cfg.Projects[i].ID, cfg.Projects[i].Environments[j].ID, source, fingerprint), 0)
				out = append(out, s.whyStarts(prefix, "http/"+source, fingerprint)...)
			}
		}
	}
	return out
}

func (s *State) whyStarts(prefix []byte, origin, fingerprint string) []WhyLine {
	var out []WhyLine
	starts := 0
	s.view.Scan(BucketAlert, prefix, nil, func(k, v []byte) bool {
		var st alertState
		if len(k) != len(prefix)+8 || !decode(v, &st) {
			return true
		}
		start := binary.BigEndian.Uint64(k[len(prefix):])
		if start == endStart { // an end of what was not known to fire, or one that was seen above
			if len(out) == 0 {
				out = s.whyFiring(origin, fingerprint, strconv.FormatInt(st.From, 10))
			}
			return false
		}
		known := s.whyFiring(origin, fingerprint, strconv.FormatUint(start, 10))
		if len(known) == 0 {
			known = []WhyLine{{Origin: origin, ID: fingerprint, Seen: Seen{N: st.N, At: int64(start), Why: st.sentence()}}}
		}
		out = append(out, known...)
		starts++
		return starts < maxStarts
	})
	return out
}

// whyFiring tries the ids that the sources make of a fingerprint and a start.
func (s *State) whyFiring(origin, fingerprint, start string) []WhyLine {
	var out []WhyLine
	for _, id := range []string{
		fingerprint + "/" + start + "/firing", fingerprint + "/" + start + "/resolved", fingerprint + "/trigger/" + start, fingerprint + "/down/" + start,
	} {
		if v, ok := s.Seen(origin, id, s.meta.Now); ok {
			out = append(out, WhyLine{Origin: origin, ID: id, Seen: v})
		}
	}
	return out
}

// sentence says how it is with an alert of which no event is remembered.
func (a *alertState) sentence() string {
	text := "it has ended"
	if a.Firing {
		text = "it fires"
	}
	if a.N > 0 {
		return text + "; " + IncidentName(a.N) + " has it"
	}
	return text + "; no incident has it"
}
