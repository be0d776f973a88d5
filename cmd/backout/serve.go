package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

func serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use: "serve", Short: "Run Backout", Args: exactly(0),
		Long: `Run Backout with a configuration file. Without --nats-url it runs a NATS server
inside this process that keeps every entry on disk before it acknowledges it.`,
		Example: "  backout serve --config backout.yaml\n  backout serve --config backout.yaml --nats-url nats://nats:4222",
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.config, "config", "backout.yaml", "configuration file")
	c.Flags().StringVar(&f.data, "data", "", "data folder (default: instance.data of the configuration)")
	c.Flags().StringVar(&f.listen, "listen", "", "public address for /hooks, /chat and /status")
	c.Flags().StringVar(&f.adminListen, "admin-listen", "", "admin address for the API, /metrics and /readyz")
	c.Flags().StringVar(&f.natsListen, "nats-listen", "", "where publishers connect to the embedded NATS server; off for none")
	c.Flags().StringVar(&f.natsURL, "nats-url", "", "an external NATS server instead of the embedded one")
	c.Flags().StringVar(&f.workflows, "workflows", "", "folder whose playbooks and rules override the embedded ones")
	c.Flags().StringVar(&f.logFormat, "log", "text", "log as text or json, on standard error")
	return c
}

type serveFlags struct {
	config, data, listen, adminListen, natsListen, natsURL, workflows, logFormat string
}

// load reads the configuration, lets flags override it, and reads the secrets.
func (f *serveFlags) load() (*configs.Config, error) {
	cfg, err := configs.Load(f.config, os.LookupEnv)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no %s here; copy configs/backout.yaml and change it, or name yours with --config", f.config)
		}
		return nil, err
	}
	for _, o := range []struct {
		flag  string
		field *string
	}{
		{f.data, &cfg.Instance.Data},
		{f.listen, &cfg.Instance.Listen},
		{f.adminListen, &cfg.Instance.AdminListen},
		{f.natsListen, &cfg.NATS.Listen},
		{f.natsURL, &cfg.NATS.URL},
	} {
		if o.flag != "" {
			*o.field = o.flag
		}
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := checkExpressions(cfg); err != nil {
		return nil, err
	}
	return cfg, cfg.Resolve()
}

func (f *serveFlags) run(c *cobra.Command) error {
	if err := nothingEmpty(c); err != nil {
		return err
	}
	cfg, err := f.load()
	if err != nil {
		return err
	}
	logger, err := newLogger(c.ErrOrStderr(), f.logFormat)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		logger.Warn("the configuration will hurt one night", "warning", w.String())
	}
	for {
		err := f.once(c, cfg, logger)
		if !errors.Is(err, engine.ErrBehind) || c.Context().Err() != nil {
			return err
		}
		logger.Warn("starting again", "because", err)
	}
}

// nothingEmpty refuses a flag that is given and empty, as a variable that is not set leaves
// it: taken for not given, --nats-url would start a Backout of its own beside the cluster.
func nothingEmpty(c *cobra.Command) error {
	for _, name := range []string{"config", "data", "listen", "admin-listen", "nats-listen", "nats-url", "workflows"} {
		if f := c.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return usageError{fmt.Errorf("--%s is given and empty; give it a value or leave it out", name)}
		}
	}
	return nil
}

// once runs until the process is told to stop or the engine stops by itself.
func (f *serveFlags) once(c *cobra.Command, cfg *configs.Config, logger *slog.Logger) error {
	a, err := startApp(c.Context(), appOptions{Config: cfg, Logger: logger, Workflows: f.workflows})
	if c.Context().Err() != nil && errors.Is(err, context.Canceled) {
		logger.Info("told to stop before it was ready; nothing was begun")
		return nil
	}
	if err != nil {
		return err
	}
	natsAt := cfg.NATS.URL
	if a.server != nil {
		natsAt = a.server.URL()
	}
	fmt.Fprintf(c.OutOrStdout(), "ready public=http://%s admin=http://%s nats=%s data=%s mode=%s\n",
		a.public.Addr(), a.admin.Addr(), natsAt, cfg.Instance.Data, cfg.Mode)
	return errors.Join(a.wait(c.Context()), a.close())
}

// wait returns when the process is told to stop or the engine stops by itself.
func (a *app) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.ended:
		a.ended <- nil
		return err
	}
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, usageError{fmt.Errorf("--log takes text or json, not %q", format)}
}
