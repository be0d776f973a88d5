package gateway

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

type args = map[string]string

func TestWhatPeopleSay(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]orchestrator.Command{
		`ack`:                                 {Verb: "ack"},
		`/backout ACK inc-12`:                 {Verb: "ack", Incident: 12},
		`ack INC-3 looking at it`:             {Verb: "ack", Incident: 3, Text: "looking at it"},
		`now`:                                 {Verb: "now"},
		`stop INC-1 --reason "wrong one"`:     {Verb: "stop", Incident: 1, Text: "wrong one"},
		`approve INC-1 rollback preview=ab12`: {Verb: "approve", Incident: 1, Step: "rollback", Args: args{"preview": "ab12"}},
		`approve INC-1 reset confirm=shop`:    {Verb: "approve", Incident: 1, Step: "reset", Args: args{"confirm": "shop"}},
		`writes off INC-1 --reason "payouts"`: {Verb: "writes", Incident: 1, Text: "payouts", Args: args{"action": "off"}},
		`writes ON`:                           {Verb: "writes", Args: args{"action": "on"}},
		`approve rollback`:                    {Verb: "approve", Step: "rollback"},
		`approve INC-1 --reason "saw it"`:     {Verb: "approve", Incident: 1, Text: "saw it"},
		`approve INC-1 --preview=ab12`:        {Verb: "approve", Incident: 1, Args: args{"preview": "ab12"}},
		`reject "too risky"`:                  {Verb: "reject", Text: "too risky"},
		`reject INC-1 rollback it’s peak`:     {Verb: "reject", Incident: 1, Step: "rollback", Text: "it’s peak"},
		`choose INC-1 data leave`:             {Verb: "choose", Incident: 1, Step: "data", Args: args{"choice": "leave"}},
		`choose leave`:                        {Verb: "choose", Args: args{"choice": "leave"}},
		`choose INC-1 data choice=leave`:      {Verb: "choose", Incident: 1, Step: "data", Args: args{"choice": "leave"}},
		`answer INC-1 cause root_cause="a null pointer" fix='revert it' checked=all`: {Verb: "answer", Incident: 1, Step: "cause", Args: args{"root_cause": "a null pointer", "fix": "revert it", "checked": "all"}},
		`answer INC-1 cause "root_cause=a \"null\" C:\\x" checked=all`:               {Verb: "answer", Incident: 1, Step: "cause", Args: args{"root_cause": `a "null" C:\x`, "checked": "all"}},

		`answer checked=all`:                       {Verb: "answer", Args: args{"checked": "all"}},
		`answer root_cause=“it’s = odd”`:           {Verb: "answer", Args: args{"root_cause": "it’s = odd"}},
		`retry INC-2 Rollback`:                     {Verb: "retry", Incident: 2, Step: "rollback"},
		`confirm-done INC-2 rollback done by hand`: {Verb: "confirm-done", Incident: 2, Step: "rollback", Text: "done by hand"},
		`snooze INC-1 4h`:                          {Verb: "snooze", Incident: 1, Args: args{"for": "4h"}},
		`snooze 90M until morning`:                 {Verb: "snooze", Args: args{"for": "90m"}, Text: "until morning"},
		`note INC-1 it's "odd" --see x=1`:          {Verb: "note", Incident: 1, Text: `it's "odd" --see x=1`},
		`note "the pool is full"`:                  {Verb: "note", Text: "the pool is full"},
		`note it's`:                                {Verb: "note", Text: "it's"},
		`note "open quote`:                         {Verb: "note", Text: "open quote"},
		"note line one\nline two":                  {Verb: "note", Text: "line one line two"},
		`note key sk_live_51Habcdef`:               {Verb: "note", Text: "key [masked]"},

		`open shop "payouts 100x too small" --component payouts --severity critical --since 02:00`: {Verb: "open", Project: "shop", Text: "payouts 100x too small", Args: args{"component": "payouts", "severity": "critical", "since_ms": "1795366800000"}},
		`open shop payouts are wrong —env staging`:                                                 {Verb: "open", Project: "shop", Text: "payouts are wrong", Args: args{"environment": "staging"}},

		`open shop x --since 40m`:                    {Verb: "open", Project: "shop", Text: "x", Args: args{"since_ms": "1795423200000"}},
		`open shop x --since 2026-11-23T02:00:00Z`:   {Verb: "open", Project: "shop", Text: "x", Args: args{"since_ms": "1795399200000"}},
		`open shop x --since 23:59`:                  {Verb: "open", Project: "shop", Text: "x", Args: args{"since_ms": "1795359540000"}},
		`rollback shop --reason "P2022 since 18:00"`: {Verb: "rollback", Project: "shop", Text: "P2022 since 18:00"},
		`rollback shop`:                              {Verb: "rollback", Project: "shop"},
		`emergency shop "payouts 100x too small" --component payouts --since 02:00`: {Verb: "emergency", Project: "shop", Text: "payouts 100x too small", Args: args{"component": "payouts", "since_ms": "1795366800000"}},
		`emergency shop`:                       {Verb: "emergency", Project: "shop"},
		`rollback shop it burns`:               {Verb: "rollback", Project: "shop", Text: "it burns"},
		`hold set shop --reason "audit week"`:  {Verb: "hold", Project: "shop", Text: "audit week", Args: args{"action": "set"}},
		`hold lift shop --environment staging`: {Verb: "hold", Project: "shop", Args: args{"action": "lift", "environment": "staging"}},
		`pause`:                                {Verb: "pause"},
		`pause shop vercel burns`:              {Verb: "pause", Project: "shop", Text: "vercel burns"},
		`unpause --reason done`:                {Verb: "unpause", Text: "done"},
		`help`:                                 {Verb: "help"},
		`resolve INC-1`:                        {Verb: "resolve", Incident: 1},
		`close`:                                {Verb: "close"},
		`reopen INC-1`:                         {Verb: "reopen", Incident: 1},
		`dismiss INC-1 a test`:                 {Verb: "dismiss", Incident: 1, Text: "a test"},
		`note 5 customers called`:              {Verb: "note", Text: "5 customers called"},
		`retry INC-1 fix2`:                     {Verb: "retry", Incident: 1, Step: "fix2"},
		`retry fix2`:                           {Verb: "retry", Step: "fix2"},
		`skip d2`:                              {Verb: "skip", Step: "d2"},
	} {
		got, err := clock().Parse(said)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", said, got, err, want)
		}
	}
}

