package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

func tokenCommand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "token", Short: "Make, list and revoke API tokens; only their hashes are stored", Example: "  backout token create --person oncall-a"}
	f.add(c)
	c.AddCommand(tokenCreate(&f), tokenList(&f), tokenRevoke(&f))
	return c
}

// newToken makes a token that secret scanners can recognise.
func newToken() (string, error) {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return "bko_" + hex.EncodeToString(b), nil
}

func tokenCreate(f *clientFlags) *cobra.Command {
	var person, scope, label, project string
	c := &cobra.Command{
		Use: "create", Short: "Make a token and print it once", Args: exactly(0),
		Example: "  backout token create --person oncall-a\n  backout token create --scope publish --project shop --label ci",
		RunE: func(c *cobra.Command, _ []string) error {
			if scope == "person" && person == "" {
				return usageError{fmt.Errorf("say whose it is: --person ID, one of the people in the configuration")}
			}
			if (scope == "publish") != (project != "") {
				return usageError{fmt.Errorf("a token of the scope publish speaks for one project, and no other token does: --scope publish --project ID")}
			}
			secret, err := newToken()
			if err != nil {
				return err
			}
			t := orchestrator.Token{Hash: console.HashToken(secret), Person: person, Scope: scope, Label: label, Project: project}
			if err := f.client().post(c.Context(), "/api/v1/tokens", t, &t); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), map[string]string{"token": secret, "person": person, "scope": scope, "project": project}, func() error {
				_, err := fmt.Fprintln(c.OutOrStdout(), secret)
				return err
			})
		},
	}
	c.Flags().StringVar(&person, "person", "", "whose it is")
	c.Flags().StringVar(&scope, "scope", "person", "person, admin or publish (events of one project only)")
	c.Flags().StringVar(&project, "project", "", "the project that a publish token speaks for")
	c.Flags().StringVar(&label, "label", "", "what it is for")
	return c
}

func tokenList(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List tokens by the first characters of their hashes", Args: exactly(0), Example: "  backout token list",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []orchestrator.Token
			if err := f.client().get(c.Context(), "/api/v1/tokens", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				for _, t := range list {
					state := "valid"
					if t.Revoked {
						state = "revoked"
					}
					fmt.Fprintf(c.OutOrStdout(), "%s  %-8s %-8s %-14s %s\n", t.Hash[:12], t.Scope, state, t.Person+t.Project, t.Label)
				}
				return nil
			})
		},
	}
}

func tokenRevoke(f *clientFlags) *cobra.Command {
	return &cobra.Command{
		Use: "revoke HASH", Short: "Revoke a token by the beginning of its hash", Args: exactly(1), Example: "  backout token revoke 1f2e3d4c5b6a",
		RunE: func(c *cobra.Command, args []string) error {
			var list []orchestrator.Token
			cl := f.client()
			if err := cl.get(c.Context(), "/api/v1/tokens", nil, &list); err != nil {
				return err
			}
			for _, t := range list {
				if len(args[0]) >= 8 && len(t.Hash) >= len(args[0]) && t.Hash[:len(args[0])] == args[0] {
					t.Revoked = true
					if err := cl.post(c.Context(), "/api/v1/tokens", t, &t); err != nil {
						return err
					}
					_, err := fmt.Fprintln(c.OutOrStdout(), "revoked")
					return err
				}
			}
			return fmt.Errorf("no token has a hash that begins with %q; give at least 8 characters", args[0])
		},
	}
}
