package orchestrator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what a verdict tells of migrations: the newest ones, their effects, and the
// reasons that stand one by one.
const (
	maxWeighed    = 8
	maxWeighedOf  = 8
	maxWeighedWhy = 8
)

// MigrationWeighed is a migration between what serves and the target: whether the old
// code can read and write the schema it left, with the rows that are there.
type MigrationWeighed struct {
	Name string `json:"name"`
	// State is applied, pending, failed or unread; AppliedAt is Unix milliseconds.
	State     string `json:"state"`
	AppliedAt int64  `json:"applied_at,omitempty"`
	// Class is empty while nobody has read the script; Says is what it alone would answer.
	Class   string          `json:"class,omitempty"`
	Says    string          `json:"says,omitempty"`
	Effects []EffectWeighed `json:"effects,omitempty"`
}

// EffectWeighed is one effect of a migration with what the rows say.
type EffectWeighed struct {
	MigrationEffect
	// Says is what it alone would answer, Text why, in the words of the screen.
	Says   string     `json:"says,omitempty"`
	Text   string     `json:"text"`
	Counts []RowCount `json:"counts,omitempty"`
	// CountedAt is when the rows were counted, in Unix milliseconds.
	CountedAt int64 `json:"counted_at,omitempty"`
}

// crossing is the way from what serves to the target, past the migrations between.
type crossing struct {
	s            *State
	v            *Verdict
	project, env string
	from, to     *Deployment
	set          *Settings
	now          int64
}

// migrations lets every migration between have its say.
func (c *crossing) migrations() {
	since, lost, known := migrationsBetween(c.from, c.to, c.set)
	if !known {
		c.v.add(Reason{Kind: "migrations", Text: "the migrations between are not known", Evidence: "no repository was read for these commits"})
		return
	}
	all := append(slices.Clone(since), lost...)
	c.v.Migrations = &all
	evidence := "prisma/migrations of the two commits"
	if c.from.Migrations == nil || c.to.Migrations == nil {
		evidence = "_prisma_migrations, applied after " + c.to.ID + " was built"
	}
	if len(since) > 0 {
		c.weighAll(since, evidence)
	}
	if len(lost) > 0 {
		c.v.add(Reason{
			Kind: "migrations", Says: VerdictAsk, Evidence: evidence,
			Text: "what serves lacks " + plural(len(lost), "migration") + " that the target has: " + several(lost),
		})
	}
	if len(all) == 0 {
		c.v.add(Reason{Kind: "migrations", Text: "no migration between", Evidence: evidence})
	}
}

// weighAll judges the migrations and puts what speaks against going back first.
func (c *crossing) weighAll(names []string, evidence string) {
	var unread, pending []string
	var against []Reason
	for _, name := range names {
		m, class := c.weigh(name)
		switch {
		case m.State == MigrationPending:
			pending = append(pending, name)
		case class == nil:
			unread, m.Says = append(unread, name), VerdictAsk
		default:
			against = append(against, c.reasons(&m, class)...)
		}
		m.Effects = strictest(m.Effects)
		c.v.Weighed = append(c.v.Weighed, m)
	}
	c.v.Weighed = c.v.Weighed[max(0, len(c.v.Weighed)-maxWeighed):]
	c.against(against)
	if len(unread) > 0 {
		c.v.add(Reason{
			Kind: "migrations", Says: VerdictAsk, Evidence: evidence,
			Text: plural(len(unread), "migration") + " since, whose class is not known: " + several(unread),
		})
	}
	if len(pending) > 0 {
		c.v.add(Reason{Kind: "migrations", Text: "not applied, so the old code does not meet it: " + several(pending), Evidence: "_prisma_migrations"})
	}
}

func strictestFirst() []string { return []string{VerdictRefuse, VerdictAsk, ""} }

// against adds the reasons, the strictest first, and counts those that are too many.
func (c *crossing) against(all []Reason) {
	order := strictestFirst()
	slices.SortStableFunc(all, func(a, b Reason) int { return cmp.Compare(slices.Index(order, a.Says), slices.Index(order, b.Says)) })
	for _, r := range all[:min(len(all), maxWeighedWhy)] {
		c.v.add(r)
	}
	if rest := all[min(len(all), maxWeighedWhy):]; len(rest) > 0 && rest[0].Says != "" {
		n := 0
		for _, r := range rest {
			if r.Says != "" {
				n++
			}
		}
		c.v.add(Reason{Kind: "migrations", Says: rest[0].Says, Text: plural(n, "more statement") + " of these migrations against it", Evidence: "`backout migrations classify " + c.project + "`"})
	}
	if len(all) == 0 {
		return
	}
	if text := waysOn(all[0].Says, c.s.switchable(c.project)); text != "" {
		c.v.add(Reason{Kind: "ways", Text: text, Evidence: "what the schema leaves open"})
		c.v.Reasons = append(c.v.Reasons, text)
	}
}

