package gateway

import (
	"fmt"
	"slices"
	"strings"
)

// misread refuses a word that was meant to be an incident and was not understood as one,
// such as INC7, #7, or INC-7 behind the step. Taken for a reason it would leave what was
// said to whatever one thing waits, which may be another.
func (r *reading) misread() error {
	if r.cmd.Incident != 0 || !strings.Contains(r.verb.form, "INC-n") {
		return nil
	}
	prose := r.verb.name == verbNote || r.verb.name == "update" // there only the first word can be one
	for i, w := range r.rest {
		if w.quoted || i > 0 && (prose || !strings.Contains(r.verb.form, "[INC-n]")) {
			continue
		}
		text := strings.ToLower(strings.Trim(w.text, "`*_~<>()[]{}.,:;!?\"'"))
		if text == "inc" && i+1 < len(r.rest) {
			text += r.rest[i+1].text
		}
		if number := r.meantNumber(text, i == 0); number != "" {
			return r.verb.usage(fmt.Sprintf("%q was not understood as an incident, so nothing was done; did you mean INC-%s?", clip(w.text, 40), number))
		}
	}
	return nil
}

// meantNumber is the number of the incident that a word may mean, "" when it means none.
func (r *reading) meantNumber(text string, first bool) string {
	number, meant := text, first && numberless(r.verb.name)
	for _, name := range []string{"incident", "inc", "icn", "#"} {
		rest, is := strings.CutPrefix(text, name)
		if is && (name != "#" || r.verb.name != "revert") { // #3 is a pull request there
			number, meant = rest, true
			break
		}
	}
	number = strings.TrimLeft(number, "-_#:.")
	if !meant || number == "" || span(number, 0, isDigit) != len(number) {
		return ""
	}
	return number
}

// numberless are the verbs to which a number alone says nothing.
func numberless(verb string) bool {
	return slices.Contains([]string{"ack", "stop", "resolve", "close", "reopen", "dismiss", "approve", "now", "reject", "retry", "skip", "confirm-done"}, verb)
}
