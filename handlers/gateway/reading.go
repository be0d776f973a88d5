package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// reading is a command while its words are read.
type reading struct {
	speech Speech
	verb   verb
	// rest are the words that are no option and no name=value.
	rest []word
	cmd  orchestrator.Command
	// afterPair is set when a plain word stood behind a name=value.
	afterPair bool
}

// set notes an option or a name=value. A reason is the command's text.
func (r *reading) set(name, value string) error {
	if name == "reason" {
		r.cmd.Text = clip(value, maxText)
		return nil
	}
	if name == "since" {
		ms, err := r.speech.since(value)
		if err != nil {
			return err
		}
		name, value = "since_ms", strconv.FormatInt(ms, 10)
	}
	if name == "until" {
		ms, err := r.speech.until(value)
		if err != nil {
			return err
		}
		name, value = "until_ms", strconv.FormatInt(ms, 10)
	}
	if r.cmd.Args == nil {
		r.cmd.Args = map[string]string{}
	}
	r.cmd.Args[name] = clip(value, maxText)
	return nil
}

// sortOut takes options, name=value and the incident out of the words.
func (r *reading) sortOut() error {
	said := r.rest
	r.rest = nil
	for i := 0; i < len(said); i++ {
		w := said[i]
		switch name, value, pair := keyValue(w.text); {
		case pair && (slices.Contains(r.verb.pairs, name) || slices.Contains(r.verb.pairs, "*")):
			if err := r.set(name, value); err != nil {
				return err
			}
		case !w.quoted && isOption(w.text):
			used, err := r.option(said[i:])
			if err != nil {
				return err
			}
			i += used - 1
		default:
			r.plain(w)
		}
	}
	if slices.Contains([]string{"flag", "writes", "shadow"}, r.verb.name) {
		return nil // It stands behind the first word, see their readers.
	}
	return r.which()
}

// which takes the incident and refuses one that was meant and not understood.
func (r *reading) which() error {
	if err := r.incident(); err != nil {
		return err
	}
	return r.misread()
}

func (r *reading) plain(w word) {
	r.rest = append(r.rest, w)
	r.afterPair = r.afterPair || len(r.cmd.Args) > 0
}

// isOption: what phones make of -- was undone, see typedPlain.
func isOption(text string) bool { return len(text) > 2 && strings.HasPrefix(text, "--") }

// option reads --name value or --name=value and says how many words that took.
func (r *reading) option(said []word) (used int, err error) {
	name, value, inline := strings.Cut(strings.TrimPrefix(said[0].text, "--"), "=")
	name = strings.ToLower(name)
	if name == "env" {
		name = "environment"
	}
	if !slices.Contains(r.verb.options, name) {
		hint := "it has none"
		if best := nearest(name, r.verb.options); best != "" {
			hint = "did you mean --" + best + "?"
		} else if len(r.verb.options) > 0 {
			hint = "known are --" + strings.Join(r.verb.options, ", --")
		}
		return 0, fmt.Errorf("`%s` knows no option --%s; %s", r.verb.name, clip(name, 40), hint)
	}
	if inline {
		return 1, r.set(name, value)
	}
	if len(said) < 2 || isOption(said[1].text) && !said[1].quoted {
		return 0, fmt.Errorf("--%s needs a value", name)
	}
	return 2, r.set(name, said[1].text)
}

// keyValue cuts name=value; ok is false when what stands before = is no name.
func keyValue(text string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(text, "=")
	return name, value, ok && isName(name)
}

// isName: a letter, then letters, digits, _ and -.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && isAlnum(s[0]) && !isDigit(s[0]) && span(s, 0, isKeyByte) == len(s)
}

// incident takes INC-n when it is the first word.
func (r *reading) incident() error {
	if len(r.rest) == 0 || r.rest[0].quoted {
		return nil
	}
	if !foldPrefix(r.rest[0].text, "inc-") {
		return nil
	}
	text := r.rest[0].text
	n, err := strconv.ParseUint(text[len("inc-"):], 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no incident; they are called INC-1, INC-2 and so on", clip(text, 40))
	}
	r.cmd.Incident, r.rest = n, r.rest[1:]
	return nil
}

// name takes the first word when it can be a name of a step or a project.
func (r *reading) name() string {
	if len(r.rest) == 0 || r.rest[0].quoted || !isName(r.rest[0].text) {
		return ""
	}
	name := r.rest[0].text
	r.rest = r.rest[1:]
	return name
}

// text makes the remaining words the command's text, behind a --reason.
func (r *reading) text() {
	more := clip(prose(r.rest), maxText)
	switch {
	case r.cmd.Text == "":
		r.cmd.Text = more
	case more != "":
		r.cmd.Text = clip(more+" ("+r.cmd.Text+")", maxText)
	}
}
