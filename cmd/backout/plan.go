package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

// loadLibrary reads the embedded playbooks and those of a folder.
func loadLibrary(folder string) (*workflows.Library, error) {
	var fsys fs.FS
	if folder != "" {
		fsys = os.DirFS(folder)
	}
	return workflows.Load(fsys)
}

func planCommand() *cobra.Command {
	c := &cobra.Command{Use: "plan", Short: "List, check, print and draw playbooks", Example: "  backout plan show rollback"}
	var folder string
	c.PersistentFlags().StringVar(&folder, "workflows", "", "folder whose playbooks override the embedded ones")
	c.AddCommand(planList(&folder), planShow(&folder), planGraph(&folder), planLint(&folder), planCard(), planDryRun())
	return c
}

func planList(folder *string) *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "list", Short: "List the playbooks", Args: exactly(0), Example: "  backout plan list",
		RunE: func(c *cobra.Command, _ []string) error {
			lib, err := loadLibrary(*folder)
			if err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), lib.Playbooks(), func() error {
				_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(lib.Playbooks(), "\n"))
				return err
			})
		},
	}
	c.Flags().StringVarP(&f.json, "output", "o", "text", "text or json")
	return c
}

func compile(folder, name string) (*orchestrator.Plan, error) {
	lib, err := loadLibrary(folder)
	if err != nil {
		return nil, err
	}
	specs, err := actionSpecs()
	if err != nil {
		return nil, err
	}
	plan, _, err := lib.Compile(name, specs)
	return plan, err
}

func planShow(folder *string) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "show PLAYBOOK", Short: "Print a playbook as it runs", Args: exactly(1), Example: "  backout plan show rollback",
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := compile(*folder, args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(c.OutOrStdout()).Encode(plan)
			}
			return workflows.Print(c.OutOrStdout(), plan)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func planGraph(folder *string) *cobra.Command {
	return &cobra.Command{
		Use: "graph PLAYBOOK", Short: "Draw a playbook for Mermaid", Args: exactly(1), Example: "  backout plan graph rollback > rollback.mmd",
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := compile(*folder, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), workflows.Graph(plan))
			return err
		},
	}
}

func planLint(folder *string) *cobra.Command {
	var config string
	var f clientFlags
	c := &cobra.Command{
		Use: "lint", Short: "Check playbooks and rules, against your people when a configuration is named", Args: exactly(0), Example: "  backout plan lint --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			lib, err := loadLibrary(*folder)
			if err != nil {
				return err
			}
			specs, err := actionSpecs()
			if err != nil {
				return err
			}
			o := workflows.LintOptions{Specs: specs}
			if config != "" {
				cfg, err := configs.Load(config, os.LookupEnv)
				if err != nil {
					return err
				}
				doc, err := cfg.Document()
				if err != nil {
					return err
				}
				o.Config = &doc
			}
			return linted(c, &f, lib.Lint(o))
		},
	}
	f.addOutput(c)
	c.Flags().StringVar(&config, "config", "", "configuration whose people must be able to meet the approvals")
	return c
}

// linted prints what is wrong; an error is a failure, a warning is not.
func linted(c *cobra.Command, f *clientFlags, problems []workflows.Problem) error {
	err := f.show(c.OutOrStdout(), append([]workflows.Problem{}, problems...), func() error {
		for _, p := range problems {
			fmt.Fprintln(c.OutOrStdout(), p.String())
		}
		return nil
	})
	bad := 0
	for _, p := range problems {
		if p.Level == workflows.Error {
			bad++
		}
	}
	if err == nil && bad > 0 {
		return fmt.Errorf("%d error(s)", bad)
	}
	return err
}

