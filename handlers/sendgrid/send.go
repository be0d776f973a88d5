package sendgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sendgrid/sendgrid-go/helpers/mail"

	"github.com/aimarketplace/backout/orchestrator"
)

// Do sends one approved chunk with one request. It never repeats: whether a
// chunk whose answer was lost is sent again is a person's decision.
func (n *notice) Do(ctx context.Context, call orchestrator.Call) (orchestrator.Output, error) {
	snap, part, err := n.approved(ctx, call)
	if err != nil {
		return orchestrator.Output{}, err
	}
	some, err := n.people(ctx, part)
	if err != nil {
		return orchestrator.Output{}, err
	}
	text, ok := snap.Letters[part.Lang]
	if !ok {
		return orchestrator.Output{}, orchestrator.Permanent(fmt.Errorf("the snapshot has no text in %s; nobody was mailed", part.Lang))
	}
	id, err := n.post(ctx, n.noticeMail(call, text, some))
	if err != nil {
		return orchestrator.Output{}, err
	}
	data, err := json.Marshal(sent{MessageID: id, Count: len(some)})
	if err != nil {
		// SendGrid has taken it: an error here would read as "not sent".
		n.opts.Logger.WarnContext(ctx, "output not encoded", "error", err)
	}
	return orchestrator.Output{Data: data, Text: fmt.Sprintf("SendGrid took the mail to %s (%s)", counted(len(some)), part.Lang)}, nil
}

// sent is the output of a chunk. MessageID is the prefix of every sg_message_id.
type sent struct {
	MessageID string `json:"message_id"`
	Count     int    `json:"count"`
}

// approved finds the snapshot and the chunk that this call is for.
func (n *notice) approved(ctx context.Context, call orchestrator.Call) (*snapshot, chunk, error) {
	var plan planned
	if err := json.Unmarshal(call.Preview, &plan); err != nil || plan.Blob == "" {
		return nil, chunk{}, orchestrator.Permanent(errors.New("a notice is sent only from its preview; give the step `approve: policy`"))
	}
	snap, err := n.snapshot(ctx, plan.Blob)
	if err != nil {
		return nil, chunk{}, err
	}
	if call.Chunk < 1 || call.Chunk > len(snap.Chunks) {
		return nil, chunk{}, orchestrator.Permanent(fmt.Errorf("there is no chunk %d; the notice has %d", call.Chunk, len(snap.Chunks)))
	}
	return snap, snap.Chunks[call.Chunk-1], nil
}

// noticeMail gives every person a personalization of their own, so that nobody
// sees another's address.
func (n *notice) noticeMail(call orchestrator.Call, text letter, some []recipient) *mail.SGMailV3 {
	m := n.envelope(text.Subject)
	for _, r := range some {
		p := mail.NewPersonalization()
		p.AddTos(mail.NewEmail(r.Name, r.Email))
		p.SetCustomArg("backout_key", call.Key)
		p.SetCustomArg("backout_attempt", call.Attempt)
		p.SetCustomArg("incident", call.Incident)
		m.AddPersonalizations(p)
	}
	m.AddContent(mail.NewContent("text/plain", text.Text), mail.NewContent("text/html", text.HTML))
	if n.opts.UnsubscribeGroup > 0 {
		m.SetASM(mail.NewASM().SetGroupID(n.opts.UnsubscribeGroup))
	}
	return m
}

// Verify cannot tell: SendGrid has no look-up by our key (its log cannot be asked
// for custom_args), and an empty log after some seconds would prove nothing.
func (n *notice) Verify(_ context.Context, call orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{
		Kind: orchestrator.OutcomeCannotTell, Never: true,
		Text: "SendGrid cannot be asked whether it took this mail. Search its Activity for the unique argument backout_attempt " + call.Attempt + ": `confirm-done` if there is one; `retry` mails these people, perhaps a second time",
	}, nil
}