// waysOn says what to do where going back does harm: "" when it does none.
func waysOn(says string, switches []string) string {
	off := ""
	if len(switches) > 0 {
		off = "switch off " + several(switches)
	}
	switch {
	case says == VerdictRefuse && off != "":
		off += ", "
	case says == VerdictAsk && off != "":
		return "safer than going back: " + off
	case says != VerdictRefuse:
		return ""
	}
	return "contain it first (" + off + "read-only or maintenance), then leave the database, revert the migration, repair rows, restore or reset"
}

// weigh judges one migration; class is nil while it is not known.
func (c *crossing) weigh(name string) (MigrationWeighed, *MigrationClass) {
	m := MigrationWeighed{Name: name}
	m.State, m.AppliedAt = c.set.Schema.state(name, c.now)
	class, ok := c.s.class(c.project, name)
	if !ok || !class.has(c.set.Schema.sum(name)) {
		return m, nil
	}
	m.Class = class.Class
	rows := c.s.mark(c.project, c.env, name).Rows
	asked := 0
	for _, e := range class.Effects {
		w := EffectWeighed{MigrationEffect: e}
		if n := len(e.Rows); n > 0 {
			if rows != nil && rows.Sum == class.Sum && asked+n <= len(rows.Counts) {
				w.Counts, w.CountedAt = rows.Counts[asked:asked+n], rows.At
			}
			asked += n
		}
		w.judge(c.now)
		w.Rows = slices.Clone(w.Rows)
		for i := range w.Rows {
			w.Rows[i].SQL = "" // `migrations classify` shows it
		}
		if m.Effects = append(m.Effects, w); w.Says != "" && m.State != MigrationPending {
			m.Says = worse(or(m.Says, VerdictSafe), w.Says)
		}
	}
	if class.Cut && m.State != MigrationPending {
		m.Says = worse(or(m.Says, VerdictSafe), VerdictAsk)
	}
	return m, &class
}

// reasons are what a migration has to say, one for each effect that matters and one
// for all that are fine.
func (c *crossing) reasons(m *MigrationWeighed, class *MigrationClass) (out []Reason) {
	where := m.Name + c.applied(m)
	var fine []string
	for i := range m.Effects {
		e := &m.Effects[i]
		if e.Says == "" && len(e.Rows) == 0 {
			if !slices.Contains(fine, e.Does+" (fine)") {
				fine = append(fine, e.Does+" (fine)")
			}
			continue
		}
		evidence := where + ", line " + strconv.Itoa(e.Line) + ": " + e.Statement
		if e.CountedAt > 0 {
			evidence += "; counted at " + clock(e.CountedAt)
		}
		out = append(out, Reason{Kind: "migrations", Says: e.Says, Text: e.Does + ": " + strings.Replace(e.Text, ": old code", ", the old code", 1), Evidence: evidence})
	}
	if class.Cut {
		out = append(out, Reason{Kind: "migrations", Says: VerdictAsk, Text: m.Name + " does more than is kept: read it", Evidence: where})
	}
	if len(fine) > 0 || len(m.Effects) == 0 {
		out = append(out, Reason{Kind: "migrations", Text: or(several(fine), m.Name+" changes nothing"), Evidence: where})
	}
	return out
}

// strictest keeps as many effects as are shown, in their order when all are.
func strictest(all []EffectWeighed) []EffectWeighed {
	if len(all) <= maxWeighedOf {
		return all
	}
	order := strictestFirst()
	slices.SortStableFunc(all, func(a, b EffectWeighed) int {
		return cmp.Compare(slices.Index(order, a.Says), slices.Index(order, b.Says))
	})
	return all[:maxWeighedOf]
}

func (c *crossing) applied(m *MigrationWeighed) string {
	switch {
	case m.State == MigrationFailed:
		return ", which began and did not end"
	case m.AppliedAt > 0:
		return ", applied " + moment(m.AppliedAt, c.now)
	}
	return ""
}
