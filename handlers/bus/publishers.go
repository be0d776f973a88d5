package bus

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// Publishers are in an account of their own. In the engine's they would overhear the
// answers it gets, the log and the blobs among them, and a message of theirs whose reply
// subject is one of the log's would have its acknowledgement written there: the server
// sends that itself and asks for no permission.
const (
	publishersAccount = "PUBLISHERS"
	publisherUser     = "publisher"
)

// publicSubjects are all that publishers and the engine share.
func publicSubjects() []string { return []string{"backout.event.>", "backout.command.*"} }

func publisherPermissions() *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publicSubjects()},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
}

// openToPublishers opens the streams and then lets publishers reach them. The streams
// stay in the server's global account, where every log so far was made; beside another
// account the server gives it no JetStream by itself.
func openToPublishers(ns *server.Server) error {
	engine := ns.GlobalAccount()
	if !engine.JetStreamEnabled() {
		if err := engine.EnableJetStream(nil, nil); err != nil {
			return fmt.Errorf("opening the streams of the embedded NATS server: %w", err)
		}
	}
	outside, err := ns.LookupAccount(publishersAccount)
	if err != nil {
		return fmt.Errorf("looking for the account of publishers: %w", err)
	}
	for _, subject := range publicSubjects() {
		if err := engine.AddServiceExport(subject, []*server.Account{outside}); err != nil {
			return fmt.Errorf("offering %s to publishers: %w", subject, err)
		}
		if err := outside.AddServiceImport(engine, subject, subject); err != nil {
			return fmt.Errorf("letting publishers reach %s: %w", subject, err)
		}
	}
	return nil
}
