package orchestrator

import (
	"fmt"
	"strings"
)

// judge says what an effect alone would answer. Nothing is fine that is not known to be:
// an answer nobody gave, and rows nobody could count, are put to a person.
func (e *EffectWeighed) judge(now int64) {
	reads, writes := e.Reads == AnswerYes, e.Writes == AnswerYes
	switch {
	case e.Class == ClassDestructive:
		e.Says, e.Text = VerdictRefuse, or(e.Why, "what it removes does not come back")
		if e.Loss != "" {
			e.Text += "; lost: " + e.Loss
		}
	case e.Reads == AnswerNo || e.Writes == AnswerNo:
		e.Says, e.Text = VerdictRefuse, "old code cannot "+cannot(e.Reads == AnswerNo, e.Writes == AnswerNo)+suffix(e.Why)
	case e.Reads == AnswerByRows || e.Writes == AnswerByRows:
		e.byRows(now)
	case e.Class == ClassAdditive && reads && writes:
		e.Text = "fine"
	case reads && writes && e.Class == ClassData:
		e.Says, e.Text = VerdictAsk, "it changed rows"+suffix(e.Why)
	default:
		e.Says, e.Text = VerdictAsk, "nobody can tell whether old code can "+cannot(!reads, !writes)+suffix(e.Why)
	}
}

// byRows lets the rows decide.
func (e *EffectWeighed) byRows(now int64) {
	decided := map[string]bool{}
	for i, q := range e.Rows {
		decided[q.Decides] = true
		if says, text := e.counted(i, now); says != "" && worse(or(e.Says, VerdictSafe), says) != e.Says {
			e.Says, e.Text = says, text
		}
	}
	for _, one := range [2][2]string{{"reads", e.Reads}, {"writes", e.Writes}} {
		if one[1] == AnswerYes || one[1] == AnswerByRows && decided[one[0]] || e.Says != "" {
			continue
		}
		e.Says, e.Text = VerdictAsk, "nobody can tell whether old code can "+cannot(one[0] == "reads", one[0] == "writes")+suffix(e.Why)
	}
	if e.Says == "" {
		e.Text = "fine, no rows stand in the way"
	}
}

// counted says what one query's number means.
func (e *EffectWeighed) counted(i int, now int64) (says, text string) {
	q := e.Rows[i]
	switch {
	case i >= len(e.Counts):
		return VerdictAsk, "nobody has counted the rows yet" + suffix(e.Why)
	case e.Counts[i].Error != "":
		return VerdictAsk, "the rows could not be counted" + suffix(e.Counts[i].Error)
	case now-e.CountedAt > rowsFresh:
		return VerdictAsk, "the rows were last counted at " + moment(e.CountedAt, now) + suffix(e.Why)
	case e.Counts[i].N == 0:
		return "", ""
	case q.Decides == "reads":
		return VerdictAsk, numbered(e.Counts[i].N, q.Counts) + ": old code cannot read " + them(e.Counts[i].N)
	}
	return VerdictAsk, numbered(e.Counts[i].N, q.Counts) + ": old code cannot write beside " + them(e.Counts[i].N)
}

// numbered puts a number before words such as "rows use it".
func numbered(n int64, words string) string {
	if n == 1 {
		words = strings.Replace(strings.Replace(words, "rows use ", "row uses ", 1), "rows ", "row ", 1)
	}
	return fmt.Sprintf("%d %s", n, words)
}

func them(n int64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func cannot(read, write bool) string {
	switch {
	case read && write:
		return "read or write"
	case write:
		return "write"
	}
	return "read"
}
