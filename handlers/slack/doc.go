// Package slack owns Slack: direct messages that page people, the one message
// per incident that is kept up to date (action chat.update), and the slash
// commands and buttons that people answer with. It must not decide anything: what
// somebody may do is the fold's to say, so the unknown are passed on too, and a
// button is worth exactly the words somebody could have typed.
//
// Start reading at New (client.go). Outward: people.go pages, update.go posts and
// edits, card.go draws. Inward: Inbound (inbound.go) takes requests in, after
// verify.go proved them and remembered them.
//
// Everything that came from outside is escaped (&, <, >), so `<!channel>` in an
// alert pings nobody. Outside facts are from docs.slack.dev and from slack-go.
package slack
