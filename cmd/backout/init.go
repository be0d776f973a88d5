package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/vercel"
)

// initLimit bounds everything that init asks of others; a person may think longer.
const initLimit = 3 * time.Minute

// initFlags are the answers that a script gives before it is asked.
type initFlags struct {
	token, team, publicURL string
	projects, people       []string
	yes, force, replace    bool
	baseURL, probeURL      string
	allowPrivate           []string
	clientFlags
}

func initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init [DIR]", Short: "Set Backout up: read your Vercel account, make the webhook, write backout.yaml", Args: atMost(1),
		Long: `Read what a Vercel token can reach, pick projects, read their domains, make the
webhook and keep its secret, and write backout.yaml (mode shadow: nothing is changed
outside but that webhook) and people.yaml into DIR, or here. Then it prints what to
set up at Slack, Sentry and SendGrid, and looks at everything as doctor does.

It asks in a terminal. A script gives the answers as flags, and --yes.`,
		Example: "  backout init\n  backout init /etc/backout --vercel-token env:VERCEL_TOKEN --team team_yours --project prj_yours --public-url https://ops.example.com --person 'Ann <ann@example.com>' --yes",
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return f.run(c, dir)
		},
	}
	c.Flags().StringVar(&f.token, "vercel-token", "", "where the Vercel token stands: env:NAME or file:/path")
	c.Flags().StringVar(&f.team, "team", "", "team id (team_…) or slug; default: the token's own")
	c.Flags().StringArrayVar(&f.projects, "project", nil, "Vercel project, id or name; repeatable")
	c.Flags().StringVar(&f.publicURL, "public-url", "", "where Backout is reached from outside; without it there is no webhook, and Vercel is asked every 30 s")
	c.Flags().StringArrayVar(&f.people, "person", nil, "who is on call, as 'Name <address>'; repeatable. Default: the token's owner")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.force, "force", false, "overwrite a backout.yaml that is there")
	c.Flags().BoolVar(&f.replace, "replace-webhook", false, "delete a webhook that is there for the same address and make it anew: its secret cannot be read again")
	c.Flags().StringVar(&f.baseURL, "vercel-base-url", "", "a stand-in for api.vercel.com, such as that of `backout sandbox`")
	c.Flags().StringVar(&f.probeURL, "probe-base-url", "", "a stand-in that is asked instead of your domains")
	c.Flags().StringSliceVar(&f.allowPrivate, "allow-private", nil, "private networks that may be called, such as 127.0.0.0/8")
	f.addOutput(c)
	return c
}

// setup is one run of init: what was given, and what was found out.
type setup struct {
	*initFlags
	dir    string
	talk   io.Writer
	in     *bufio.Reader
	client *vercel.Client
	found  initResult
	people []initPerson
	// namedPeople is set when the people were given as flags.
	namedPeople bool
}

// initResult is what `init -o json` prints.
type initResult struct {
	Config   string         `json:"config"`
	People   string         `json:"people"`
	Token    initToken      `json:"token"`
	Projects []*initProject `json:"projects"`
	Webhook  initWebhook    `json:"webhook"`
	Checks   checkup        `json:"doctor"`
}

// initToken is what is known of the token; never the token.
type initToken struct {
	Ref     string     `json:"ref"`
	Name    string     `json:"name,omitempty"`
	Reach   string     `json:"reach"`
	Expires *time.Time `json:"expires,omitempty"`
	Team    string     `json:"team,omitempty"`
	Plan    string     `json:"plan,omitempty"`
}

// initWebhook is what became of the webhook: made, kept, replaced or none.
type initWebhook struct {
	State  string `json:"state"`
	ID     string `json:"id,omitempty"`
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret_file,omitempty"`
	Why    string `json:"why,omitempty"`
}

// initPerson is a line of people.yaml.
type initPerson struct{ ID, Name, Email string }

func (f *initFlags) run(c *cobra.Command, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the folder for the configuration: %w", err)
	}
	s := &setup{initFlags: f, dir: dir, talk: c.OutOrStdout(), in: bufio.NewReader(c.InOrStdin()), namedPeople: len(f.people) > 0}
	if f.json == "json" {
		s.talk = c.ErrOrStderr()
	}
	ctx := c.Context()
	if f.yes {
		bounded, cancel := context.WithTimeout(ctx, initLimit)
		defer cancel()
		ctx = bounded
	}
	for _, step := range []func(context.Context) error{
		s.vacant, s.account, s.pick, s.survey, s.reached, s.onCall, s.rehearsed, s.agreed, s.webhook, s.write, s.preview,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	s.elsewhere()
	if err := s.doctor(ctx); err != nil {
		return err
	}
	if f.json == "json" {
		return f.show(c.OutOrStdout(), s.found, nil)
	}
	return nil
}

func (s *setup) say(format string, args ...any) { fmt.Fprintf(s.talk, format+"\n", args...) }

// vacant refuses to touch a configuration that is there, before anything is asked.
func (s *setup) vacant(context.Context) error {
	s.found.Config, s.found.People = filepath.Join(s.dir, "backout.yaml"), filepath.Join(s.dir, "people.yaml")
	if _, err := os.Lstat(s.found.Config); err == nil && !s.force {
		return fmt.Errorf("%s is there already and was left as it is; choose another folder, or overwrite it with --force", s.found.Config)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for a configuration: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of the configuration: %w", err)
	}
	return nil
}
