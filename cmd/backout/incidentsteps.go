package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/aimarketplace/backout/handlers/console"
)

// notNeeded begins the reason of a step whose condition decided that it is left out.
const notNeeded = "its condition does not hold"

// printSteps prints what is done, open or failed, and names in one line what the plan
// did not need.
func printSteps(w io.Writer, i *console.Incident) {
	var skipped []string
	for n := range i.Steps {
		s := &i.Steps[n]
		switch {
		case s.Title == "" && s.State == "done": // where branches meet: of no interest to people
		case s.State == "skipped" && strings.HasPrefix(s.Reason, notNeeded):
			skipped = append(skipped, s.ID)
		default:
			printStep(w, i.ID, s)
		}
	}
	if len(skipped) > 0 {
		fmt.Fprintf(w, "Not needed, `incident show %s -o json` says why: %s\n", i.ID, strings.Join(skipped, ", "))
	}
}

func printStep(w io.Writer, id string, s *console.Step) {
	fmt.Fprintf(w, "  %-10s %-16s %s\n", s.State, s.ID, s.Title)
	switch {
	case s.WaitingOn != "":
		fmt.Fprintf(w, "             waits for %s, since %s\n", s.WaitingOn, s.Since.Format("15:04:05 UTC"))
	case s.Reason != "" && s.State != "done":
		fmt.Fprintf(w, "             %s\n", s.Reason)
	}
	if s.State != "awaiting" {
		return
	}
	printAsk(w, id, s)
	if s.Preview == nil {
		return
	}
	about := s.Preview.Text
	if s.Reason != "" && strings.HasPrefix(s.WaitingOn, "a choice") {
		about = "it failed: " + s.Reason
	}
	fmt.Fprintf(w, "             %s\n", about)
	if s.Preview.Manual != "" {
		fmt.Fprintf(w, "             by hand: %s\n", s.Preview.Manual)
	}
}

// printAsk prints the words that answer a question.
func printAsk(w io.Writer, id string, s *console.Step) {
	if s.Ask == nil {
		return
	}
	for _, c := range s.Ask.Choices {
		fmt.Fprintf(w, "             choose %s %s %-12s %s\n", id, s.ID, c.Key, c.Text)
	}
	if len(s.Ask.Choices) > 0 {
		return
	}
	words := []string{"answer", id, s.ID}
	for _, name := range s.Ask.Typed {
		words = append(words, name+"=...")
	}
	if len(s.Ask.Checklist) > 0 {
		words = append(words, "checked=all, which confirms: "+strings.Join(s.Ask.Checklist, "; "))
	}
	fmt.Fprintf(w, "             %s\n", strings.Join(words, " "))
}
