package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// stripeTolerance is how far the time of a signature may be from now, on both
// sides: Stripe's own package takes any time of the future.
const stripeTolerance = 300 * time.Second

// stripeSigned checks Stripe-Signature: t=SECONDS,v1=HEX with more v1 while a secret
// is being replaced, each the HMAC-SHA256 of "SECONDS.BODY". Other schemes, such as
// v0 of test deliveries, count for nothing.
func stripeSigned(s Source, header string, body []byte, now time.Time) bool {
	stamp, macs := stripeHeader(header)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(macs) == 0 {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > stripeTolerance || age < -stripeTolerance {
		return false
	}
	ok := false
	for _, secret := range s.Secrets {
		want := sign(sha256.New, secret, append([]byte(stamp+"."), body...))
		for _, mac := range macs {
			ok = hmac.Equal(mac, want) || ok
		}
	}
	return ok
}

// maxSignatures bounds how many signatures of one header are looked at.
const maxSignatures = 16

func stripeHeader(header string) (stamp string, macs [][]byte) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			stamp = value
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil && len(mac) > 0 && len(macs) < maxSignatures {
				macs = append(macs, mac)
			}
		}
	}
	return stamp, macs
}
