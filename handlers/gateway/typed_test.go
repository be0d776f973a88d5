package gateway

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// What phones and keyboards type is understood as it was meant.
func TestParse_asItWasTyped(t *testing.T) {
	t.Parallel()
	approve := func(preview string) orchestrator.Command {
		c := orchestrator.Command{Verb: "approve", Incident: 2, Step: "back"}
		if preview != "" {
			c.Args = map[string]string{"preview": preview}
		}
		return c
	}
	for words, want := range map[string]orchestrator.Command{
		"approve INC–2 back":                   approve(""),
		"approve INC—2 back":                   approve(""),
		"approve INC‑2 back":                   approve(""),
		"approve ＩＮＣ－２ ｂａｃｋ":                   approve(""),
		"approve INC-2\u00a0back":              approve(""),
		"approve\u3000INC-2\u3000back":         approve(""),
		"approve\u200b INC-2 \ufeffba\u00adck": approve(""),
		"approve INC-2 back –preview=abc":      approve("abc"),
		"approve INC-2 back —preview abc":      approve("abc"),
		"approve INC-2 back −−preview abc":     approve("abc"),
		"approve INC-2 back preview＝abc":       approve("abc"),
		"confirm–done INC-2 back":              {Verb: "confirm-done", Incident: 2, Step: "back"},
		"stop INC-2 — it is over":              {Verb: "stop", Incident: 2, Text: "— it is over"},
		"stop INC-2 café—bar":                  {Verb: "stop", Incident: 2, Text: "café—bar"},
		"note INC–2 널–포인터 INC-3":               {Verb: "note", Incident: 2, Text: "널–포인터 INC-3"},
		"answer INC-2 why root_cause=널—포인터":    {Verb: "answer", Incident: 2, Step: "why", Args: map[string]string{"root_cause": "널—포인터"}},
		"stop INC-2 same as INC-3":             {Verb: "stop", Incident: 2, Text: "same as INC-3"},
		"revert INC-2 #3":                      {Verb: "revert", Incident: 2, Args: map[string]string{"pull": "3"}},
		"revert #3":                            {Verb: "revert", Args: map[string]string{"pull": "3"}},
		"approve back":                         {Verb: "approve", Step: "back"},
		`stop "as in INC-3"`:                   {Verb: "stop", Text: "as in INC-3"},
	} {
		got, err := Speech{Now: time.Now()}.Parse(words)
		if err != nil {
			t.Errorf("%q: %v", words, err)
			continue
		}
		if got.Verb != want.Verb || got.Incident != want.Incident || got.Step != want.Step || got.Text != want.Text || len(got.Args) != len(want.Args) {
			t.Errorf("%q: %+v, want %+v", words, got, want)
		}
		for name, value := range want.Args {
			if got.Args[name] != value {
				t.Errorf("%q: %s is %q, want %q", words, name, got.Args[name], value)
			}
		}
	}
}

// An incident that was named in another way is not left out: what was said would be
// done to whatever one thing waits.
func TestParse_anIncidentIsNotOverheard(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"approve `INC-2` back", "approve *INC-2* back", "approve <INC-2> back", "approve back INC-2", "approve INC2 back", "approve INC 2 back",
		"approve #2 back", "stop INC 2", "stop (INC-2)", "stop the same as INC-2", "now INC2", "ack #2", "choose #2 restore", "resolve inc2",
		"snooze 4h INC-2", "answer #2 why root_cause=x", "flag off #2 web", "writes on `INC-2`",
	} {
		if c, err := (Speech{Now: time.Now()}).Parse(words); err == nil {
			t.Errorf("%q was understood as %+v", words, c)
		}
	}
}

func TestCleanText_whatLooksTheSameIsTheSame(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Check\u200bout\ufeff":             "Checkout",
		"Check\u00a0out\u3000x":            "Check out x",
		"a\u2028b":                         "a b",
		"x\U000e0041\U000e007fy":           "xy",
		"\U0001f468\u200d\U0001f469 stays": "\U0001f468\u200d\U0001f469 stays",
		"safe\u202egpj.exe":                "safegpj.exe",
	} {
		if got := cleanText(in, 300); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
