package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
)

func emitCommand() *cobra.Command {
	c := &cobra.Command{Use: "emit", Short: "Publish an event over NATS, as your pipeline would", Example: "  backout emit alert shop --name CheckoutErrors --severity critical --summary '5xx above 5%'"}
	var url string
	c.PersistentFlags().StringVar(&url, "nats", envOr("NATS_URL", "nats://127.0.0.1:4222"), "NATS address; user and password may stand in it")
	c.AddCommand(emitDeploy(&url), emitAlert(&url), emitWebhook(&url))
	return c
}

func emitDeploy(url *string) *cobra.Command {
	data := map[string]any{}
	var env, deployment, address, commit, previous, release, title, kind, by string
	c := &cobra.Command{
		Use: "deploy PROJECT created|succeeded|failed|promoted|rolledback|changed", Short: "Say what became of a deployment, or what else was changed", Args: exactly(2),
		Example: "  backout emit deploy shop promoted --deployment dpl_9f3c --commit 9f3c2e1\n  backout emit deploy shop changed --kind flag --title 'pay_toss on' --by ann",
		RunE: func(c *cobra.Command, args []string) error {
			fill(data, map[string]string{
				"environment": env, "deployment_id": deployment, "url": address, "commit": commit, "previous": previous,
				"release": release, "title": title, "kind": kind, "by": by,
			})
			return publish(c, *url, args[0], "backout.deploy."+args[1], data)
		},
	}
	c.Flags().StringVar(&env, "environment", "", "default: production")
	c.Flags().StringVar(&deployment, "deployment", "", "deployment id")
	c.Flags().StringVar(&address, "url", "", "the deployment's own address")
	c.Flags().StringVar(&commit, "commit", "", "commit")
	c.Flags().StringVar(&previous, "previous", "", "what served before")
	c.Flags().StringVar(&release, "release", "", "the name your monitor knows the deployment by, such as shop@2.41.0")
	c.Flags().StringVar(&title, "title", "", "what was changed (with changed)")
	c.Flags().StringVar(&kind, "kind", "", "migration, environment, cron, grant, flag or a word of yours (with changed)")
	c.Flags().StringVar(&by, "by", "", "who changed it (with changed)")
	return c
}

func emitAlert(url *string) *cobra.Command {
	data := map[string]any{}
	var env, component, fingerprint, name, severity, summary, release, starts string
	var resolved bool
	c := &cobra.Command{
		Use: "alert PROJECT", Short: "Say that something is wrong, or well again", Args: exactly(1),
		Example: "  backout emit alert shop --name CheckoutErrors --severity critical\n  backout emit alert shop --name CheckoutErrors --resolved",
		RunE: func(c *cobra.Command, args []string) error {
			kind := "backout.alert.firing"
			if resolved {
				kind = "backout.alert.resolved"
			}
			if fingerprint == "" {
				fingerprint = name
			}
			if starts == "" && !resolved {
				starts = time.Now().UTC().Format(time.RFC3339Nano)
			}
			fill(data, map[string]string{
				"environment": env, "component": component, "fingerprint": fingerprint, "name": name,
				"severity": severity, "summary": summary, "release": release, "starts_at": starts,
			})
			return publish(c, *url, args[0], kind, data)
		},
	}
	c.Flags().StringVar(&env, "environment", "", "default: production")
	c.Flags().StringVar(&component, "component", "", "what users would name as broken")
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "what tells this alert from others (default: its name)")
	c.Flags().StringVar(&name, "name", "alert", "name")
	c.Flags().StringVar(&severity, "severity", "critical", "critical, error or warning")
	c.Flags().StringVar(&summary, "summary", "", "one sentence")
	c.Flags().StringVar(&release, "release", "", "the release the error is tagged with")
	c.Flags().StringVar(&starts, "starts-at", "", "RFC 3339 (default: now)")
	c.Flags().BoolVar(&resolved, "resolved", false, "it is well again")
	return c
}

func emitWebhook(url *string) *cobra.Command {
	data := map[string]any{}
	var env, component, provider, endpoint, text string
	var ids []string
	c := &cobra.Command{
		Use: "webhook PROJECT failed|recovered", Short: "Say that a webhook of a provider failed", Args: exactly(2),
		Example: "  backout emit webhook shop failed --provider stripe --endpoint /api/webhooks/stripe --event evt_1",
		RunE: func(c *cobra.Command, args []string) error {
			fill(data, map[string]string{"environment": env, "component": component, "provider": provider, "endpoint": endpoint, "error": text})
			data["event_ids"] = ids
			return publish(c, *url, args[0], "backout.webhook."+args[1], data)
		},
	}
	c.Flags().StringVar(&env, "environment", "", "default: production")
	c.Flags().StringVar(&component, "component", "", "what users would name as broken")
	c.Flags().StringVar(&provider, "provider", "stripe", "who sent the webhook")
	c.Flags().StringVar(&endpoint, "endpoint", "", "path of your endpoint")
	c.Flags().StringVar(&text, "error", "", "what went wrong")
	c.Flags().StringSliceVar(&ids, "event", nil, "the provider's event id; repeatable")
	return c
}

func fill(data map[string]any, values map[string]string) {
	for k, v := range values {
		if v != "" {
			data[k] = v
		}
	}
}

// publish sends a CloudEvent and waits until the server has it on disk.
func publish(c *cobra.Command, url, project, typ string, data map[string]any) error {
	kind := strings.Split(typ, ".")[1]
	data["project"] = project
	id, err := randomHex(8)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": "backout/emit", "type": typ,
		"time": time.Now().UTC().Format(time.RFC3339Nano), "datacontenttype": "application/json", "data": data,
	})
	if err != nil {
		return fmt.Errorf("encoding the event: %w", err)
	}
	nc, err := nats.Connect(url, nats.Timeout(5*time.Second))
	if err != nil {
		return fmt.Errorf("connecting to NATS at %s: %w; is Backout running?", url, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("opening JetStream: %w", err)
	}
	if _, err := js.Publish(c.Context(), "backout.event."+kind+"."+project, body, jetstream.WithMsgID(project+"/emit/"+id)); err != nil {
		return fmt.Errorf("publishing the event: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s backout/emit/%s\n", typ, id)
	return err
}
