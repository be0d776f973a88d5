package sandbox

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// mailOrder is the body of POST /v3/mail/send as far as its limits reach
// (tsg_mail_v3.json and reference 1.3).
type mailOrder struct {
	Personalizations []personalization `json:"personalizations"`
	From             *mailAddress      `json:"from"`
	ReplyTo          *mailAddress      `json:"reply_to"`
	ReplyToList      []mailAddress     `json:"reply_to_list"`
	Subject          string            `json:"subject"`
	Content          []mailContent     `json:"content"`
	TemplateID       string            `json:"template_id"`
	Categories       []string          `json:"categories"`
	// CustomArgs is a string in the document and an object in SendGrid's own library.
	CustomArgs any          `json:"custom_args"`
	SendAt     int64        `json:"send_at"`
	ASM        *mailGroups  `json:"asm"`
	IPPool     *string      `json:"ip_pool_name"`
	Settings   mailSettings `json:"mail_settings"`
}

type personalization struct {
	To            []mailAddress     `json:"to"`
	CC            []mailAddress     `json:"cc"`
	BCC           []mailAddress     `json:"bcc"`
	Subject       string            `json:"subject"`
	Substitutions map[string]string `json:"substitutions"`
	Dynamic       map[string]any    `json:"dynamic_template_data"`
	CustomArgs    map[string]any    `json:"custom_args"`
	SendAt        int64             `json:"send_at"`
}

type mailAddress struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

type mailContent struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type mailGroups struct {
	GroupID *int  `json:"group_id"`
	Show    []int `json:"groups_to_display"`
}

type mailSwitch struct {
	Enable bool `json:"enable"`
}

type mailSettings struct {
	BypassList        mailSwitch `json:"bypass_list_management"`
	BypassSpam        mailSwitch `json:"bypass_spam_management"`
	BypassBounce      mailSwitch `json:"bypass_bounce_management"`
	BypassUnsubscribe mailSwitch `json:"bypass_unsubscribe_management"`
	Sandbox           mailSwitch `json:"sandbox_mode"`
}

func (p *personalization) recipients() []mailAddress {
	return slices.Concat(p.To, p.CC, p.BCC)
}

// mailFault is a reason for 400, in SendGrid's words where they are documented.
type mailFault struct{ message, field string }

// maxRecipients also bounds the personalizations of a request.
const (
	maxRecipients = 1000
	maxAhead      = 72 * time.Hour
	maxArgs       = 10_000 // bytes
)

// check answers the first limit the mail breaks, or nil.
func (o *mailOrder) check(now time.Time) *mailFault {
	for _, find := range []func() *mailFault{o.checkFrom, o.checkPeople, o.checkContent, o.checkExtras} {
		if fault := find(); fault != nil {
			return fault
		}
	}
	latest := now.Add(maxAhead).Unix()
	for _, p := range o.Personalizations {
		if max(o.SendAt, p.SendAt) > latest {
			return &mailFault{"The send_at parameter is scheduled more than 72 hours in advance.", "send_at"}
		}
	}
	return nil
}

func (o *mailOrder) checkFrom() *mailFault {
	switch {
	case o.From == nil || o.From.Email == "":
		return &mailFault{"The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.  e.g. {\"email\" : \"example@example.com\"}  or {\"email\" : \"example@example.com\", \"name\" : \"Example Recipient\"}.", "from.email"}
	case !isAddress(o.From.Email) || strings.IndexFunc(o.From.Email, func(r rune) bool { return r > 127 }) >= 0:
		return &mailFault{"The from email does not contain a valid address.", "from.email"}
	}
	return nil
}

func isAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text
}

