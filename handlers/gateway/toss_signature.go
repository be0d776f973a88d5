package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// The headers of what Toss signs.
const (
	tossSignature = "Tosspayments-Webhook-Signature"
	tossSentAt    = "Tosspayments-Webhook-Transmission-Time"
)

// tossSigned checks tosspayments-webhook-signature: v1:BASE64,v1:BASE64, of which one
// must be the HMAC-SHA256 of "BODY:TRANSMISSION-TIME" by a security key. Most events
// have none, so a missing one is no fault: signed is false then. ok is false when
// there is one and it is wrong.
func tossSigned(s Source, h http.Header, body []byte) (signed, ok bool) {
	header := h.Get(tossSignature)
	if header == "" || len(s.SigningKeys) == 0 {
		return false, true
	}
	text := append(append(append([]byte{}, body...), ':'), h.Get(tossSentAt)...)
	looked := 0
	for part := range strings.SplitSeq(header, ",") {
		mac, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(part), "v1:"))
		if looked++; err != nil || looked > maxSignatures {
			continue
		}
		for _, key := range s.SigningKeys {
			signed = hmac.Equal(mac, sign(sha256.New, key, text)) || signed
		}
	}
	return signed, signed
}
