package workflows

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// fieldset reads the keys of one mapping and reports every key nobody asked
// for.
type fieldset struct {
	report *report
	what   string
	at     pos
	byKey  map[string]entry
}

// open checks that v is a mapping with only the known keys.
func (r *report) open(v *value, what string, known ...string) (fieldset, bool) {
	if v.kind != isMap {
		r.fail(v.at, "write it as key: value", "%s must be a mapping, not %s", what, v.kind)
		return fieldset{}, false
	}
	f := fieldset{report: r, what: what, at: v.at, byKey: map[string]entry{}}
	for _, e := range v.entries {
		f.byKey[e.key] = e
		if slices.Contains(known, e.key) {
			continue
		}
		if slices.Contains(laterKeys(), e.key) {
			r.fail(e.at, "remove it", "%s: %q is not available yet", what, e.key)
			continue
		}
		r.fail(e.at, nearest(e.key, known), "%s has no key %q", what, e.key)
	}
	return f, true
}

// laterKeys are keys of the language that this version cannot run.
func laterKeys() []string {
	return []string{"repeat", "undo", "restart_from", "recheck", "on_stop"}
}

func (f fieldset) has(key string) bool { _, ok := f.byKey[key]; return ok }

// pos is where key stands, or the mapping itself when it is missing.
func (f fieldset) pos(key string) pos {
	if e, ok := f.byKey[key]; ok {
		return e.at
	}
	return f.at
}

// value is the value of key when it has the wanted kind; a wrong kind is
// reported.
func (f fieldset) value(key string, want kind) (*value, bool) {
	e, ok := f.byKey[key]
	if !ok {
		return nil, false
	}
	if e.val.kind != want {
		f.report.fail(e.val.at, "write "+want.String(), "%s: %q must be %s, not %s", f.what, key, want, e.val.kind)
		return nil, false
	}
	return e.val, true
}

func (f fieldset) text(key string) string {
	v, ok := f.value(key, isString)
	if !ok {
		return ""
	}
	return v.text
}

func (f fieldset) number(key string, low, high int64) int {
	v, ok := f.value(key, isInt)
	if !ok {
		return 0
	}
	if v.number < low || v.number > high {
		f.report.fail(v.at, "choose a number in that range", "%s: %q must be between %d and %d", f.what, key, low, high)
		return 0
	}
	return int(v.number)
}

func (f fieldset) truth(key string) bool {
	v, ok := f.value(key, isBool)
	return ok && v.truth
}

// oneOf is the text of key, which must be one of allowed.
func (f fieldset) oneOf(key string, allowed ...string) string {
	v, ok := f.value(key, isString)
	if !ok {
		return ""
	}
	if !slices.Contains(allowed, v.text) {
		f.report.fail(v.at, nearest(v.text, allowed), "%s: %q cannot be %q", f.what, key, v.text)
		return ""
	}
	return v.text
}

// words is a list of texts, or one text alone.
func (f fieldset) words(key string) []located {
	e, ok := f.byKey[key]
	if !ok {
		return nil
	}
	items := []*value{e.val}
	if e.val.kind == isList {
		items = e.val.items
	}
	var out []located
	for _, item := range items {
		if item.kind != isString || item.text == "" {
			f.report.fail(item.at, "write texts", "%s: %q must be a list of texts", f.what, key)
			continue
		}
		out = append(out, located{text: item.text, at: item.at})
	}
	return out
}

// located is a text and where it stands.
type located struct {
	text string
	at   pos
}

func texts(list []located) []string {
	var out []string
	for _, l := range list {
		out = append(out, l.text)
	}
	return out
}

// ids is a list of words that must be ids.
func (f fieldset) ids(key string) []located {
	list := f.words(key)
	for _, l := range list {
		f.report.checkID(l.text, l.at, f.what+": "+key)
	}
	return list
}

// isID reports whether id is a-z first, then a-z, 0-9 and _, at most 48 bytes.
// Roles may hold a hyphen; they are never part of an expression.
func isID(id string) bool {
	if id == "" || len(id) > 48 || id[0] < 'a' || id[0] > 'z' {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (r *report) checkID(id string, at pos, what string) bool {
	if isID(id) {
		return true
	}
	r.fail(at, "start with a letter and use a-z, 0-9 and _ (a hyphen is a minus in expressions)", "%s: %q is not an id", what, id)
	return false
}

// expression is CEL without its "=" and where its first character stands.
type expression struct {
	text string
	at   pos
	// where says which variables it can read, wants the type it must have:
	// "bool", "int" or "" for any.
	where where
	wants string
	// owner is the id of the step that holds it.
	owner string
}

// asExpression takes the CEL out of a value that starts with "=".
func asExpression(v *value) (expression, bool) {
	if v.kind != isString || !strings.HasPrefix(v.text, "=") {
		return expression{}, false
	}
	at := v.content
	at.column++
	return expression{text: v.text[1:], at: at, where: inPlan}, true
}

// wait reads a duration such as 90s, or "=" and CEL that gives milliseconds.
func (f fieldset) wait(key string, exprs *[]expression) orchestrator.Wait {
	e, ok := f.byKey[key]
	if !ok {
		return ""
	}
	if x, ok := asExpression(e.val); ok {
		x.wants = "int"
		*exprs = append(*exprs, x)
		return orchestrator.Wait("=" + x.text)
	}
	ms, ok := milliseconds(e.val.text)
	if e.val.kind != isString || !ok || ms < 1 || ms > maxWait {
		f.report.fail(e.val.at, "write it like 90s, 5m, 72h or 7d, or =timing.NAME", "%s: %q must be a time from 1ms to 90d", f.what, key)
		return ""
	}
	return orchestrator.Wait(e.val.text)
}

// maxWait is the longest wait a playbook may hold, in milliseconds.
const maxWait = 90 * 24 * 3_600_000

// milliseconds reads a time as the fold does: digits and one unit of ms, s, m,
// h, d or w.
func milliseconds(text string) (int64, bool) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	unit, ok := map[string]int64{"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 32)
	return n * unit, ok && err == nil
}

// count reads a whole number from 1, or "=" and CEL that gives one.
func (f fieldset) count(key string, exprs *[]expression) orchestrator.Wait {
	return f.upTo(1000, key, exprs)
}

// upTo is count with another highest number.
func (f fieldset) upTo(most int64, key string, exprs *[]expression) orchestrator.Wait {
	e, ok := f.byKey[key]
	if !ok {
		return ""
	}
	if x, ok := asExpression(e.val); ok {
		x.wants = "int"
		*exprs = append(*exprs, x)
		return orchestrator.Wait("=" + x.text)
	}
	if n := f.number(key, 1, most); n > 0 {
		return orchestrator.Wait(strconv.Itoa(n))
	}
	return ""
}

// condition reads CEL that gives true or false; "=" is required.
func (f fieldset) condition(key string, at where) (expression, bool) {
	e, ok := f.byKey[key]
	if !ok {
		return expression{}, false
	}
	x, ok := asExpression(e.val)
	if !ok {
		f.report.fail(e.val.at, "start it with =", "%s: %q must be an expression", f.what, key)
		return expression{}, false
	}
	x.where, x.wants = at, "bool"
	return x, true
}