func (o *mailOrder) checkPeople() *mailFault {
	switch n := len(o.Personalizations); {
	case n == 0:
		return &mailFault{"The personalizations field is required and must have at least one personalization.", "personalizations"}
	case n > maxRecipients:
		return &mailFault{"The personalization block is limited to 1000 personalizations per API request. You have provided " + fmt.Sprint(n) + " personalizations. Please consider splitting this into multiple requests and resending your request.", "personalizations"}
	}
	seen := map[string]bool{}
	for i, p := range o.Personalizations {
		field := fmt.Sprintf("personalizations.%d", i)
		if len(p.To) == 0 {
			return &mailFault{"The to array is required for all personalization objects, and must have at least one email object with a valid email address.", field + ".to"}
		}
		for j, to := range p.recipients() {
			if fault := to.check(fmt.Sprintf("%s.to.%d", field, j), seen); fault != nil {
				return fault
			}
		}
		if fault := p.checkSizes(field, o.TemplateID); fault != nil {
			return fault
		}
	}
	if len(seen) > maxRecipients {
		return &mailFault{"There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations"}
	}
	return nil
}

func (a mailAddress) check(field string, seen map[string]bool) *mailFault {
	key := strings.ToLower(a.Email)
	switch {
	case !isAddress(a.Email):
		return &mailFault{"Does not contain a valid address.", field + ".email"}
	case strings.ContainsAny(a.Name, ";,"):
		return &mailFault{"The name may not contain a semicolon or a comma.", field + ".name"}
	case seen[key]:
		return &mailFault{"Each unique email address in the personalizations array should only be included once. You have included [" + a.Email + "] more than once.", "personalizations"}
	}
	seen[key] = true
	return nil
}

func (p *personalization) checkSizes(field, template string) *mailFault {
	switch {
	case sizeOf(p.CustomArgs) > maxArgs:
		return &mailFault{"The custom_args of a personalization may not exceed 10000 bytes.", field + ".custom_args"}
	case sizeOf(p.Substitutions) > maxArgs:
		return &mailFault{"The substitutions of a personalization may not exceed 10000 bytes.", field + ".substitutions"}
	case len(p.Dynamic) > 0 && !strings.HasPrefix(template, "d-"):
		return &mailFault{"dynamic_template_data needs a dynamic template_id.", field + ".dynamic_template_data"}
	}
	return nil
}

func sizeOf[V any](m map[string]V) int {
	raw, err := json.Marshal(m)
	if err != nil {
		return maxArgs + 1
	}
	return len(raw)
}

func (o *mailOrder) checkContent() *mailFault {
	for i, p := range o.Personalizations {
		if o.Subject == "" && p.Subject == "" && o.TemplateID == "" {
			return &mailFault{"The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.", fmt.Sprintf("personalizations.%d.subject", i)}
		}
	}
	if len(o.Content) == 0 && o.TemplateID == "" {
		return &mailFault{"Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block.", "content"}
	}
	for i, c := range o.Content {
		switch {
		case c.Type == "" || c.Value == "":
			return &mailFault{"The content value must be a string at least one character in length.", fmt.Sprintf("content.%d.value", i)}
		case c.Type == "text/plain" && i > 0:
			return &mailFault{"If present, text/plain and text/html may only be provided once, text/plain first.", fmt.Sprintf("content.%d.type", i)}
		}
	}
	return nil
}

func (o *mailOrder) checkExtras() *mailFault {
	seen := map[string]bool{}
	for i, c := range o.Categories {
		if len(c) > 255 || seen[c] || i >= 10 {
			return &mailFault{"There may be up to 10 unique categories of up to 255 characters.", "categories"}
		}
		seen[c] = true
	}
	b := o.Settings
	switch {
	case o.ASM != nil && (o.ASM.GroupID == nil || len(o.ASM.Show) > 25):
		return &mailFault{"The asm needs a group_id and may display up to 25 groups.", "asm"}
	case o.IPPool != nil && (len(*o.IPPool) < 2 || len(*o.IPPool) > 64):
		return &mailFault{"The ip_pool_name must have 2 to 64 characters.", "ip_pool_name"}
	case o.ReplyTo != nil && len(o.ReplyToList) > 0:
		return &mailFault{"reply_to and reply_to_list exclude each other.", "reply_to_list"}
	case len(o.ReplyToList) > maxRecipients:
		return &mailFault{"The reply_to_list may have up to 1000 addresses.", "reply_to_list"}
	case b.BypassList.Enable && (b.BypassSpam.Enable || b.BypassBounce.Enable || b.BypassUnsubscribe.Enable):
		return &mailFault{"bypass_list_management cannot be combined with another bypass.", "mail_settings"}
	}
	return nil
}
