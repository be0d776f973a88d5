package migrations

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wasilibs/go-pgquery/parser"
)

// Parsed is one statement as the parser saw it: its bytes in the script and its tree.
// Len 0 is up to the end of the script.
type Parsed struct {
	At, Len int
	// Kind is the name of the tree's root, such as CreateStmt.
	Kind string
	Tree Node
}

// Parser turns a script into statements. Calls may come from many goroutines.
type Parser interface {
	// Parse fails as a whole when one statement is wrong, as PostgreSQL does.
	Parse(sql string) ([]Parsed, error)
}

// errParserBroke is after a crash inside the parser: its memory cannot be trusted.
var errParserBroke = errors.New("the parser broke down on an earlier statement and is not asked again; run the command anew without that statement to see the rest")

// maxDepth bounds the depth of a tree, by depth(). The parser's stack has no guard:
// when it overflows, the parser crashes, or runs for ever (seen from about 900; 600 of
// each kind of nesting are still read).
const maxDepth = 300

// Postgres is PostgreSQL's own parser. The first call loads it, which takes about a
// second and a half; each further copy would take the time and some 20 MB again, so
// one call runs at a time. A process needs one Postgres: they share the loaded parser.
type Postgres struct {
	mu    sync.Mutex
	broke bool
}

// Parse implements Parser.
func (p *Postgres) Parse(sql string) (out []Parsed, err error) {
	switch {
	case strings.Contains(sql, "\x00"): // it would end the text for the parser
		return nil, errors.New("it has a NUL byte, which no statement can hold")
	case depth([]byte(sql)) > maxDepth:
		return nil, errors.New("it is nested deeper than the parser can be trusted with")
	}
	tree, err := p.tree(sql)
	if err != nil {
		return nil, err
	}
	var script struct {
		Stmts []struct {
			Stmt map[string]Node `json:"stmt"`
			At   int             `json:"stmt_location"`
			Len  int             `json:"stmt_len"`
		} `json:"stmts"`
	}
	if err := json.Unmarshal([]byte(tree), &script); err != nil {
		return nil, fmt.Errorf("reading the parser's tree: %w", err)
	}
	for _, s := range script.Stmts {
		for kind, node := range s.Stmt {
			out = append(out, Parsed{s.At, s.Len, kind, node})
		}
	}
	return out, nil
}

// tree calls the parser. A crash inside it is an error of this statement and, since
// it may have left anything behind in the parser's memory, of all later ones.
func (p *Postgres) tree(sql string) (tree string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broke {
		return "", errParserBroke
	}
	defer func() {
		if r := recover(); r != nil {
			p.broke = true
			err = errors.New("the parser broke down on it")
		}
	}()
	tree, err = parser.ParseToJSON(sql)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's parser refuses it: %w", err)
	}
	return tree, nil
}
