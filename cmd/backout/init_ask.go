package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/configs"
)

// ask puts a question and answers the line that was typed, or the standard answer.
func (s *setup) ask(question, standard, flag string) (string, error) {
	if s.yes {
		return standard, nil
	}
	fmt.Fprint(s.talk, question)
	if standard != "" {
		fmt.Fprintf(s.talk, " [%s]", standard)
	}
	fmt.Fprint(s.talk, ": ")
	line, err := s.in.ReadString('\n')
	line = strings.TrimSpace(line)
	switch {
	case errors.Is(err, io.EOF) && line == "":
		s.say("")
		return "", usageError{fmt.Errorf("nobody answers here; give the answer as %s, and --yes", flag)}
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("reading the answer: %w", err)
	case line == "":
		return standard, nil
	}
	return line, nil
}

// pick settles which projects are meant.
func (s *setup) pick(ctx context.Context) error {
	if len(s.projects) > 0 {
		return s.named(ctx, s.projects)
	}
	all, err := s.client.Projects(ctx)
	if err != nil {
		return fmt.Errorf("%w; a token of one project has to be told which: --project prj_yours", err)
	}
	if len(all) == 0 {
		return errors.New("the token sees no project in this team; name another team with --team, or make a token of a member who sees them")
	}
	s.say("Projects of the team:")
	for i, p := range all {
		s.say("  %2d  %-24s %s", i+1, p.Name, p.ID)
	}
	if s.yes && len(all) > 1 {
		return usageError{fmt.Errorf("the token sees %d projects; say which with --project", len(all))}
	}
	answer, err := s.ask("Which ones? Numbers or names, by commas", "1", "--project prj_yours")
	if err != nil {
		return err
	}
	var chosen []string
	for word := range strings.FieldsFuncSeq(answer, func(r rune) bool { return r == ',' || r == ' ' }) {
		if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(all) {
			word = all[n-1].ID
		}
		chosen = append(chosen, word)
	}
	return s.named(ctx, chosen)
}

// reached settles where Backout is reached from outside.
func (s *setup) reached(context.Context) error {
	if s.publicURL == "" {
		answer, err := s.ask("Where will Backout be reached from outside, such as https://ops.example.com? Empty for nowhere yet", "", "--public-url https://HOST")
		if err != nil {
			return err
		}
		s.publicURL = answer
	}
	s.publicURL = strings.TrimRight(s.publicURL, "/")
	if u, err := url.Parse(s.publicURL); s.publicURL != "" && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http")) {
		return usageError{errors.New("the public address is no address; write https://HOST without user or password")}
	}
	return nil
}

// onCall settles who is paged and may approve.
func (s *setup) onCall(ctx context.Context) error {
	if len(s.initFlags.people) == 0 {
		standard := ""
		if a, err := s.client.Account(ctx); err == nil && a.Email != "" {
			standard = (&mail.Address{Name: a.Name, Address: a.Email}).String()
		}
		answer, err := s.ask("Who is on call, as Name <address>? More by commas", standard, "--person 'Ann <ann@example.com>'")
		if err != nil {
			return err
		}
		s.initFlags.people = []string{answer}
	}
	list, err := mail.ParseAddressList(strings.Join(s.initFlags.people, ", "))
	if err != nil {
		return usageError{errors.New("somebody has to be on call; write them as --person 'Ann <ann@example.com>'")}
	}
	ids := map[string]bool{}
	for _, a := range list {
		local, _, _ := strings.Cut(a.Address, "@")
		p := initPerson{Name: a.Name, Email: a.Address, ID: unused(ids, configs.ID(local), "person")}
		if p.Name == "" {
			p.Name = local
		}
		s.people = append(s.people, p)
	}
	return nil
}

// unused makes an id that is not taken yet.
func unused(taken map[string]bool, id, otherwise string) string {
	if id == "" {
		id = otherwise
	}
	free := id
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", id, n)
	}
	taken[free] = true
	return free
}

// agreed asks once before anything is written or changed.
func (s *setup) agreed(context.Context) error {
	what := "Write " + s.found.Config
	if s.wantsWebhook() {
		what += " and make a webhook at Vercel for " + s.hookURL()
	}
	answer, err := s.ask(what+"? yes or no", "yes", "--yes")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(answer), "y") {
		return errors.New("nothing was written and nothing was changed")
	}
	return nil
}
