// Package gateway is the public way in over HTTP, and the place where everything
// that arrives becomes a record: it verifies who sends, decodes, redacts and
// appends. It owns the routes of the public listener, a decoder per sender
// (CloudEvents, Alertmanager, GitHub, Grafana, PagerDuty's shape, SendGrid, Sentry,
// Stripe, Toss, UptimeRobot, Vercel and its log drains), the redactor and the parser of
// what people say.
//
// It must not decide anything: whose project an alert is, whether it is fresh,
// whether a person may do something, all this is the fold's. It answers 2xx only
// after the log has the records, and what it cannot read goes to quarantine.
//
// Start reading at receive.go, which follows one delivery from the first byte to
// the answer, or at inbox.go for what came by NATS. The decoders are files named after
// their senders, listed in gateway.go; toss_confirm.go asks for the payment that a webhook
// of Toss names. redact.go masks secrets; commands.go reads what people say.
package gateway
