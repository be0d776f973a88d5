package sendgrid

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

//go:embed templates
var templates embed.FS

// The kinds of notice that there are words for, and their languages. "identified"
// is the first notice: it says what does not work, never why or through whom.
const (
	kindIdentified = "identified"
	kindResolved   = "resolved"
	// kindAffected goes to those whom it touched: what may be open for them, and that
	// they need do nothing.
	kindAffected = "affected"
)

// letter is a rendered mail in one language.
type letter struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

// facts are all that a letter may tell.
type facts struct {
	Product   string
	Component string
	Started   string
	Ended     string
	Incident  string
	Reply     bool
}

// wording holds the parsed templates, by name KIND.LANG.txt and KIND.LANG.html.
// The first line of a text is its subject.
type wording struct {
	text *template.Template
	html *htmltemplate.Template
}

func loadWording() (*wording, error) {
	text, err := template.ParseFS(templates, "templates/*.txt")
	if err != nil {
		return nil, fmt.Errorf("reading the texts of notices: %w", err)
	}
	html, err := htmltemplate.ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages of notices: %w", err)
	}
	return &wording{text: text.Option("missingkey=error"), html: html.Option("missingkey=error")}, nil
}

func kinds() []string { return []string{kindAffected, kindIdentified, kindResolved} }

// compose renders a notice of a kind in a language.
func (w *wording) compose(kind, lang string, f facts) (letter, error) {
	var text, html bytes.Buffer
	if err := w.text.ExecuteTemplate(&text, kind+"."+lang+".txt", f); err != nil {
		return letter{}, fmt.Errorf("writing the notice %s in %s: %w", kind, lang, err)
	}
	if err := w.html.ExecuteTemplate(&html, kind+"."+lang+".html", f); err != nil {
		return letter{}, fmt.Errorf("writing the page of notice %s in %s: %w", kind, lang, err)
	}
	subject, body, _ := strings.Cut(text.String(), "\n")
	return letter{Subject: oneLine(subject, 150), Text: strings.TrimSpace(body) + "\n", HTML: html.String()}, nil
}

// oneLine keeps outside text from adding lines or headers.
func oneLine(text string, n int) string {
	return clip(strings.Join(strings.Fields(text), " "), n)
}

// order are the inputs of sendgrid.notice.
type order struct {
	Kind     string `json:"kind"`
	Audience string `json:"audience"`
	// SameAs is the snapshot ("blob") of an earlier notice: exactly its people
	// are mailed, whatever the audience is now.
	SameAs string `json:"same_as"`
	// Component is the id of what users would name as broken.
	Component string `json:"component"`
	// Title is the product's name; never an incident's title, which may name causes.
	Title string `json:"title"`
	// Started is when it began for users, in Unix milliseconds.
	Started int64 `json:"started"`
	// From and To are the window of the incident, in Unix milliseconds, for an audience
	// that is a query; they are told as well.
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// facts gathers what the letter in a language may tell.
func (c *Client) facts(call orchestrator.Call, in order, lang string) facts {
	f := facts{
		Product: oneLine(in.Title, 80), Incident: call.Incident, Reply: c.opts.ReplyTo != "",
		Component: c.componentTitle(call.Project, in.Component, lang),
	}
	if f.Product == "" {
		f.Product = c.opts.FromName
	}
	if f.Product == "" {
		f.Product = call.Project
	}
	f.Started = c.moment(cmp.Or(in.Started, in.From), lang)
	f.Ended = c.moment(in.To, lang)
	return f
}

// moment is a time as people of a language write it, empty for none.
func (c *Client) moment(ms int64, lang string) string {
	if ms <= 0 {
		return ""
	}
	at := time.UnixMilli(ms).In(c.opts.Location)
	if lang == "ko" {
		return at.Format("2006년 1월 2일 15:04(MST)")
	}
	return at.Format("2 Jan 2006 15:04 MST")
}

// componentTitle is the public name of a component, or nothing. A provider's
// name is kept out of mails: a remark in brackets is dropped, and a title that
// still names the component's upstream is not used at all.
func (c *Client) componentTitle(project, id, lang string) string {
	i := slices.IndexFunc(c.opts.Projects, func(p orchestrator.Project) bool { return p.ID == project })
	if i < 0 || id == "" {
		return ""
	}
	components := c.opts.Projects[i].Components
	j := slices.IndexFunc(components, func(k orchestrator.Component) bool { return k.ID == id })
	if j < 0 {
		return ""
	}
	title, _, _ := strings.Cut(components[j].Title[lang], "(")
	title = oneLine(title, 80)
	upstream := components[j].Upstream
	if upstream != "" && strings.Contains(strings.ToLower(title), strings.ToLower(upstream)) {
		return ""
	}
	return title
}
