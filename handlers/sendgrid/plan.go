package sendgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

const noticeAction = "sendgrid.notice"

// notice is the action sendgrid.notice.
type notice struct{ *Client }

// atOnce is how many chunks are under way at once: after a crash a person must look for
// each of them.
const atOnce = 4

// Spec is sendgrid.notice: an effect in chunks, which can be verified only in the
// sense that looking changes nothing; the usual answer is that nobody can tell.
func (n *notice) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: noticeAction, Effect: true, Safety: orchestrator.Verifiable, Chunked: true,
		CallTimeout: 20_000, Settle: 30_000, MaxConcurrent: atOnce,
		Inputs:      []string{"kind", "audience", "same_as?", "component?", "title?", "started?", "from?", "to?"},
		Permissions: []string{"Mail Send"},
	}
}

// planned is the Data of a preview: what Do needs to send what was approved. It
// has no address in it.
type planned struct {
	Blob  string         `json:"blob"`
	Count int            `json:"count"`
	Kind  string         `json:"kind"`
	Langs map[string]int `json:"langs"`
	// Subject and Text show the mail as most people get it.
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Plan reads the audience, renders the mails, keeps both and tells in one line
// who would get what. It mails nobody.
func (n *notice) Plan(ctx context.Context, call orchestrator.Call) (orchestrator.Preview, error) {
	in, err := readOrder(call)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	all, remark, err := n.addressed(ctx, in)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	byLanguage(all)
	plan := planned{Count: len(all), Kind: in.Kind, Langs: map[string]int{}}
	for _, r := range all {
		plan.Langs[r.Lang]++
	}
	snap := &snapshot{Kind: in.Kind, Letters: map[string]letter{}}
	for lang := range plan.Langs {
		if snap.Letters[lang], err = n.words.compose(in.Kind, lang, n.facts(call, in, lang)); err != nil {
			return orchestrator.Preview{}, orchestrator.Permanent(err)
		}
	}
	if plan.Blob, err = n.keep(ctx, snap, all); err != nil {
		return orchestrator.Preview{}, err
	}
	shown := snap.Letters[plan.languages()[0]]
	plan.Subject, plan.Text = shown.Subject, shown.Text
	data, err := json.Marshal(plan)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of a notice: %w", err)
	}
	text := fmt.Sprintf("mail %s in audience %s: %q; for example %s%s", plan.who(), in.Audience, plan.Subject, samples(all), remark)
	return orchestrator.Preview{Text: text, Data: data, Chunks: len(snap.Chunks)}, nil
}

func readOrder(call orchestrator.Call) (order, error) {
	var in order
	if err := call.Input(&in); err != nil {
		return in, err
	}
	switch {
	case !slices.Contains(kinds(), in.Kind):
		return in, orchestrator.Permanent(fmt.Errorf("there is no notice of kind %q; there are %s", in.Kind, enumerated(kinds())))
	case in.Audience == "":
		return in, orchestrator.Permanent(errors.New("a notice names its audience; there is no default"))
	}
	return in, nil
}

// addressed is who gets the notice, with a remark about addresses left out.
func (n *notice) addressed(ctx context.Context, in order) ([]recipient, string, error) {
	if in.SameAs == "" {
		p, err := n.audience(ctx, in)
		if err != nil {
			return nil, "", err
		}
		return p.all, p.leftOut(), nil
	}
	before, err := n.snapshot(ctx, in.SameAs)
	if err != nil {
		return nil, "", err
	}
	all, err := n.everybody(ctx, before)
	return all, "; exactly those who got the notice before", err
}

// languages lists the languages, the one most people read first.
func (p planned) languages() []string {
	var langs []string
	for lang := range p.Langs {
		langs = append(langs, lang)
	}
	slices.SortFunc(langs, func(a, b string) int {
		if p.Langs[a] != p.Langs[b] {
			return p.Langs[b] - p.Langs[a]
		}
		return strings.Compare(a, b)
	})
	return langs
}

// who says "23 people (ko 20, en 3)".
func (p planned) who() string {
	var parts []string
	for _, lang := range p.languages() {
		parts = append(parts, fmt.Sprintf("%s %d", lang, p.Langs[lang]))
	}
	return fmt.Sprintf("%s (%s)", counted(p.Count), strings.Join(parts, ", "))
}

func counted(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// samples masks three addresses from the whole list, so that a person sees
// whether these are the people meant.
func samples(all []recipient) string {
	var shown []string
	for i := range min(3, len(all)) {
		shown = append(shown, masked(all[i*len(all)/min(3, len(all))].Email))
	}
	return strings.Join(shown, ", ")
}

// enumerated is "a, b and c".
func enumerated(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
