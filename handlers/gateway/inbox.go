package gateway

import (
	"bytes"
	"fmt"
	"strings"
)

// inboxPrefix is where publishers publish: backout.event.KIND.PROJECT.
const inboxPrefix = "backout.event."

// wrongSubject says that a message came under another subject than its type's.
const wrongSubject = " does not belong under the subject "

// DecodeInbox reads one message of the NATS inbox: one CloudEvent in JSON whose
// kind and project are those of its subject, because the subject is what the
// publisher's account was allowed to use. It never fails: what cannot be read
// becomes a Bad record.
func DecodeInbox(seq uint64, subject, msgID string, data []byte) Item {
	kind, project, ok := strings.Cut(strings.TrimPrefix(subject, inboxPrefix), ".")
	d := Delivery{Origin: "nats/" + cleanText(project, maxWord), Project: project}
	note := fmt.Sprintf(" (inbox message %d", seq)
	if msgID != "" {
		note += ", Nats-Msg-Id " + msgID
	}
	note += ")"
	if !ok || !strings.HasPrefix(subject, inboxPrefix) || project == "" {
		return badItem("nats", "the subject "+subject+" is not backout.event.KIND.PROJECT"+note, data)
	}
	body := bytes.TrimSpace(data)
	if len(body) == 0 || body[0] != '{' {
		return badItem(d.Origin, "the message must be one CloudEvent in JSON"+note, data)
	}
	it := d.structured(body)
	switch ev := it.Record.Event; {
	case ev == nil:
		it.Record.Bad.Reason = cleanText(it.Record.Bad.Reason+note, maxReason)
	case !strings.HasPrefix(ev.Type, "backout."+kind+"."):
		return badItem(d.Origin, "the type "+ev.Type+wrongSubject+subject+note, data)
	default:
		ev.Inbox = seq
	}
	return it
}
