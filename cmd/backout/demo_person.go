package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aimarketplace/backout/handlers/console"
)

// errNoPerson ends a demo that asks when nobody can answer.
var errNoPerson = errors.New("nobody answers: the demo asks for acknowledgement and approvals, and the input has ended. Run `backout demo --yes` to let it answer itself")

// demoPerson answers for the one in front of the terminal, or by itself.
type demoPerson struct {
	cl    *client
	out   io.Writer
	in    <-chan string
	yes   bool
	acked bool
	told  map[string]bool
	// said counts how often the same words were said, for --yes.
	said map[string]int
}

// patience is how often --yes says the same words before it gives up.
const patience = 4

// newLines reads lines in a goroutine, so that a prompt can be left when the
// demo ends. It ends with the input.
func newLines(r io.Reader) <-chan string {
	ch := make(chan string)
	go func() {
		defer close(ch)
		for s := bufio.NewScanner(r); s.Scan(); {
			ch <- strings.TrimSpace(s.Text())
		}
	}()
	return ch
}

// answer acknowledges once and answers what waits for a person.
func (p *demoPerson) answer(ctx context.Context, inc *console.Incident) error {
	if !p.acked {
		p.acked = true
		return p.word(ctx, "Acknowledge "+inc.ID+" (\""+inc.Title+"\")?", "ack "+inc.ID)
	}
	for _, s := range inc.Steps {
		if strings.HasPrefix(s.WaitingOn, "a person:") {
			return p.settle(ctx, inc, &s)
		}
		if s.State != "awaiting" {
			continue
		}
		switch {
		case s.Ask != nil:
			return p.question(ctx, inc, &s)
		case s.Preview != nil && !strings.HasPrefix(s.WaitingOn, "the veto time"):
			return p.word(ctx, "Approve: "+strings.TrimSuffix(s.Preview.Text, ".")+"?", "approve "+inc.ID+" "+s.ID+" preview="+s.Preview.Hash)
		}
	}
	return nil
}

// settle answers for a step that failed or whose outcome nobody knows.
func (p *demoPerson) settle(ctx context.Context, inc *console.Incident, s *console.Step) error {
	if s.State != "unknown" {
		words := "retry " + inc.ID + " " + s.ID
		if strings.Contains(s.WaitingOn, " chunk=") {
			words += " chunk=all"
		}
		return p.word(ctx, "Try "+s.Title+" again?", words)
	}
	return p.word(ctx, "Nobody knows whether this was done: "+s.Title+". You look and find that it was. Say so?", "confirm-done "+inc.ID+" "+s.ID)
}

// question answers a choice or a typed question.
func (p *demoPerson) question(ctx context.Context, inc *console.Incident, s *console.Step) error {
	if len(s.Ask.Choices) > 0 {
		return p.choice(ctx, inc, s)
	}
	return p.word(ctx, "Cause found and fix on branch hotfix/receipt checked ("+strings.Join(s.Ask.Checklist, ", ")+")?",
		"answer "+inc.ID+" "+s.ID+` root_cause="null receipt url for Toss buyers" fix_ref=hotfix/receipt checked=all`)
}

func (p *demoPerson) choice(ctx context.Context, inc *console.Incident, s *console.Step) error {
	key := s.Ask.Choices[0].Key
	if p.yes {
		return p.say(ctx, "choose "+inc.ID+" "+s.ID+" "+key)
	}
	fmt.Fprintf(p.out, "\n> %s\n", s.Title)
	for _, c := range s.Ask.Choices {
		fmt.Fprintf(p.out, ">   %-8s %s\n", c.Key, c.Text)
	}
	fmt.Fprintf(p.out, "> Which one? [%s] ", key)
	line, err := p.line(ctx)
	if err != nil {
		return err
	}
	if line != "" {
		key = line
	}
	return p.say(ctx, "choose "+inc.ID+" "+s.ID+" "+key)
}

// word says words when the person agrees.
func (p *demoPerson) word(ctx context.Context, question, words string) error {
	if !p.yes {
		fmt.Fprintf(p.out, "\n> %s [Y/n] ", question)
		line, err := p.line(ctx)
		if err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(line), "n") {
			fmt.Fprintln(p.out, "> Nothing was done; it will be asked again. Ctrl-C ends the demo.")
			return nil
		}
	}
	return p.say(ctx, words)
}

func (p *demoPerson) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.in:
		if !ok {
			return "", errNoPerson
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// say sends words; a refusal is shown once and the loop goes on.
func (p *demoPerson) say(ctx context.Context, words string) error {
	if p.said == nil {
		p.said = map[string]int{}
	}
	if p.said[words]++; p.yes && p.said[words] > patience {
		return fmt.Errorf("it asks for the same thing again and again: %s", words)
	}
	r, err := p.cl.say(ctx, words)
	if err != nil {
		return err
	}
	if !r.OK && !p.told[words] {
		if p.told == nil {
			p.told = map[string]bool{}
		}
		p.told[words] = true
		fmt.Fprintln(p.out, "> refused:", r.Text)
	}
	return nil
}
