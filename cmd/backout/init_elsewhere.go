package main

import (
	"cmp"
	"strings"
)

// slackManifest makes the Slack app with the scopes that handlers/slack needs.
const slackManifest = `display_information: {name: Backout}
features:
  bot_user: {display_name: Backout}
  slash_commands: [{command: /backout, url: "https://YOUR-HOST/chat/slack", description: Incidents, usage_hint: "ack | approve | stop | note"}]
oauth_config: {scopes: {bot: [commands, "chat:write", "im:write", "channels:history"]}}
settings: {interactivity: {is_enabled: true, request_url: "https://YOUR-HOST/chat/slack"}}`

// elsewhere says what to set up at the others, with the least that suffices: Slack's
// scopes are those that handlers/slack uses.
func (s *setup) elsewhere() {
	host := cmp.Or(s.publicURL, "https://YOUR-HOST")
	s.say(`
Slack: create an app from this manifest, install it, invite it to a channel, then providers.slack (bot token, signing secret, the channel's id)
and everybody's member id as slack: in people.yaml.

%[2]s

Sentry: Settings, Developer Settings, a new internal integration. Webhook URL %[1]s/hooks/sentry, Alert Rule Action on, permission Issue & Event: Read,
webhook resource issue, nothing else. Then hooks: {sentry: {auth: hmac, secret: env:SENTRY_CLIENT_SECRET}} with its client secret.

SendGrid: Settings, API Keys, a key with Restricted Access and Mail Send only, and a verified sender. Then providers.sendgrid (api_key, from). To hear what
becomes of the mail: Event Webhook %[1]s/hooks/sendgrid, signed, for bounced, dropped and spam reports; hooks: {sendgrid: {auth: ecdsa, secret: …}}.`, host, strings.ReplaceAll(slackManifest, "https://YOUR-HOST", host))
}