// clock stands at 18:20 in Seoul on 23 November 2026.
func clock() Speech {
	return Speech{Now: time.Date(2026, 11, 23, 18, 20, 0, 0, time.FixedZone("KST", 9*3600))}
}

func TestWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		``: "`help`", `  `: "`help`", `/backout`: "`help`",
		`aprove INC-1`: "did you mean `approve`?", `rolback shop`: "did you mean `rollback`?", `xyzzy`: "`help` lists",
		`ack INC-0`: "is no incident", `ack INC-99999999999999999999`: "is no incident", `ack inc-x`: "is no incident",
		`stop INC7`: "did you mean INC-7?", `dismiss icn-7`: "did you mean INC-7?", `resolve 7`: "did you mean INC-7?", `approve #7 back`: "did you mean INC-7?", `snooze INC_7 4h`: "did you mean INC-7?",
		`open`: "say which project", `open shop`: "say what people see", `open "it burns"`: "say which project",
		`open shop x --since soon`: "--since", `open shop x --sverity high`: "did you mean --severity?", `open shop x --since`: "needs a value",
		`rollback`: "say which project", `ack --severity x`: "knows no option", `note`: "say what to note", `note INC-1`: "say what to note",
		`snooze INC-1`: "for how long", `snooze INC-1 later`: "for how long", `snooze 999999999999h`: "for how long",
		`choose INC-1`: "name one choice", `choose a b c`: "name one choice", `answer INC-1 cause root_cause=null pointer`: "put quotes around",
		`hold shop`: "set, lift or list", `hold set`: "say which project", `reject "too`: "a quote is not closed", `ack ` + strings.Repeat("x", 5000): "too long",
	} {
		if got, err := clock().Parse(said); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want an error with %q", said, got, err, want)
		}
	}
}

func TestWhereOnlyOneProjectCanBeMeant(t *testing.T) {
	t.Parallel()
	s := Speech{Project: "shop"}
	for said, project := range map[string]string{`rollback`: "shop", `rollback --reason x`: "shop", `open "it burns"`: "shop", `rollback shop`: "shop", `pause`: "shop", `hold set`: "shop"} {
		if got, err := s.Parse(said); err != nil || got.Project != project {
			t.Errorf("%s: %+v, %v", said, got, err)
		}
	}
	for _, said := range []string{`rollback blog`, `pause blog`, `hold lift blog`} {
		if got, err := s.Parse(said); err == nil {
			t.Errorf("%s: %+v", said, got)
		}
	}
}

// TestParseWords_readsTimesInUTC: as they are printed, wherever the server's clock stands.
func TestParseWords_readsTimesInUTC(t *testing.T) {
	t.Parallel()
	for said, at := range map[string]time.Duration{"open shop late --since 02:00": 2 * time.Hour, "hold set shop --until 18:00": 18 * time.Hour} {
		c, err := ParseWords(said)
		ms, _ := strconv.ParseInt(c.Args["since_ms"]+c.Args["until_ms"], 10, 64)
		if got := time.UnixMilli(ms).UTC(); err != nil || got.Sub(got.Truncate(24*time.Hour)) != at {
			t.Errorf("%s: %s, %v", said, got, err)
		}
	}
}

func TestHelpNamesEveryVerb(t *testing.T) {
	t.Parallel()
	help := Help()
	for _, v := range []string{"open", "rollback", "emergency", "ack", "snooze", "approve", "now", "reject", "choose", "answer", "retry", "skip", "confirm-done", "note", "stop", "resolve", "close", "reopen", "dismiss", "hold set|lift", "pause", "unpause", "help"} {
		if !strings.Contains(help, "\n"+v+" ") && !strings.Contains(help, "\n"+v+"\n") && !strings.HasPrefix(help, v+" ") {
			t.Errorf("help does not name %s", v)
		}
	}
	if c, err := ParseWords("help"); err != nil || c.Verb != "help" {
		t.Errorf("%+v, %v", c, err)
	}
}
