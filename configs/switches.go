package configs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Switch switches a component off without a deployment, by exactly one of Vercel, HTTP
// and SQL.
type Switch struct {
	Vercel *VercelSwitch `yaml:"vercel"`
	HTTP   *HTTPSwitch   `yaml:"http"`
	SQL    *SQLSwitch    `yaml:"sql"`
	// Proof is a page of the site that shows whether the switch took; nil for none.
	Proof *SwitchProof `yaml:"proof"`
}

// VercelSwitch is a key of a Global Config (Edge Config, as it was called).
type VercelSwitch struct {
	Config string    `yaml:"config"`
	Key    string    `yaml:"key"`
	Off    FlagValue `yaml:"off"`
	On     FlagValue `yaml:"on"`
}

// HTTPSwitch is a service that is told. Token is sent as a bearer token with all of it.
type HTTPSwitch struct {
	Token        Secret      `yaml:"token"`
	Off          HTTPRequest `yaml:"off"`
	On           HTTPRequest `yaml:"on"`
	Read         SwitchProof `yaml:"read"`
	AllowPrivate []Network   `yaml:"allow_private"`
}

// HTTPRequest is a call that switches; Method is POST when empty.
type HTTPRequest struct {
	Method string `yaml:"method"`
	URL    string `yaml:"url"`
	Body   string `yaml:"body"`
}

// SQLSwitch is a row of the application's own. Read gives one boolean: true is on.
type SQLSwitch struct {
	URL          Secret    `yaml:"url"`
	Off          string    `yaml:"off"`
	On           string    `yaml:"on"`
	Read         string    `yaml:"read"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// SwitchProof is an address whose answer has one text while it is off and another while
// it is on.
type SwitchProof struct {
	Get string `yaml:"get"`
	Off string `yaml:"off"`
	On  string `yaml:"on"`
}

// FlagValue is a value as JSON; what is no JSON is a text.
type FlagValue struct{ raw json.RawMessage }

// JSON is the value; empty when it is not set.
func (v FlagValue) JSON() json.RawMessage { return v.raw }

func (v *FlagValue) setText(text string) (fix string, err error) {
	if json.Valid([]byte(text)) {
		v.raw = json.RawMessage(text)
		return "", nil
	}
	v.raw, err = json.Marshal(text)
	return "", err
}

// describe says what the switch is, without a secret and without an address's query.
func (s *Switch) describe() string {
	switch {
	case s == nil:
		return ""
	case s.Vercel != nil:
		return "key " + s.Vercel.Key + " of " + s.Vercel.Config + " at Vercel"
	case s.HTTP != nil:
		address, _, _ := strings.Cut(s.HTTP.Off.URL, "?")
		return address
	case s.SQL != nil:
		return "a row of the database"
	}
	return ""
}

func (k *checker) switches(at string, s *Switch) {
	if s == nil {
		return
	}
	n := 0
	for _, set := range []bool{s.Vercel != nil, s.HTTP != nil, s.SQL != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		k.wrong(at, "a switch is exactly one of vercel, http and sql", `write switch: {vercel: {config: ecfg_…, key: KEY, "off": false, "on": true}}`)
		return
	}
	switch {
	case s.Vercel != nil:
		k.vercelSwitch(at+".vercel", s.Vercel)
	case s.HTTP != nil:
		k.httpSwitch(at+".http", s.HTTP)
	case s.SQL != nil && (!s.SQL.URL.IsSet() || s.SQL.Off == "" || s.SQL.On == "" || s.SQL.Read == ""):
		k.wrong(at+".sql", "it must say how to switch and how to see it", `write {url: env:NAME, "off": "UPDATE …", "on": "UPDATE …", read: "SELECT enabled FROM …"}`)
	}
	if s.Proof != nil {
		k.switchProof(at+".proof", *s.Proof)
	}
}

func (k *checker) vercelSwitch(at string, v *VercelSwitch) {
	switch {
	case !regexp.MustCompile(`^ecfg_[A-Za-z0-9]+$`).MatchString(v.Config) || !regexp.MustCompile(`^[\w-]{1,256}$`).MatchString(v.Key):
		k.wrong(at, "it names no key of a Global Config", "write config: ecfg_… and key: of letters, digits, _ and -")
	case len(v.Off.raw) == 0 || len(v.On.raw) == 0 || string(v.Off.raw) == string(v.On.raw):
		k.wrong(at, "off and on must be two values", `write "off": false, "on": true, in quotes: other YAML tools read the plain words as booleans`)
	case k.c.Providers.Vercel == nil:
		k.wrong(at, "providers.vercel is missing", "write providers: {vercel: {token: env:NAME}}")
	}
}

func (k *checker) httpSwitch(at string, h *HTTPSwitch) {
	for _, name := range []string{"off", "on"} {
		r := h.Off
		if name == "on" {
			r = h.On
		}
		if _, ok := parseURL(r.URL); !ok {
			k.wrong(at+"."+name, "a switch is an http or https address", `write "`+name+`": {url: https://…, body: …}`)
		}
	}
	k.switchProof(at+".read", h.Read)
}

func (k *checker) switchProof(at string, p SwitchProof) {
	if _, ok := parseURL(p.Get); !ok || p.Off == "" || p.On == "" || p.Off == p.On {
		k.wrong(at, "it cannot be seen whether the switch took", fmt.Sprintf("write {get: https://…, %q: a text of the answer while it is off, %q: another}", "off", "on"))
	}
}
