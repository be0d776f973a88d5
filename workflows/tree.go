package workflows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a file: playbooks are written by people, so anything beyond
// them is a mistake, and a parser that recurses is kept from deep nesting.
const (
	maxFile    = 128 << 10
	maxLine    = 2000
	maxNesting = 40
)

// kind is what a YAML value is.
type kind int

const (
	isNull kind = iota
	isString
	isInt
	isBool
	isMap
	isList
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "a whole number", "true or false", "a mapping", "a list"}[k]
}

// value is a YAML value that knows where it stands.
type value struct {
	at      pos
	kind    kind
	text    string
	number  int64
	truth   bool
	entries []entry
	items   []*value
	// content is where the first character of a text stands, past a quote.
	content pos
}

// entry is one key of a mapping.
type entry struct {
	key string
	at  pos
	val *value
}

// parseYAML turns a file into a tree; it reports what it cannot read and then
// returns nil.
func parseYAML(r *report, src []byte) (out *value) {
	defer func() {
		if p := recover(); p != nil {
			r.fail(pos{1, 1}, "write it more plainly", "the YAML parser gave up: %v", p)
			out = nil
		}
	}()
	if !withinBounds(r, src) {
		return nil
	}
	f, err := parser.ParseBytes(src, 0)
	if err != nil {
		syntaxProblem(r, err)
		return nil
	}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		r.fail(pos{1, 1}, "one file holds one playbook or the rules", "the file holds %s", plural(documents(f), "document"))
		return nil
	}
	t := &treeBuilder{report: r}
	out = t.value(f.Docs[0].Body, 0)
	if t.failed {
		return nil
	}
	return out
}

func documents(f *ast.File) int {
	n := 0
	for _, d := range f.Docs {
		if d.Body != nil {
			n++
		}
	}
	return n
}

func withinBounds(r *report, src []byte) bool {
	if len(src) > maxFile {
		r.fail(pos{1, 1}, "split it into several playbooks", "the file is longer than %d KiB", maxFile>>10)
		return false
	}
	depth, line, start := 0, 1, 0
	for i, c := range src {
		switch c {
		case '\n':
			line, start = line+1, i+1
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case 0:
			r.fail(pos{line, i - start + 1}, "save it as UTF-8 text", "the file holds a zero byte")
			return false
		}
		if i-start > maxLine || depth > maxNesting {
			r.fail(pos{line, i - start + 1}, "break it up", "the line is too long or too deeply nested")
			return false
		}
	}
	return true
}

func syntaxProblem(r *report, err error) {
	at, message := pos{1, 1}, err.Error()
	if ye, ok := errors.AsType[yaml.Error](err); ok {
		message = ye.GetMessage()
		if tk := ye.GetToken(); tk != nil && tk.Position != nil {
			at = position(tk)
		}
	}
	message, _, _ = strings.Cut(message, "\n")
	r.fail(at, "quote texts that hold \": \" or start with a special character", "this is not YAML: %s", message)
}

func position(tk *token.Token) pos {
	if tk == nil || tk.Position == nil {
		return pos{1, 1}
	}
	return pos{tk.Position.Line, max(1, tk.Position.Column)}
}

// treeBuilder walks goccy's nodes.
type treeBuilder struct {
	report *report
	failed bool
}

func (t *treeBuilder) refuse(n ast.Node, what, fix string) *value {
	t.failed = true
	at := position(n.GetToken())
	t.report.fail(at, fix, "%s", what)
	return &value{at: at}
}

func (t *treeBuilder) value(n ast.Node, depth int) *value {
	at := position(n.GetToken())
	if depth > maxNesting {
		return t.refuse(n, "this is too deeply nested", "break it up")
	}
	switch v := n.(type) {
	case *ast.NullNode:
		return &value{at: at, kind: isNull}
	case *ast.BoolNode:
		return &value{at: at, kind: isBool, truth: v.Value, text: strconv.FormatBool(v.Value)}
	case *ast.IntegerNode:
		return t.integer(v, at)
	case *ast.StringNode:
		return &value{at: at, kind: isString, text: v.Value, content: contentOf(v)}
	case *ast.LiteralNode:
		text := strings.TrimRight(v.Value.Value, "\n")
		return &value{at: at, kind: isString, text: text, content: pos{at.line + 1, 1}}
	case *ast.MappingNode:
		return t.mapping(v.Values, at, depth)
	case *ast.MappingValueNode:
		return t.mapping([]*ast.MappingValueNode{v}, at, depth)
	case *ast.SequenceNode:
		out := &value{at: at, kind: isList}
		for _, item := range v.Values {
			out.items = append(out.items, t.value(item, depth+1))
		}
		return out
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return t.refuse(n, "doubles are not exact and not allowed", "use whole numbers (scores are 0 to 1000), or quote it as a text")
	default:
		return t.refuse(n, "anchors, aliases, tags and merges are not allowed", "write the value out")
	}
}

// contentOf is where the first character of a text stands, past its quote.
func contentOf(v *ast.StringNode) pos {
	at := position(v.GetToken())
	if tk := v.GetToken(); tk.Type == token.DoubleQuoteType || tk.Type == token.SingleQuoteType {
		at.column++
	}
	return at
}

func (t *treeBuilder) integer(v *ast.IntegerNode, at pos) *value {
	text := v.GetToken().Value
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return t.refuse(v, fmt.Sprintf("the number %s is not a plain decimal", text), "write plain decimal digits, or quote it as a text")
	}
	return &value{at: at, kind: isInt, number: n, text: text}
}

func (t *treeBuilder) mapping(values []*ast.MappingValueNode, at pos, depth int) *value {
	out := &value{at: at, kind: isMap}
	seen := map[string]bool{}
	for _, mv := range values {
		key, ok := mv.Key.(*ast.StringNode)
		if !ok {
			t.refuse(mv.Key, "a key must be a plain text", "quote the key, or write merged values out")
			continue
		}
		where := position(key.GetToken())
		t.key(key.Value, where, seen)
		out.entries = append(out.entries, entry{key: key.Value, at: where, val: t.value(mv.Value, depth+1)})
	}
	if len(out.entries) > 0 {
		out.at = out.entries[0].at
	}
	return out
}

func (t *treeBuilder) key(key string, at pos, seen map[string]bool) {
	switch strings.ToLower(key) {
	case "on", "off", "yes", "no", "y", "n", "true", "false":
		t.report.fail(at, "use another word", "the key %q reads as true or false in many YAML tools", key)
	}
	if seen[key] {
		t.report.fail(at, "keep one of them", "the key %q stands here twice", key)
	}
	seen[key] = true
}

// plural is "1 step", "2 steps".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
