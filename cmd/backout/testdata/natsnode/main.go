// Command natsnode is one server of a NATS cluster for tests: an ordinary
// nats-server with JetStream that syncs every message, whose users are the engine
// and anybody else, who may publish events and send commands.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	name, dir := flag.String("name", "", "name of this server"), flag.String("dir", "", "store folder")
	port, route := flag.Int("port", 0, "port for clients"), flag.Int("cluster-port", 0, "port for the other servers")
	routes := flag.String("routes", "", "the other servers, joined by commas")
	flag.Parse()
	publisher := &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"backout.event.>", "backout.command.*"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	opts := &server.Options{
		ServerName: *name, Host: "127.0.0.1", Port: *port, JetStream: true, StoreDir: *dir, SyncAlways: true, NoSigs: true,
		LogFile: *dir + ".log",
		// A peer that is cut off is reached by its configured route or not at all.
		Cluster: server.ClusterOpts{Name: "backout", Host: "127.0.0.1", Port: *route, NoAdvertise: true, Advertise: "127.0.0.1:1"},
		Users: []*server.User{
			{Username: "engine", Password: os.Getenv("BACKOUT_NATS_ENGINE_PASSWORD")},
			{Username: "publisher", Password: "publisher", Permissions: publisher},
		},
		NoAuthUser: "publisher",
	}
	for r := range strings.SplitSeq(*routes, ",") {
		u, err := url.Parse(r)
		if err != nil {
			fmt.Fprintln(os.Stderr, "natsnode:", err)
			os.Exit(2)
		}
		opts.Routes = append(opts.Routes, u)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "natsnode:", err)
		os.Exit(1)
	}
	s.ConfigureLogger()
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		fmt.Fprintln(os.Stderr, "natsnode: not ready in 20 s")
		os.Exit(1)
	}
	fmt.Println("ready", s.ClientURL())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	<-ended
	s.Shutdown()
	s.WaitForShutdown()
}
