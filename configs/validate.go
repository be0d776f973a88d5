package configs

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Validate checks the whole configuration and fills Warnings. The error is a
// Problems with everything that is wrong. Call it again after flags of the
// command line have changed a value.
func (c *Config) Validate() error {
	k := checker{c: c}
	k.instance()
	k.nats()
	k.heartbeat()
	k.providers()
	k.hooks()
	k.people()
	k.audiences()
	k.projects()
	k.polled()
	k.policies()
	k.silences()
	k.lookalikes()
	c.source.sort(k.problems)
	c.source.sort(k.warnings)
	c.Warnings = k.warnings
	if len(k.problems) > 0 {
		return k.problems
	}
	return nil
}

// checker walks a Config and collects what breaks a rule.
type checker struct {
	c                  *Config
	problems, warnings Problems
}

func (k *checker) wrong(path, message, fix string) {
	k.problems = append(k.problems, k.c.source.problem(path, message, fix))
}

func (k *checker) warn(path, message, fix string) {
	k.warnings = append(k.warnings, k.c.source.problem(path, message, fix))
}

// oneOf reports a value that is none of the known ones; what names it in words.
func (k *checker) oneOf(path, what, value string, known ...string) bool {
	if slices.Contains(known, value) {
		return true
	}
	if value == "" {
		k.wrong(path, what+" is missing", "write one of "+strings.Join(known, ", "))
		return false
	}
	k.wrong(path, fmt.Sprintf("%s %q is not known", what, value), nearest(value, known))
	return false
}

// unique reports an id that is malformed or was seen before.
func (k *checker) unique(path, what, id string, seen map[string]bool) {
	switch {
	case id == "":
		k.wrong(path, what+" has no id", idFix)
	case !isID(id):
		k.wrong(path, fmt.Sprintf("%q cannot be the id of %s", id, what), idFix)
	case seen[id]:
		k.wrong(path, fmt.Sprintf("two have the id %q", id), "give each "+what[strings.LastIndex(what, " ")+1:]+" its own")
	}
	seen[id] = true
}

func (k *checker) instance() {
	in := k.c.Instance
	if k.c.Version != 1 {
		k.wrong("version", "the version of this file's format is missing or not known", "begin the file with version: 1")
	}
	k.oneOf("mode", "the mode", k.c.Mode, "shadow", "advise", "live")
	if _, ok := parseURL(in.PublicURL); in.PublicURL != "" && !ok {
		k.wrong("instance.public_url", "this is not an address", "write https://HOST without user or password")
	}
	if !isListen(in.Listen) {
		k.wrong("instance.listen", fmt.Sprintf("%q is not a place to listen", in.Listen), "write HOST:PORT such as 127.0.0.1:8090")
	}
	if !isListen(in.AdminListen) {
		k.wrong("instance.admin_listen", fmt.Sprintf("%q is not a place to listen", in.AdminListen), "write HOST:PORT such as 127.0.0.1:8080")
	}
	if in.SnapshotEvery < Duration(time.Minute) {
		k.wrong("instance.snapshot_every", "snapshots would never end", "write at least 1m; 1h is usual")
	}
	if in.Data == "" {
		k.wrong("instance.data", "the data needs a folder", "write one such as /var/lib/backout")
	}
	if _, ok := in.DigestAt(); !ok && in.Digest != noDigest {
		k.wrong("instance.digest", fmt.Sprintf("%q is no time of the day", in.Digest), "write one such as \"09:00\", or none")
	}
	if _, err := time.LoadLocation(in.Timezone); err != nil || in.Timezone == "" || in.Timezone == "Local" {
		k.wrong("instance.timezone", fmt.Sprintf("the time zone %q is not known", in.Timezone), "write an IANA name such as Asia/Seoul")
	}
}

// minLog holds the documents of a start and leaves room for people.
const minLog Size = 256 << 10

func (k *checker) nats() {
	n := k.c.NATS
	if n.Listen != "off" && !isListen(n.Listen) {
		k.wrong("nats.listen", fmt.Sprintf("%q is not a place to listen", n.Listen), "write HOST:PORT such as 127.0.0.1:4222, or \"off\"")
	}
	if n.URL != "" && !isNATSURL(n.URL) {
		k.wrong("nats.url", "this is not the address of a NATS server", "write nats://HOST:PORT or tls://HOST:PORT; user and password have keys of their own")
	}
	if n.Replicas < 0 || n.Replicas > 5 || n.Replicas == 2 || n.Replicas == 4 {
		k.wrong("nats.replicas", fmt.Sprintf("%d servers cannot keep the log", n.Replicas), "write 3 or 5 on a cluster, 1 on a single server, or leave it out")
	}
	if n.MaxLog < minLog {
		k.wrong("nats.max_log", fmt.Sprintf("a log of %s cannot hold what Backout writes at its start", n.MaxLog), "write at least "+minLog.String()+"; the default is 4GiB")
	}
	if n.Password.IsSet() != (n.User != "") {
		k.wrong("nats", "user and password belong together", "give both or none")
	}
	if n.Creds.IsSet() && n.User != "" {
		k.wrong("nats.creds", "the server is told who this is in two ways", "keep creds, or user and password")
	}
}

func (k *checker) heartbeat() {
	h := k.c.HeartbeatOut
	if h == nil {
		return
	}
	if !h.URL.IsSet() {
		k.wrong("heartbeat_out.url", "there is no address to tell", "write url: env:NAME; the address is a secret, whoever has it can keep the alarm silent")
	}
	if h.Every == 0 {
		h.Every = Duration(time.Minute)
	}
	if h.Every < Duration(time.Second) || h.Every > Duration(time.Hour) {
		k.wrong("heartbeat_out.every", "this is no useful pause", "write a time between 1s and 1h; 1m is usual")
	}
}

// isNATSURL takes one address, or those of a cluster joined by commas.
func isNATSURL(text string) bool {
	for one := range strings.SplitSeq(text, ",") {
		scheme, rest, ok := strings.Cut(strings.TrimSpace(one), "://")
		if !ok || (scheme != "nats" && scheme != "tls") || !isHost(rest) {
			return false
		}
	}
	return true
}
