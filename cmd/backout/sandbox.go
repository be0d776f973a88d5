package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

func sandboxCommand() *cobra.Command {
	o := sandbox.Options{}
	var output string
	var seed int64
	c := &cobra.Command{
		Use: "sandbox", Short: "Run stand-ins for Vercel, SendGrid, GitHub, Slack, a shop, Stripe, Toss, a status page, Supabase, Prometheus and Sentry", Args: exactly(0),
		Long: `Run stateful local stand-ins, each on a port of its own counting up from
--base-port in the order Vercel, SendGrid, GitHub, Slack, shop, Stripe, Toss, status
page, Supabase, Prometheus, Sentry. They misbehave as the real systems do. GET /_sandbox/calls lists the
calls one of them got; POST
/_sandbox/fault arms a fault.`,
		Example: "  backout sandbox --base-port 9900\n  curl -s localhost:9900/_sandbox/calls",
		RunE: func(c *cobra.Command, _ []string) error {
			o.Seed = uint64(seed)
			s, err := sandbox.Start(c.Context(), o)
			if err != nil {
				return err
			}
			if err := printSandbox(c, s, output); err != nil {
				return err
			}
			<-c.Context().Done()
			ctx, cancel := stopContext()
			defer cancel()
			return s.Close(ctx)
		},
	}
	c.Flags().IntVar(&o.BasePort, "base-port", 9900, "first port; 0 picks free ones")
	c.Flags().StringVar(&o.Host, "host", "127.0.0.1", "address to listen on")
	c.Flags().Int64Var(&seed, "seed", 0, "seed of the misbehaviour; 0 draws one and prints it")
	c.Flags().StringVar(&o.Token, "token", "", "the only bearer token accepted; default: any")
	c.Flags().StringVar(&o.CallLog, "call-log", "", "append every call to this file before answering")
	c.Flags().BoolVar(&o.Kind, "kind", false, "no misbehaviour unless a fault is armed")
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func printSandbox(c *cobra.Command, s *sandbox.Sandbox, output string) error {
	u := s.URLs()
	if output == "json" {
		return json.NewEncoder(c.OutOrStdout()).Encode(struct {
			sandbox.URLs
			Seed uint64 `json:"seed"`
		}{u, s.Seed()})
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "vercel   %s\nsendgrid %s\ngithub   %s\nslack    %s\nshop     %s\nstripe   %s\ntoss     %s\nstatus   %s\nsupabase %s\nprometheus %s\nsentry   %s\nseed     %d\n",
		u.Vercel, u.SendGrid, u.GitHub, u.Slack, u.Shop, u.Stripe, u.Toss, u.Status, u.Supabase, u.Prometheus, u.Sentry, s.Seed())
	return err
}
