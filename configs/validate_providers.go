package configs

import (
	"fmt"
	"strings"
)

func (k *checker) providers() {
	p := k.c.Providers
	if v := p.Vercel; v != nil {
		k.need("providers.vercel", "token", v.Token)
		k.baseURL("providers.vercel", v.BaseURL, v.AllowPrivate)
	}
	if g := p.GitHub; g != nil {
		k.need("providers.github", "token", g.Token)
		k.baseURL("providers.github", g.BaseURL, g.AllowPrivate)
	}
	if s := p.Slack; s != nil {
		k.need("providers.slack", "bot_token", s.BotToken)
		k.need("providers.slack", "signing_secret", s.SigningSecret)
		k.baseURL("providers.slack", s.BaseURL, s.AllowPrivate)
		if s.Channels.Incidents == "" {
			k.wrong("providers.slack", "incidents have no channel", "write channels: {incidents: C0…}, the channel's id")
		}
	}
	if s := p.SendGrid; s != nil {
		k.sendgrid(s)
	}
	k.payments()
	k.measuring()
}

func (k *checker) sendgrid(s *SendGrid) {
	k.need("providers.sendgrid", "api_key", s.APIKey)
	k.baseURL("providers.sendgrid", s.BaseURL, s.AllowPrivate)
	if !isEmail(s.From) {
		k.wrong("providers.sendgrid.from", "the sender is not an e-mail address", "write from: status@HOST, a verified sender")
	}
	if s.ReplyTo != "" && !isEmail(s.ReplyTo) {
		k.wrong("providers.sendgrid.reply_to", "this is not an e-mail address", "write one such as help@HOST")
	}
	if s.UnsubscribeGroup < 0 {
		k.wrong("providers.sendgrid.unsubscribe_group", "a group's id is not negative", "copy it from SendGrid, or take the key out")
	}
}

func (k *checker) need(path, name string, s Secret) {
	if !s.IsSet() {
		k.wrong(path, name+" is missing", fmt.Sprintf("write %s: env:NAME or file:/path", name))
	}
}

// baseURL refuses to send a token in clear text except to a listed private network.
func (k *checker) baseURL(path, base string, private []Network) {
	if base == "" {
		return
	}
	u, ok := parseURL(base)
	switch {
	case !ok:
		k.wrong(path+".base_url", "this is not an address", "write https://HOST without user or password")
	case u.Scheme == "http" && len(private) == 0:
		k.wrong(path+".base_url", "the token would travel in clear text", "write https, or list the stand-in's network in allow_private")
	}
}

// hookAuth lists the ways each source is able to prove who it is, none last.
func hookAuth(source string) []string {
	switch source {
	case "github", "sentry", "stripe", "vercel", "vercel-drain":
		return []string{"hmac", "none"}
	case "alertmanager":
		return []string{"bearer", "basic", "path_secret", "none"}
	case "pagerduty":
		return []string{"routing_key", "none"}
	case "sendgrid":
		return []string{"ecdsa", "none"}
	case "uptimerobot":
		return []string{"path_secret", "bearer", "basic", "none"}
	case "toss":
		return []string{"path_secret", "none"}
	case "grafana":
		return []string{"bearer", "basic", "hmac", "none"}
	default:
		return []string{"hmac", "bearer", "basic", "path_secret", "none"}
	}
}

func (k *checker) hooks() {
	k.hook("vercel", k.c.Hooks.Vercel)
	k.hook("vercel-drain", k.c.Hooks.VercelDrain)
	k.hook("alertmanager", k.c.Hooks.Alertmanager)
	k.hook("github", k.c.Hooks.GitHub)
	k.hook("grafana", k.c.Hooks.Grafana)
	k.hook("pagerduty", k.c.Hooks.PagerDuty)
	k.hook("sendgrid", k.c.Hooks.SendGrid)
	k.hook("sentry", k.c.Hooks.Sentry)
	k.hook("stripe", k.c.Hooks.Stripe)
	k.hook("toss", k.c.Hooks.Toss)
	k.hook("uptimerobot", k.c.Hooks.UptimeRobot)
	k.hook("events", k.c.Hooks.Events)
}

func (k *checker) hook(source string, h *Hook) {
	if h == nil {
		return
	}
	path := "hooks." + source
	if !k.oneOf(path+".auth", "the auth of "+source, h.Auth, hookAuth(source)...) {
		return
	}
	switch {
	case h.Auth == "none" && !isLoopback(k.c.Instance.Listen):
		k.wrong(path+".auth", "anybody could report an incident through a listener that is not on loopback", "listen on 127.0.0.1, or choose one of "+strings.TrimSuffix(strings.Join(hookAuth(source), ", "), ", none"))
	case h.Auth == "none" && h.Secret.IsSet():
		k.wrong(path+".secret", "auth none looks at no secret", "choose another auth, or take the secret out")
	case h.Auth != "none":
		k.need(path, "secret", h.Secret)
	}
	if h.Verify != "" && source != "vercel-drain" {
		k.wrong(path+".verify", "only a log drain of Vercel is verified like this", "take verify out")
	}
	if h.SigningKey.IsSet() && source != "toss" {
		k.wrong(path+".signing_key", "only toss has a signing_key", "take it out")
	}
	if (h.Auth == "basic") != (h.User != "") {
		k.wrong(path, "user belongs to auth basic, and basic needs it", "write user and secret with auth: basic")
	}
}
