package main

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// verdictShown is what the API answers.
type verdictShown struct {
	Project     string             `json:"project"`
	Environment string             `json:"environment"`
	Serving     string             `json:"serving"`
	Commit      string             `json:"commit"`
	Since       time.Time          `json:"since"`
	Now         time.Time          `json:"now"`
	Plan        string             `json:"plan,omitempty"`
	ReadOnly    string             `json:"read_only,omitempty"`
	Hold        *orchestrator.Hold `json:"hold"`
	BlindSince  int64              `json:"blind_since,omitempty"`
	orchestrator.Verdict
}

func verdictCommand() *cobra.Command {
	var f clientFlags
	var env string
	c := &cobra.Command{
		Use: "verdict PROJECT", Short: "Can we go back, to what, and why", Args: exactly(1),
		Long: `Whether one could go back now, to what, and what would go back with it. The answer is kept
up by every fact that comes in; this only reads it.

  safe        the target is known to be good and nothing speaks against it
  ask         a person decides: the reasons say what is to be looked at
  refuse      there is a deployment to go back to, and going there does harm
  impossible  there is none

With -o json each reason stands with its evidence under "because".`,
		Example: "  backout verdict shop\n  backout verdict shop -o json",
		RunE: func(c *cobra.Command, args []string) error {
			var v verdictShown
			if err := f.client().get(c.Context(), "/api/v1/verdict", url.Values{"project": {args[0]}, "environment": {env}}, &v); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), v, func() error { return v.print(c.OutOrStdout()) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "default: production")
	return c
}

// print is the screen for a person in a hurry: what serves, where to, what else goes
// back, and the answer last.
func (v *verdictShown) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Serving   %s\n", v.serves())
	if v.Target.ID != "" {
		fmt.Fprintf(&b, "Could go back to  %s  %s %s\n", named(v.Target.Commit, v.Target.ID), gradeAndServed(v.Target.Grade), spanned(time.Duration(v.Target.Served)*time.Millisecond))
	}
	fmt.Fprintf(&b, "Schema    %s\n", v.schema())
	fmt.Fprintf(&b, "Also reverts: %s    Restore point  %s\n", v.alsoReverts(), v.restorePoint())
	if v.Hold != nil {
		fmt.Fprintf(&b, "Hold      by %s%s\n", strings.TrimSuffix(v.Hold.By+": "+v.Hold.Reason, ": "), holdEnd(v.Hold))
	}
	if v.ReadOnly != "" {
		fmt.Fprintf(&b, "Writes    %s\n", v.ReadOnly)
	}
	if v.BlindSince > 0 {
		fmt.Fprintf(&b, "Blind     I cannot see the provider since %s; automatic actions on %s are off\n", utc(v.BlindSince), v.Project)
	}
	fmt.Fprintf(&b, "Answer    %s: %s\n", strings.ToUpper(v.Answer), strings.Join(v.Reasons, "; "))
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *verdictShown) serves() string {
	if v.Serving == "" {
		return "not known"
	}
	text := named(v.Commit, v.Serving) + "  since " + v.Since.Format("2006-01-02 15:04:05 UTC")
	if age := v.Now.Sub(v.Since); !v.Now.IsZero() && age >= 0 {
		text += " (" + spanned(age) + ")"
	}
	return text
}

func (v *verdictShown) schema() string {
	switch {
	case v.Target.ID == "":
		return "nothing to compare with"
	case v.Migrations == nil:
		return "not known: name the `repository` of the project, and its migrations are compared"
	case len(*v.Migrations) == 0:
		return "the same migrations"
	}
	return schemaLine(v)
}

func (v *verdictShown) alsoReverts() string {
	var parts []string
	if n := len(v.Crons); n > 0 {
		parts = append(parts, counted(n, "cron")+" ("+strings.Join(v.Crons, ", ")+")")
	}
	if n := len(v.Variables); n > 0 {
		parts = append(parts, counted(n, "environment variable")+" ("+strings.Join(v.Variables, ", ")+")")
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing known")
}

func (v *verdictShown) restorePoint() string {
	if v.Restore == nil {
		return "none known"
	}
	if at := time.UnixMilli(v.Restore.At).UTC(); at.Format(time.DateOnly) == v.Now.UTC().Format(time.DateOnly) {
		return at.Format("15:04") + ", verified"
	}
	return utc(v.Restore.At) + ", verified"
}

// named is a deployment by its short commit and id.
func named(commit, id string) string {
	if commit == "" {
		return id
	}
	return commit[:min(7, len(commit))] + " (" + id + ")"
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// gradeAndServed says the grade, and once that it served, before for how long.
func gradeAndServed(grade string) string {
	if grade == orchestrator.GradeServed {
		return grade
	}
	return grade + ", served"
}
