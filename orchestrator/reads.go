package orchestrator

// Token finds an API token by the SHA-256 of its text.
func (s *State) Token(hash string) (Token, bool) {
	var t Token
	ok := s.load(BucketToken, []byte(hash), &t)
	return t, ok
}

// Tokens lists all API tokens.
func (s *State) Tokens() []Token {
	out := []Token{}
	s.view.Scan(BucketToken, nil, nil, func(_, v []byte) bool {
		var t Token
		if decode(v, &t) {
			out = append(out, t)
		}
		return true
	})
	return out
}

// WhyLine says what became of an event of one origin.
type WhyLine struct {
	Origin string `json:"origin"`
	ID     string `json:"id"`
	Seen
}

// Why says what became of an event. Without an origin the usual ones are tried.
func (s *State) Why(origin, id string) []WhyLine {
	origins := []string{origin}
	if origin == "" {
		origins = []string{
			"http/alertmanager", "http/events", "http/github", "http/grafana", "http/pagerduty", "http/sendgrid", "http/sentry", "http/stripe", "http/toss", "http/uptimerobot",
			"http/vercel", "http/vercel-drain", "poll/github", "poll/stripe", "poll/toss",
		}
		for _, p := range s.Config().Projects {
			origins = append(origins, "nats/"+p.ID, "http/events/"+p.ID)
		}
	}
	var out []WhyLine
	for _, o := range origins {
		if v, ok := s.Seen(o, id, s.meta.Now); ok {
			out = append(out, WhyLine{Origin: o, ID: id, Seen: v})
		}
	}
	return out
}

// NotClosed counts the incidents that environments have: each once, also one that has
// several.
func (s *State) NotClosed() int {
	some := map[string]bool{}
	s.view.Scan(BucketCorr, nil, nil, func(_, n []byte) bool {
		some[string(n)] = true
		return true
	})
	return len(some)
}

// Count is how many records a bucket has.
func (s *State) Count(b Bucket) int {
	n := 0
	s.view.Scan(b, nil, nil, func(_, _ []byte) bool {
		n++
		return true
	})
	return n
}
