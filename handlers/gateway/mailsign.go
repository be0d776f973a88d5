package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of SendGrid's signed Event Webhook.
const (
	mailSignature = "X-Twilio-Email-Event-Webhook-Signature"
	mailTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// mailFresh is how far the signed time may be from ours, on both sides. SendGrid
// tries for 24 h and does not document whether a later try is signed anew, so one
// outside is taken as well, but as unsigned: it is recorded and starts nothing.
const mailFresh = 5 * time.Minute

// mailSigned checks ECDSA over SHA-256(timestamp + raw body).
func mailSigned(s Source, h http.Header, body []byte, now time.Time) (fresh, ok bool) {
	stamp := h.Get(mailTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	signature, err2 := base64.StdEncoding.DecodeString(h.Get(mailSignature))
	if err != nil || err2 != nil || len(signature) == 0 {
		return false, false
	}
	digest := sha256.New()
	digest.Write([]byte(stamp))
	digest.Write(body)
	sum := digest.Sum(nil)
	for _, secret := range s.Secrets {
		if key, err := mailKey(secret); err == nil {
			ok = ecdsa.VerifyASN1(key, sum, signature) || ok
		}
	}
	return now.Sub(time.Unix(seconds, 0)).Abs() <= mailFresh, ok
}

// mailKey reads SendGrid's verification key: base64 of a public key in DER, on the
// curve P-256. Lines and the frame of a PEM file may be around it.
func mailKey(text string) (*ecdsa.PublicKey, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "-----BEGIN PUBLIC KEY-----", ""), "-----END PUBLIC KEY-----", "")
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fmt.Errorf("the verification key is no base64: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("the verification key is no public key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the verification key is not an ECDSA key on P-256; copy it from SendGrid's Signed Event Webhook")
	}
	return key, nil
}