func ruleCommand() *cobra.Command {
	c := &cobra.Command{Use: "rule", Short: "Look at the rules and try them out", Example: "  backout rule list\n  backout rule test"}
	var f clientFlags
	list := &cobra.Command{
		Use: "list", Short: "List the rules in the order they win", Args: exactly(0), Example: "  backout rule list",
		RunE: func(c *cobra.Command, _ []string) error {
			lib, err := loadLibrary("")
			if err != nil {
				return err
			}
			set, _, err := lib.RuleSet()
			if err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), set.Rules, func() error {
				for _, r := range set.Rules {
					fmt.Fprintf(c.OutOrStdout(), "%4d  %-24s %-7s %-9s %s\n", r.Priority, r.ID, r.Do, r.Playbook, r.Why)
				}
				return nil
			})
		},
	}
	list.Flags().StringVarP(&f.json, "output", "o", "text", "text or json")
	c.AddCommand(list, ruleTest())
	return c
}

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check a configuration", Example: "  backout config check --config backout.yaml"}
	f := serveFlags{}
	var out clientFlags
	check := &cobra.Command{
		Use: "check", Short: "Read a configuration and its secrets as serve would", Args: exactly(0), Example: "  backout config check --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			return checked(c, &out, f.config, cfg)
		},
	}
	out.addOutput(check)
	check.Flags().StringVar(&f.config, "config", "backout.yaml", "configuration file")
	c.AddCommand(check, configApply())
	return c
}

// checkedConfig is what `config check -o json` prints of a configuration that is
// right.
type checkedConfig struct {
	File     string   `json:"file"`
	Projects int      `json:"projects"`
	People   int      `json:"people"`
	Mode     string   `json:"mode"`
	Warnings []string `json:"warnings"`
}

func checked(c *cobra.Command, f *clientFlags, file string, cfg *configs.Config) error {
	v := checkedConfig{File: file, Projects: len(cfg.Projects), People: len(cfg.People), Mode: string(cfg.Mode), Warnings: []string{}}
	for _, w := range cfg.Warnings {
		v.Warnings = append(v.Warnings, w.String())
	}
	return f.show(c.OutOrStdout(), v, func() error {
		for _, w := range v.Warnings {
			fmt.Fprintln(c.OutOrStdout(), w)
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s is right: %d project(s), %d people, mode %s\n", file, v.Projects, v.People, v.Mode)
		return err
	})
}

// configApply changes people, policies, rules of matching and the like in a
// running Backout. Providers and listeners are read at start.
func configApply() *cobra.Command {
	var file, folder string
	var f clientFlags
	c := &cobra.Command{
		Use: "apply", Short: "Make a file the configuration of the running Backout", Args: exactly(0),
		Long: `Make a file the configuration of the running Backout: people, projects, match
rules, policies and timings count from the next entry on, with the playbooks and
rules of this binary or of --workflows. Providers, hooks and listeners are read at
start; restart for those. On a cluster this is the only way to change any of it.`,
		Example: "  backout config apply --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := configs.Load(file, os.LookupEnv)
			if err != nil {
				return err
			}
			if err := checkExpressions(cfg); err != nil {
				return err
			}
			doc, err := cfg.Document()
			if err != nil {
				return err
			}
			d, err := configDoc(doc)
			if err != nil {
				return err
			}
			docs, err := compiledDocs(folder)
			if err != nil {
				return err
			}
			var answer console.Changed
			for _, one := range append(docs, d) {
				if err := f.client().post(c.Context(), "/api/v1/config", one, &answer); err != nil {
					return err
				}
			}
			return f.show(c.OutOrStdout(), answer, func() error {
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s is the configuration now (%s)\n", file, d.Hash[:12])
				printSwitches(c.OutOrStdout(), answer.Switches)
				return errors.Join(err, f.tellLeftBehind(c, &doc))
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&file, "config", "backout.yaml", "configuration file")
	c.Flags().StringVar(&folder, "workflows", "", "folder whose playbooks and rules override the embedded ones")
	return c
}

// configDoc is the configuration as an entry.
func configDoc(cfg orchestrator.Config) (orchestrator.Doc, error) {
	body, err := json.Marshal(cfg)
	if err != nil {
		return orchestrator.Doc{}, errors.Join(errors.New("encoding the configuration"), err)
	}
	return orchestrator.Doc{Kind: orchestrator.DocConfig, Hash: workflows.Hash(body), Body: body}, nil
}
