package sendgrid

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aimarketplace/backout/orchestrator"
)

// recipient is one person of an audience; one line of a chunk's blob.
type recipient struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	Lang  string `json:"lang"`
}

// people is an audience as it was read: everybody once, and where the addresses
// stood that are none.
type people struct {
	all  []recipient
	bad  []int // line numbers of a CSV file, places in a list
	seen map[string]bool
}

// add takes a person in once; the first mention of an address wins.
func (p *people) add(place int, r recipient) {
	r.Email = strings.TrimSpace(r.Email)
	if !isAddress(r.Email) || !isDeliverable(r.Email) {
		p.bad = append(p.bad, place)
		return
	}
	key := strings.ToLower(r.Email)
	if p.seen[key] {
		return
	}
	p.seen[key] = true
	r.Lang, r.Name = language(r.Lang), plainName(r.Name)
	p.all = append(p.all, r)
}

// audience reads the audience of a notice now. What is wrong with a list is permanent,
// because only a person can correct it; a database that does not answer is not.
func (c *Client) audience(ctx context.Context, in order) (*people, error) {
	id := in.Audience
	i := slices.IndexFunc(c.opts.Audiences, func(a orchestrator.Audience) bool { return a.ID == id })
	if i < 0 {
		return nil, orchestrator.Permanent(fmt.Errorf("there is no audience %q in the configuration; nobody was mailed", id))
	}
	a := c.opts.Audiences[i]
	p := &people{seen: map[string]bool{}}
	for n, email := range a.Emails {
		p.add(n+1, recipient{Email: email})
	}
	if a.CSV != "" {
		if err := p.readFile(a.CSV); err != nil {
			return nil, orchestrator.Permanent(fmt.Errorf("reading audience %s: %w", id, err))
		}
	}
	if a.SQL != "" {
		if err := p.ask(ctx, c.opts.Ask[id], in, a.Max); err != nil {
			return nil, fmt.Errorf("reading audience %s: %w", id, err)
		}
	}
	switch {
	case len(p.all) == 0:
		return nil, orchestrator.Permanent(fmt.Errorf("audience %s is empty%s; nobody was mailed", id, p.leftOut()))
	case a.Max > 0 && len(p.all) > a.Max:
		return nil, orchestrator.Permanent(fmt.Errorf("audience %s has %d people, its max is %d; nobody was mailed. Look why it grew, or raise max", id, len(p.all), a.Max))
	}
	return p, nil
}

// ask reads an audience from its database: those of the window of the incident.
func (p *people) ask(ctx context.Context, db Asker, in order, most int) error {
	if db == nil {
		return orchestrator.Permanent(errors.New("its database is not configured; nobody was mailed"))
	}
	if in.From <= 0 || in.To < in.From {
		return orchestrator.Permanent(errors.New("it is a query over a window of time, and the notice names none (from, to); nobody was mailed"))
	}
	rows, err := db.Rows(ctx, time.UnixMilli(in.From), time.UnixMilli(in.To), most)
	switch {
	case orchestrator.IsPermanent(err):
		return fmt.Errorf("%w, and its max is %d; nobody was mailed. Look why it grew, or raise max", err, most)
	case err != nil:
		return err
	}
	for n, row := range rows {
		r := recipient{}
		for i, field := range []*string{&r.Email, &r.Name, &r.Lang} {
			if i < len(row) {
				*field = row[i]
			}
		}
		p.add(n+1, r)
	}
	return nil
}

func (p *people) readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(p.readCSV(file), file.Close())
}

// readCSV reads RFC 4180 with a header; email is required, name and lang are not.
func (p *people) readCSV(in io.Reader) error {
	buffered := bufio.NewReader(in)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3) // Spreadsheets put a byte order mark in front; it was peeked, so it is there.
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("its header (email,name,lang): %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := column[name]; twice && name != "" {
			return fmt.Errorf("its first line names the column %s twice, so nobody knows which is meant", clip(name, 40))
		}
		column[name] = i
	}
	if _, ok := column["email"]; !ok {
		return errors.New("its first line names no column email")
	}
	for {
		row, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		line, _ := reader.FieldPos(0)
		p.add(line, recipient{Email: row[column["email"]], Name: field(row, column, "name"), Lang: field(row, column, "lang")})
	}
}

func field(row []string, column map[string]int, name string) string {
	if i, ok := column[name]; ok {
		return row[i]
	}
	return ""
}

// leftOut says which addresses are none, the first five by place.
func (p *people) leftOut() string {
	if len(p.bad) == 0 {
		return ""
	}
	var places []string
	for _, n := range p.bad[:min(5, len(p.bad))] {
		places = append(places, strconv.Itoa(n))
	}
	if len(p.bad) > 5 {
		places = append(places, "...")
	}
	return fmt.Sprintf("; %d left out as no address (line %s)", len(p.bad), strings.Join(places, ", "))
}

// isAddress reports whether text is one plain address and nothing besides.
func isAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= 254
}

// isDeliverable reports whether SendGrid takes an address that is one: it refuses a
// whole request, a thousand people, for a single address that it does not like.
func isDeliverable(email string) bool {
	at := strings.LastIndexByte(email, '@')
	local, host := email[:max(at, 0)], email[at+1:]
	if len(local) > 64 || strings.ContainsFunc(email, func(r rune) bool { return r > '~' }) || !strings.Contains(host, ".") {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		plain := !strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if !plain || label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

// language maps a language tag to one that mails are written in; English when in doubt.
func language(tag string) string {
	if primary, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(tag)), "_", "-"), "-"); primary == "ko" {
		return "ko"
	}
	return "en"
}

// plainName leaves out what SendGrid refuses in a name, line breaks, and what turns the
// reading direction. A name in another encoding than UTF-8, as spreadsheets write it, is
// none: people would see their own name broken.
func plainName(name string) string {
	if !utf8.ValidString(name) {
		return ""
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == ';' || r == ',' || unicode.IsControl(r) || unicode.Is(unicode.Z, r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, name)
	return clip(strings.Join(strings.Fields(name), " "), 80)
}

// clip cuts text to n characters.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

// masked shows an address without giving it away: a***@x.io.
func masked(email string) string {
	local, host, _ := strings.Cut(email, "@")
	return clip(local, 1) + "***@" + host
}
