// Package stripe asks Stripe which events it could not deliver and which of the
// account's webhook endpoints it has switched off, because nobody calls for help
// when a webhook does not arrive. It only reads, and must not decide anything.
// What arrives at /hooks/stripe is the gateway's.
//
// Set-up: in the dashboard under Developers, API keys make a restricted key that
// may read Events and Webhook Endpoints and nothing else (rk_live_…), put it into a
// file or variable and write providers.stripe with it and with the project it
// speaks for. To hear of failed payments and disputes too, add an endpoint
// https://YOUR-HOST/hooks/stripe with the events of the gateway's list and write
// hooks.stripe with auth hmac and the endpoint's signing secret (whsec_…).
//
// Start reading at poll.go. integrations.md 4.1 is where the facts come from.
package stripe
