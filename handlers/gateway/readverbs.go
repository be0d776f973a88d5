package gateway

import (
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// readWhole: a verb about an incident as a whole, with an optional reason.
func readWhole(r *reading) error {
	r.text()
	return nil
}

// readStep: a verb about a step. The first word is the step; words in quotes are
// a reason.
func readStep(r *reading) error {
	r.cmd.Step = strings.ToLower(r.name())
	r.text()
	return nil
}

// readChoose: the last of the words is the choice.
func readChoose(r *reading) error {
	if r.cmd.Args["choice"] != "" {
		return readStep(r)
	}
	switch len(r.rest) {
	case 1:
	case 2:
		if r.cmd.Step = strings.ToLower(r.name()); r.cmd.Step == "" {
			return r.verb.usage("that names no step")
		}
	default:
		return r.verb.usage("name one choice")
	}
	return r.set("choice", r.rest[0].text)
}

// readAnswer: a step, then name=value only.
func readAnswer(r *reading) error {
	if !r.afterPair {
		r.cmd.Step = strings.ToLower(r.name())
	}
	if len(r.rest) > 0 {
		return r.verb.usage(fmt.Sprintf("%q belongs to no answer; put quotes around a value with blanks, as in root_cause=\"a null pointer\"", clip(r.rest[0].text, 40)))
	}
	return nil
}

func readSnooze(r *reading) error {
	if len(r.rest) > 0 && r.cmd.Args["for"] == "" {
		if err := r.set("for", strings.ToLower(r.rest[0].text)); err != nil {
			return err
		}
		r.rest = r.rest[1:]
	}
	if !isWait(r.cmd.Args["for"]) {
		return r.verb.usage("say for how long, at most 8h")
	}
	r.text()
	return nil
}

// readMerge: the incident that becomes part, then the one it becomes part of.
func readMerge(r *reading) error {
	if r.cmd.Args["into"] == "" {
		if len(r.rest) == 0 {
			return r.verb.usage("say which incident becomes part of which")
		}
		if err := r.set("into", r.rest[0].text); err != nil {
			return err
		}
		r.rest = r.rest[1:]
	}
	if into := strings.ToUpper(r.cmd.Args["into"]); r.cmd.Incident == 0 || !strings.HasPrefix(into, "INC-") {
		return r.verb.usage("say which incident becomes part of which")
	}
	r.text()
	return nil
}

func readSplit(r *reading) error {
	if len(r.rest) == 0 {
		return r.verb.usage("say which project to take out")
	}
	if err := r.set("project", r.rest[0].text); err != nil {
		return err
	}
	r.rest = r.rest[1:]
	r.text()
	return nil
}

// readSilence: a project and for how long, or the end of one.
func readSilence(r *reading) error {
	if len(r.rest) == 2 && strings.EqualFold(r.rest[0].text, "end") {
		if err := r.set("id", r.rest[1].text); err != nil {
			return err
		}
		return r.set("action", "end")
	}
	if err := r.project(); err != nil {
		return err
	}
	if len(r.rest) > 0 && r.cmd.Args["for"] == "" {
		if err := r.set("for", strings.ToLower(r.rest[0].text)); err != nil {
			return err
		}
		r.rest = r.rest[1:]
	}
	if wait := r.cmd.Args["for"]; !isWait(wait) && !isWait(strings.TrimSuffix(wait, "d")+"h") {
		return r.verb.usage("say for how long, at most 7d")
	}
	r.text()
	return r.set("action", "add")
}

// isWait: a whole number of seconds, minutes or hours, as the fold reads it.
func isWait(s string) bool {
	n := span(s, 0, isDigit)
	return n > 0 && n <= 5 && (s[n:] == "s" || s[n:] == "m" || s[n:] == "h")
}

// readNote takes everything behind the incident as it was typed.
func readNote(r *reading) error {
	if err := r.incident(); err != nil {
		return err
	}
	r.text()
	if r.cmd.Text == "" {
		return r.verb.usage("say what to " + r.verb.name)
	}
	return nil
}

// project reads the project, which may be left out where only one can be meant.
func (r *reading) project() error {
	r.cmd.Project = r.name()
	switch {
	case r.cmd.Project == "" && r.speech.Project == "":
		return r.verb.usage("say which project")
	case r.cmd.Project == "":
		r.cmd.Project = r.speech.Project
	case r.speech.Project != "" && r.cmd.Project != r.speech.Project:
		return fmt.Errorf("you can only speak about project %s here, not about %s", r.speech.Project, r.cmd.Project)
	}
	return nil
}

func readOpen(r *reading) error {
	if err := r.project(); err != nil {
		return err
	}
	if r.text(); r.cmd.Text == "" {
		return r.verb.usage("say what people see")
	}
	return nil
}

func readRollback(r *reading) error {
	if err := r.project(); err != nil {
		return err
	}
	r.text()
	return nil
}

func readHold(r *reading) error {
	action := strings.ToLower(r.name())
	if action != "set" && action != "lift" && action != "list" {
		return r.verb.usage("say set, lift or list")
	}
	if err := r.set("action", action); err != nil {
		return err
	}
	if action == "list" && len(r.rest) == 0 {
		return nil
	}
	return readRollback(r)
}

func readClock(r *reading) error {
	if action := strings.ToLower(r.name()); action != "accept" {
		return r.verb.usage("say accept")
	}
	return r.set("action", "accept")
}

// readPause: without a project it means all, or the only one that can be meant.
func readPause(r *reading) error {
	if len(r.rest) == 0 {
		r.cmd.Project = r.speech.Project
		return nil
	}
	return readRollback(r)
}

// offOrOn reads off or on, then the incident.
func (r *reading) offOrOn() error {
	action := strings.ToLower(r.name())
	if action != orchestrator.SwitchOff && action != orchestrator.SwitchOn {
		return r.verb.usage("say off or on")
	}
	if err := r.set("action", action); err != nil {
		return err
	}
	return r.which()
}

// readFlag: off or on, then the incident and the component.
func readFlag(r *reading) error {
	if err := r.offOrOn(); err != nil {
		return err
	}
	if component := r.name(); component != "" {
		if err := r.set("component", component); err != nil {
			return err
		}
	}
	r.text()
	return nil
}

func readWrites(r *reading) error {
	if err := r.offOrOn(); err != nil {
		return err
	}
	r.text()
	return nil
}

// readRevert: the incident, then the number of a pull request, with or without #.
func readRevert(r *reading) error {
	if len(r.rest) > 0 && !r.rest[0].quoted {
		text := strings.TrimPrefix(r.rest[0].text, "#")
		if text == "" || len(text) > 9 || span(text, 0, isDigit) != len(text) {
			return r.verb.usage("that is not the number of a pull request")
		}
		if err := r.set("pull", text); err != nil {
			return err
		}
		r.rest = r.rest[1:]
	}
	r.text()
	return nil
}
