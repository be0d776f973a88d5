// Package toss asks TossPayments two things: what it says of a payment, because
// its webhooks about payments are not signed, and which transactions there were,
// because it has no list of webhooks that did not arrive. It must not decide
// anything: what a payment means is the gateway's, what follows is the fold's.
//
// Set-up: copy the secret key (test_sk… or live_sk…) from the developers' page of
// Toss into a file or variable and write providers.toss with it and with the
// project it speaks for; register https://YOUR-HOST/hooks/toss/SECRET there for
// PAYMENT_STATUS_CHANGED, CANCEL_STATUS_CHANGED and DEPOSIT_CALLBACK, once for each
// MID, and write hooks.toss with auth path_secret. For payout.changed and
// seller.changed add the security key, which signs them, as signing_key. The secret
// key can do everything a key of Toss can: there is no key that only reads.
//
// Start reading at poll.go; client.go speaks Toss's language. integrations.md 4.2
// is where the facts come from.
package toss
