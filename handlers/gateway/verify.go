package gateway

import (
	"crypto/hmac"
	"crypto/sha1" // Vercel signs with HMAC-SHA1 (vercel.com/docs/webhooks).
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// tokenOrigin, with a project behind it, is the origin of what came by a token that
// speaks for that project alone.
const tokenOrigin = "http/" + sourceEvents + "/"

// TokenHash is how an API token is stored and looked up: the hex SHA-256 of it.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// admission is what is known of who sends before the body was read. A signature is
// checked later, over the body (see proven).
type admission struct {
	ok, unsigned bool
	// token is the API token that was shown on /hooks/events.
	token *orchestrator.Token
}

// admitted reports whether a request may go on to its body.
func (g *Gateway) admitted(r *http.Request, s Source) admission {
	if t := g.tokenShown(r, s); t != nil {
		return admission{ok: s.Project == "" || t.Project == "" || t.Project == s.Project, token: t}
	}
	if secret := r.PathValue("secret"); secret != "" || s.Auth == AuthPathSecret {
		return admission{ok: s.Auth == AuthPathSecret && oneOf(s.Secrets, secret)}
	}
	switch s.Auth {
	case AuthNone:
		// A loopback listener can be reached by every page that a browser on the machine shows.
		return admission{ok: http.NewCrossOriginProtection().Check(r) == nil, unsigned: true}
	case AuthHMAC, AuthECDSA, AuthRoutingKey:
		return admission{ok: true}
	case AuthBearer:
		return admission{ok: oneOf(s.Secrets, bearer(r))}
	case AuthBasic:
		user, password, found := r.BasicAuth()
		return admission{ok: found && oneOf(s.Secrets, user+":"+password)}
	}
	return admission{}
}

// delivery is what an admitted request brings, before its body. A token of one
// project speaks for that project alone, and under an origin of its own, so that it
// cannot use up the ids of another's events.
func (g *Gateway) delivery(r *http.Request, s Source, a admission) Delivery {
	d := Delivery{
		Origin: "http/" + s.Name, Project: s.Project, Header: r.Header, Unsigned: a.unsigned, byToken: a.token != nil,
		VercelProjects: g.opt.VercelProjects, Repositories: g.opt.Repositories,
	}
	if a.token != nil && a.token.Project != "" {
		d.Project, d.Origin = a.token.Project, tokenOrigin+a.token.Project
	}
	return d
}

// tokenShown looks the bearer of a CloudEvent up among the API tokens; nil when it
// is none.
func (g *Gateway) tokenShown(r *http.Request, s Source) *orchestrator.Token {
	token := bearer(r)
	if s.Name != sourceEvents || g.opt.Tokens == nil || token == "" {
		return nil
	}
	t, found := g.opt.Tokens(r.Context(), TokenHash(token))
	if !found || t.Revoked {
		return nil
	}
	return &t
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// oneOf compares in constant time, lengths included.
func oneOf(secrets []string, given string) bool {
	want := sha256.Sum256([]byte(given))
	found := 0
	for _, s := range secrets {
		have := sha256.Sum256([]byte(s))
		found |= subtle.ConstantTimeCompare(have[:], want[:])
	}
	return found == 1 && given != ""
}

// signature is how a source signs its raw body: in which header, behind which
// prefix, by which algorithm, and the words for who got it wrong.
type signature struct {
	header, prefix string
	algorithm      func() hash.Hash
	says           string
}

func signatureOf(s Source) signature {
	switch s.Name {
	case sourceVercel, sourceVercelDrain:
		return signature{"X-Vercel-Signature", "", sha1.New, "x-vercel-signature must be the hex HMAC-SHA1 of the raw body with the secret of the webhook or drain"}
	case sourceSentry:
		return signature{"Sentry-Hook-Signature", "", sha256.New, "Sentry-Hook-Signature must be the hex HMAC-SHA256 of the raw body with the integration's client secret"}
	case sourceStripe:
		return signature{"Stripe-Signature", "", sha256.New, "Stripe-Signature must be t=TIME,v1=SIGNATURE as Stripe writes it, by the signing secret of this endpoint (whsec_…), its time within five minutes of now"}
	case sourceGrafana:
		return signature{"X-Grafana-Alerting-Signature", "", sha256.New, "X-Grafana-Alerting-Signature must be the hex HMAC-SHA256 of the raw body; leave the header's name as it is and the timestamp header empty"}
	}
	return signature{"X-Hub-Signature-256", "sha256=", sha256.New, "X-Hub-Signature-256 must be sha256= and the hex HMAC-SHA256 of the raw body"}
}

// signed checks the signature over the raw body, for sources that have one.
func (g *Gateway) signed(s Source, h http.Header, body []byte) bool {
	sig := signatureOf(s)
	if s.Name == sourceStripe {
		return stripeSigned(s, h.Get(sig.header), body, g.opt.Now())
	}
	mac, err := hex.DecodeString(strings.TrimPrefix(h.Get(sig.header), sig.prefix))
	if err != nil || len(mac) == 0 {
		return false
	}
	ok := false
	for _, secret := range s.Secrets {
		ok = hmac.Equal(mac, sign(sig.algorithm, secret, body)) || ok
	}
	return ok
}

func sign(algorithm func() hash.Hash, secret string, body []byte) []byte {
	m := hmac.New(algorithm, []byte(secret))
	m.Write(body)
	return m.Sum(nil)
}
