package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// byBody reports that a source proves who it is over or in its body, so that before
// the body was read to its end nobody is known.
func (s Source) byBody() bool {
	return s.Auth == AuthHMAC || s.Auth == AuthECDSA || s.Auth == AuthRoutingKey
}

// proven checks what needs the body, for sources that have it there. It takes a
// credential out of the body, and marks a delivery whose proof is not fresh.
func (g *Gateway) proven(r *http.Request, s Source, d *Delivery) bool {
	if s.Name == sourceToss {
		var ok bool
		if d.Signed, ok = tossSigned(s, r.Header, d.Body); !ok {
			return false
		}
	}
	switch s.Auth {
	case AuthHMAC:
		return d.byToken || g.signed(s, r.Header, d.Body)
	case AuthECDSA:
		fresh, ok := mailSigned(s, r.Header, d.Body, g.opt.Now())
		d.Unsigned = d.Unsigned || !fresh
		return ok
	case AuthRoutingKey:
		return takeRoutingKey(s, d)
	case AuthNone:
		if s.Name == sourcePagerDuty {
			takeRoutingKey(s, d)
		}
	}
	return true
}

// takeRoutingKey takes every trace of the body's routing_key out of it, so that
// nothing that is kept can hold it, and compares it with the secrets.
func takeRoutingKey(s Source, d *Delivery) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(d.Body, &members) != nil {
		return false
	}
	var given string
	_ = json.Unmarshal(members["routing_key"], &given) // what is no string is no key
	delete(members, "routing_key")
	body, err := json.Marshal(members)
	if err != nil {
		return false
	}
	for _, secret := range s.Secrets {
		body = bytes.ReplaceAll(body, []byte(secret), []byte(mask))
	}
	d.Body = body
	return oneOf(s.Secrets, given)
}
