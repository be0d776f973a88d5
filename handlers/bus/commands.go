package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// commandWait bounds the answer to a command.
const commandWait = 15 * time.Second

func ring(ch chan struct{}) nats.MsgHandler {
	return func(*nats.Msg) {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// CommandFunc answers a command: the words after `backout`, the token from the
// header Backout-Token, and the project of the subject.
type CommandFunc func(ctx context.Context, project, token, words string) (ok bool, text string)

// ServeCommands answers requests on backout.command.PROJECT until stop. The
// reply is {"ok":bool,"text":string}.
func (b *Bus) ServeCommands(ctx context.Context, answer CommandFunc) (stop func(), err error) {
	sub, err := b.nc.QueueSubscribe("backout.command.*", "backout", func(m *nats.Msg) {
		if !answerable(m.Reply) {
			return
		}
		go func() {
			ctx, cancel := context.WithTimeout(ctx, commandWait)
			defer cancel()
			project := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
			ok, text := answer(ctx, project, m.Header.Get("Backout-Token"), string(m.Data))
			body, err := json.Marshal(map[string]any{"ok": ok, "text": text})
			if err == nil {
				_ = m.Respond(body)
			}
		}()
	})
	if err != nil {
		return nil, fmt.Errorf("listening for commands: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// answerable reports whether an answer may go where a request wants it. The asker chose
// that subject and the engine would publish with its own rights, so what Backout and
// the server listen to themselves is refused: an answer there would be an entry of the
// log, an event or a request to JetStream.
func answerable(reply string) bool {
	return reply == "" || !strings.HasPrefix(reply, "backout.") && !strings.HasPrefix(reply, "$")
}
