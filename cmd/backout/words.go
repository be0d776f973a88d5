package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// wordCommands are the verbs that change something: the CLI sends them as the
// same words that chat uses, to the same parser.
func wordCommands() []*cobra.Command {
	verbs := []struct{ use, short, example string }{
		{"rollback PROJECT --reason R", "Start a rollback by hand", "backout rollback shop --reason 'orders page is empty'"},
		{"emergency PROJECT WHAT", "Data is wrong or gone: stop the writes, then put it right", "backout emergency shop 'payouts 100x too small' --component payouts --since 02:00"},
		{"ack [INC]", "Say that you have it", "backout ack INC-1"},
		{"snooze INC FOR", "No pages for a while, at most 8h", "backout snooze INC-1 4h"},
		{"approve [INC] [STEP] [preview=HASH] [confirm=NAME]", "Agree to a step; confirm names what is about to be emptied", "backout approve INC-1 back"},
		{"now [INC]", "Do not wait for the veto time", "backout now INC-1"},
		{"reject [INC] [STEP]", "Call a step off", "backout reject INC-1 mail"},
		{"choose INC STEP KEY", "Answer a question that has choices", "backout choose INC-1 database leave"},
		{"answer INC STEP name=value ...", "Answer a question in words", "backout answer INC-1 investigate root_cause='null receipt' fix_ref=4b1d77a checked=all"},
		{"retry INC STEP", "Try a failed or unknown step again", "backout retry INC-1 back"},
		{"skip INC STEP", "Go on without a step", "backout skip INC-1 mail"},
		{"confirm-done INC STEP", "Say that an unknown step did take place", "backout confirm-done INC-1 back"},
		{"note INC TEXT", "Add a line to the timeline", "backout note INC-1 'cache was cold too'"},
		{"update INC TEXT", "Say more on the public status page", "backout update INC-1 'Card payments work again, Toss does not yet'"},
		{"flag off|on INC COMPONENT", "Switch a component off, or on again, beside the plan", "backout flag off INC-1 checkout"},
		{"writes off|on INC", "Make the database read-only for the application, or let it write again", "backout writes off INC-1 --reason 'payouts are 100 times too small'"},
		{"revert INC [NUMBER]", "Open a pull request that reverts the one behind the suspect", "backout revert INC-1"},
		{"stop INC", "End the plan; nothing is undone", "backout stop INC-1"},
		{"resolve INC", "Say that users are fine", "backout resolve INC-1"},
		{"close INC", "Close a resolved incident", "backout close INC-1"},
		{"reopen INC", "Take a resolved incident up again", "backout reopen INC-1"},
		{"dismiss INC", "Close an incident that was none", "backout dismiss INC-1"},
		{"merge INC INTO", "Make one incident of two", "backout merge INC-2 INC-1"},
		{"split INC PROJECT", "Take a project out of an incident it was joined to", "backout split INC-1 api"},
		{"pause [PROJECT]", "No new effects until unpause", "backout pause shop --reason 'looking'"},
		{"clock accept", "Say that a clock that jumped is right now", "backout clock accept"},
		{"unpause [PROJECT]", "Allow effects again and arm the breaker", "backout unpause shop"},
	}
	out := make([]*cobra.Command, 0, len(verbs))
	for _, v := range verbs {
		out = append(out, wordCommand(v.use, v.short, "  "+v.example))
	}
	return out
}

// wordCommand says a verb as the chat would; before are the words of the command that it
// is a part of.
func wordCommand(use, short, example string, before ...string) *cobra.Command {
	var f clientFlags
	var reason, until, since, component string
	c := &cobra.Command{Use: use, Short: short, Example: example}
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for the timeline")
	verb, _, _ := strings.Cut(use, " ")
	if slices.Equal(before, []string{"hold"}) && verb == "set" {
		c.Flags().StringVar(&until, "until", "", "when it ends by itself: 18:00 (UTC), 4h from now, or RFC 3339; default: when it is lifted")
	}
	if verb == "emergency" {
		c.Flags().StringVar(&since, "since", "", "when the data went wrong: 02:00 today (UTC), RFC 3339, or 40m ago as 40m")
		c.Flags().StringVar(&component, "component", "", "what users would name as broken")
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		words := slices.Concat(before, []string{verb}, quoted(args))
		for _, o := range [][2]string{{"reason", reason}, {"until", until}, {"since", since}, {"component", component}} {
			if o[1] != "" {
				words = append(words, "--"+o[0], quote(o[1]))
			}
		}
		return f.sayAndShow(c, strings.Join(words, " "))
	}
	return c
}

// sayAndShow sends words and prints what came of them.
func (f *clientFlags) sayAndShow(c *cobra.Command, words string) error {
	r, err := f.client().say(c.Context(), words)
	if err != nil {
		return err
	}
	err = f.show(c.OutOrStdout(), r, func() error {
		if r.OK {
			_, err := fmt.Fprintln(c.OutOrStdout(), r.Text)
			return err
		}
		return fmt.Errorf("refused: %s", r.Text)
	})
	if err == nil && !r.OK {
		return errShown
	}
	return err
}

func quoted(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = quote(a)
	}
	return out
}

// quote protects what the parser would take apart.
func quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(s) + `"`
}
