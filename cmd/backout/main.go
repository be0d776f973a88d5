// Command backout is the whole product in one binary. main.go is the list of
// subcommands, each in a file of its name; app.go is the wiring in one straight line,
// with actions.go and polled.go for what handlers can do and what is asked by itself.
// Nothing is decided here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes: 0 done, 1 refused or failed, 2 usage.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks a wrong call of the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// silent is an error whose text was printed already.
var errShown = errors.New("shown")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	paceGC(ctx)
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// stdio is where a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// run executes a command line and returns the exit code; tests call it.
func run(ctx context.Context, args []string, io stdio) int {
	io.out, io.err = terminal{io.out}, terminal{io.err}
	root := rootCommand(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errShown):
		return exitFailed
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintln(io.err, "backout:", err)
		return exitUsage
	}
	fmt.Fprintln(io.err, "backout:", err)
	return exitFailed
}

func rootCommand(io stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "backout",
		Short: "Roll a bad deployment back, prove it, tell users, hold the door until the fix is live",
		Long: `Backout watches your monitors over NATS and webhooks. When a deployment goes bad
it opens an incident, says whether you can go back and why, goes back when you or
your policy say so, proves it on every domain, tells your users, and holds the
door until the fix is live. One binary, no database.`,
		Example:       "  backout demo              see a deployment go bad and come back, in a minute\n  backout serve --config backout.yaml",
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%s; see `%s --help`", plainFlag(c, err), c.CommandPath())}
	})
	root.AddCommand(
		demoCommand(), initCommand(), serveCommand(), sandboxCommand(), emitCommand(),
		incidentCommand(), verdictCommand(), shadowCommand(), deploymentsCommand(), changesCommand(), watchesCommand(), upstreamsCommand(), silenceCommand(), holdCommand(), quarantineCommand(), whyCommand(),
		planCommand(), ruleCommand(), configCommand(), tokenCommand(), doctorCommand(), benchCommand(),
		clusterCommand(), backupCommand(), restoreCommand(), migrateCommand(), migrationsCommand(), compactCommand(), logCommand(),
		healthzCommand(), jobCommand(), copyCommand(), repairCommand(), versionCommand(),
	)
	root.AddCommand(wordCommands()...)
	for _, c := range root.Commands() {
		if c.HasSubCommands() {
			c.Args, c.RunE = cobra.ArbitraryArgs, onlySubcommands
		}
	}
	return root
}

// plainFlag says of a value that its flag cannot take what to write, in place of what the
// standard library says about it.
func plainFlag(c *cobra.Command, err error) string {
	what, reason, found := strings.Cut(err.Error(), " flag: ")
	_, name, _ := strings.Cut(what, "--")
	f := c.Flag(strings.TrimRight(name, `"`))
	if !found || f == nil {
		return err.Error()
	}
	switch f.Value.Type() {
	case "duration":
		reason = "write a time such as 90s, 30m or 48h"
	case "int", "int64", "uint64":
		reason = "write a whole number"
	case "intSlice":
		reason = "write whole numbers, joined by commas"
	case "bool":
		reason = "write true or false, or the flag alone"
	}
	return what + " flag: " + reason
}

// onlySubcommands refuses words that name no subcommand, and otherwise helps.
func onlySubcommands(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s has no subcommand %q; see `%s --help`", c.CommandPath(), args[0], c.CommandPath())}
	}
	return c.Help()
}

// exactly is cobra.ExactArgs with our exit code and an example in the message.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s takes %d argument(s), got %d; see `%s --help`", c.CommandPath(), n, len(args), c.CommandPath())}
		}
		return nil
	}
}

// atMost is cobra.MaximumNArgs in the same way.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("%s takes at most %d argument(s), got %d; see `%s --help`", c.CommandPath(), n, len(args), c.CommandPath())}
		}
		return nil
	}
}
