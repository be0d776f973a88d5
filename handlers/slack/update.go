package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	api "github.com/slack-go/slack"

	"github.com/aimarketplace/backout/orchestrator"
)

const updateAction = "chat.update"

// update is the action chat.update: it keeps the one message of an incident.
type update struct{ *Client }

// Spec is chat.update: chat is no effect on what users see; doing it again is
// harmless, because a post is looked up before it is made.
func (u *update) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: updateAction, Safety: orchestrator.Repeatable, CallTimeout: 20_000,
		Inputs: []string{"incident", "waiting?", "channel?", "ts?"}, Permissions: []string{"chat:write", "channels:history"},
	}
}

// place is where a message is, and the output of chat.update.
type place struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Do edits the message that the inputs name. Without one it posts a message,
// unless an earlier attempt of this step, whose answer was lost, had posted it.
func (u *update) Do(ctx context.Context, call orchestrator.Call) (orchestrator.Output, error) {
	k, at, err := u.read(call)
	if err != nil {
		return orchestrator.Output{}, err
	}
	if at.TS == "" {
		if at.TS, err = u.find(ctx, call, at.Channel); err != nil {
			// A message that comes twice is better than none.
			u.opts.Logger.WarnContext(ctx, "chat history not readable", "incident", call.Incident, "error", err)
		}
	}
	if at.TS != "" {
		_, _, _, err = u.api.UpdateMessageContext(ctx, at.Channel, at.TS, k.message()...)
		if !isSaid(err, "message_not_found") {
			return at.output("edited"), refused("editing the message of "+call.Incident, err)
		}
		// Somebody deleted it: people still need one.
	}
	_, at.TS, err = u.api.PostMessageContext(ctx, at.Channel, append(k.message(), signed(call))...)
	return at.output("posted"), refused("posting the message of "+call.Incident, err)
}

func (u *update) read(call orchestrator.Call) (*Card, place, error) {
	var k Card
	if err := call.Input(&k); err != nil {
		return nil, place{}, err
	}
	at := place{Channel: k.Channel, TS: k.TS}
	if at.Channel == "" {
		at.Channel = u.opts.Channel
	}
	if at.Channel == "" {
		return nil, place{}, orchestrator.Permanent(errors.New("there is no channel for incidents; set providers.slack.channels.incidents"))
	}
	return &k, at, nil
}

// message is the card as Slack takes it.
func (k *Card) message() []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionText(k.title(), false), api.MsgOptionBlocks(k.blocks()...), api.MsgOptionParse(false),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
	}
}

// signed puts the step's key into a new message's metadata, by which it is found
// again; an edit leaves it as it is.
func signed(call orchestrator.Call) api.MsgOption {
	return api.MsgOptionMetadata(api.SlackMetadata{
		EventType: "backout_incident", EventPayload: map[string]any{"op_id": call.Key, "incident": call.Incident},
	})
}

func (p place) output(what string) orchestrator.Output {
	data, err := json.Marshal(p)
	if err != nil {
		return orchestrator.Output{Text: what}
	}
	return orchestrator.Output{Data: data, Text: what + " the message in " + p.Channel}
}

// lookBack bounds the history that is searched, in pages of 100 messages.
const lookBack = 3

// find answers the message this step posted before, or "".
func (u *update) find(ctx context.Context, call orchestrator.Call, channel string) (string, error) {
	ask := &api.GetConversationHistoryParameters{ChannelID: channel, Limit: 100, IncludeAllMetadata: true}
	if !call.Since.IsZero() {
		ask.Oldest = fmt.Sprintf("%d.000000", call.Since.Add(-time.Minute).Unix())
	}
	for range lookBack {
		page, err := u.api.GetConversationHistoryContext(ctx, ask)
		if err != nil {
			return "", refused("looking for the message of "+call.Incident, err)
		}
		for _, m := range page.Messages {
			if m.Metadata.EventPayload["op_id"] == call.Key {
				return m.Timestamp, nil
			}
		}
		if ask.Cursor = page.ResponseMetaData.NextCursor; ask.Cursor == "" {
			break
		}
	}
	return "", nil
}

// Verify looks for the message of this step. An edit cannot be told from the one
// before it, and may simply be made again.
func (u *update) Verify(ctx context.Context, call orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	_, at, err := u.read(call)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	if at.TS != "" {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "an edit can be made again"}, nil
	}
	if at.TS, err = u.find(ctx, call, at.Channel); err != nil {
		return orchestrator.Outcome{}, err
	}
	if at.TS == "" {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "the message is not in " + at.Channel}, nil
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: "the message is in " + at.Channel, Data: at.output("").Data}, nil
}

// Plan says which message would be posted or edited.
func (u *update) Plan(_ context.Context, call orchestrator.Call) (orchestrator.Preview, error) {
	_, at, err := u.read(call)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	what := "post"
	if at.TS != "" {
		what = "edit"
	}
	return orchestrator.Preview{Text: fmt.Sprintf("%s the message of %s in Slack channel %s", what, call.Incident, at.Channel)}, nil
}
