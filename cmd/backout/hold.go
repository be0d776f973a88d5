package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
)

func holdCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "Keep new deployments out of production, or let them in",
		Example: "  backout hold set shop --until 18:00 --reason 'migration tonight'\n  backout hold lift shop\n  backout hold list",
	}
	c.AddCommand(
		wordCommand("set PROJECT", "Let nothing new go to production", "  backout hold set shop --until 18:00 --reason 'migration tonight'", "hold"),
		wordCommand("lift PROJECT", "Let deployments in again", "  backout hold lift shop", "hold"),
		holdList(),
	)
	return c
}

func holdList() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "list", Short: "List what is held: by whom, why, until when", Args: exactly(0), Example: "  backout hold list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			var list []console.Hold
			if err := f.client().get(c.Context(), "/api/v1/holds", nil, &list); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), list, func() error {
				if len(list) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "Nothing is held.")
				}
				for i := range list {
					fmt.Fprintln(c.OutOrStdout(), list[i].Text)
				}
				return nil
			})
		},
	}
	f.add(c)
	return c
}
