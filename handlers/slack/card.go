package slack

import (
	"fmt"
	"strings"
	"unicode/utf8"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"
)

// Card are the inputs of chat.update: an incident as its message shows it. All
// texts are taken as they come and escaped here.
type Card struct {
	Incident Incident `json:"incident"`
	Waiting  []Asked  `json:"waiting,omitempty"`
	// Channel is where the message is or is to be; empty means the incidents channel.
	Channel string `json:"channel,omitempty"`
	// TS names the message to edit; empty posts a new one.
	TS string `json:"ts,omitempty"`
}

// Incident is the head of a card.
type Incident struct {
	// ID is empty for a message that belongs to no incident: title and summary alone.
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	State    string   `json:"state"`
	Severity string   `json:"severity"`
	Summary  []string `json:"summary,omitempty"`
	// Acknowledged names who has it; the button goes away then.
	Acknowledged string `json:"acknowledged,omitempty"`
}

// Asked is a step that waits for a person: for an approval of the preview with
// this hash, or for one of the choices.
type Asked struct {
	Step    string `json:"step"`
	Text    string `json:"text"`
	Preview string `json:"preview,omitempty"`
	// Hint says who is asked, until when, and what to type where no button does.
	Hint    string   `json:"hint,omitempty"`
	Choices []Choice `json:"choices,omitempty"`
}

// Choice is one answer.
type Choice struct {
	Key  string `json:"key"`
	Text string `json:"text,omitempty"`
}

// Slack's limits (docs.slack.dev/reference/block-kit): 3,000 characters in a
// section, 75 in a button, 25 buttons in a row, 50 blocks in a message.
const (
	maxSection = 2800 // The step's name stands in front.
	maxLabel   = 70
	maxButtons = 20
	maxAsked   = 15
)

// title is the message in one line, for notifications.
func (k *Card) title() string {
	i := k.Incident
	if i.ID == "" {
		return fitted(i.Title, 1000)
	}
	return fitted(fmt.Sprintf("%s %s, %s: %s", i.ID, i.Severity, i.State, i.Title), 1000)
}

// blocks draw the card: the head, what is known, then each question with its
// buttons.
func (k *Card) blocks() []api.Block {
	i := k.Incident
	head := fmt.Sprintf("*%s*  %s, %s\n%s", escaped(i.ID), escaped(i.Severity), escaped(i.State), fitted(i.Title, 1000))
	if i.ID == "" {
		head = "*" + fitted(i.Title, 1000) + "*"
	}
	blocks := []api.Block{section(head)}
	if len(i.Summary) > 0 {
		blocks = append(blocks, section(fitted(strings.Join(i.Summary, "\n"), maxSection)))
	}
	for n, a := range k.Waiting {
		if n == maxAsked {
			blocks = append(blocks, section(fmt.Sprintf("%d more wait; see `incident show %s`", len(k.Waiting)-n, escaped(i.ID))))
			break
		}
		blocks = append(blocks, section("*"+escaped(a.Step)+"*: "+fitted(a.full(), maxSection)))
		if buttons := a.buttons(i.ID); len(buttons) > 0 {
			blocks = append(blocks, api.NewActionBlock("", buttons...))
		}
	}
	switch {
	case i.Acknowledged != "":
		blocks = append(blocks, section("acknowledged by "+escaped(i.Acknowledged)))
	case i.State != "resolved" && i.State != "closed":
		blocks = append(blocks, api.NewActionBlock("", button("ack", "Acknowledge", "ack "+i.ID)))
	}
	return blocks
}

// full is the question with its choices spelled out.
func (a Asked) full() string {
	lines := []string{a.Text}
	for _, c := range a.Choices {
		if c.Text != "" {
			lines = append(lines, "• "+c.Key+": "+c.Text)
		}
	}
	if a.Hint != "" {
		lines = append(lines, a.Hint)
	}
	return strings.Join(lines, "\n")
}

// buttons carry the words that somebody could type instead.
func (a Asked) buttons(incident string) []api.BlockElement {
	var row []api.BlockElement
	at := " " + incident + " " + a.Step
	if a.Preview != "" {
		row = append(
			row,
			button("approve:"+a.Step, "Approve", "approve"+at+" preview="+a.Preview).WithStyle(api.StylePrimary),
			button("reject:"+a.Step, "Reject", "reject"+at).WithStyle(api.StyleDanger),
		)
	}
	for _, c := range a.Choices[:min(maxButtons, len(a.Choices))] {
		row = append(row, button("choose:"+a.Step+":"+c.Key, c.Key, "choose"+at+" "+c.Key))
	}
	return row
}

func button(id, label, words string) *api.ButtonBlockElement {
	return api.NewButtonBlockElement(clip(id, 250), clip(words, 2000), api.NewTextBlockObject(api.PlainTextType, fitted(label, maxLabel), false, false))
}

// section is verbatim: Slack then makes no mentions or links of its own from it.
func section(text string) api.Block {
	return api.NewSectionBlock(api.NewTextBlockObject(api.MarkdownType, text, false, true), nil, nil)
}

// escaped keeps outside text from being markup (docs.slack.dev, formatting:
// &, < and > are the only control characters).
func escaped(text string) string { return slackutilsx.EscapeMessage(text) }

// fitted is escaped text of at most n characters: what is cut is cut before
// escaping, so that no entity is torn.
func fitted(text string, n int) string {
	whole := escaped(text)
	if len([]rune(whole)) <= n {
		return whole
	}
	var b strings.Builder
	room := n - 1
	for _, r := range text {
		one := escaped(string(r))
		if room -= utf8.RuneCountInString(one); room < 0 {
			break
		}
		b.WriteString(one)
	}
	return b.String() + "…"
}

// clip cuts text to n characters and shows that it did.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
