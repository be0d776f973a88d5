// Command publisher is an ordinary NATS client as somebody else would write one:
// it knows the subjects and the event format and nothing of Backout's code. It
// reads lines "KIND PROJECT JSON" from standard input and publishes each, waiting
// for the server's acknowledgement.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "publisher:", err)
		os.Exit(1)
	}
}

func run(url string) error {
	var opts []nats.Option
	if user := os.Getenv("PUBLISHER_USER"); user != "" {
		opts = append(opts, nats.UserInfo(user, os.Getenv("PUBLISHER_PASSWORD")))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		project, body, _ := strings.Cut(rest, " ")
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		ack, err := js.Publish(ctx, "backout.event."+kind+"."+project, []byte(body))
		cancel()
		if err != nil {
			return err
		}
		fmt.Println("stored as", ack.Sequence)
	}
	return lines.Err()
}
