package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds a configuration file; a real one has a few KiB.
const maxFile = 1 << 20

// Load reads and checks the configuration at path, and the people_file it names.
// The error is a Problems with everything that is wrong, unless the file could
// not be read at all. env is os.LookupEnv or a stand-in; it is asked by Resolve.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w; give its path with --config, or copy configs/backout.yaml", err)
	}
	return Parse(path, data, env)
}

// Parse is Load for a file whose content is at hand; path is its name in errors
// and the place that relative paths inside it start from.
func Parse(path string, data []byte, env func(string) (string, bool)) (*Config, error) {
	c := defaults()
	c.source = source{file: path, env: env, at: map[string]place{}}
	r := reader{file: path, at: c.source.at}
	r.document(data, reflect.ValueOf(c).Elem(), "")
	c.readPeople(&r)
	c.anchorPaths()
	// A rule broken by a value that could not be read is noise; report the reading first.
	if len(r.problems) > 0 {
		c.source.sort(r.problems)
		return nil, r.problems
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// readPeople takes people from people_file; they live in one place only.
func (c *Config) readPeople(r *reader) {
	if c.PeopleFile == "" {
		return
	}
	if len(c.People) > 0 {
		r.problems = append(r.problems, c.source.problem("people_file", "people stand here and in people_file", "keep one of the two"))
		return
	}
	path := c.besideFile(c.PeopleFile)
	data, err := readFile(path, maxFile)
	if err != nil {
		r.problems = append(r.problems, c.source.problem("people_file", fmt.Sprintf("the people cannot be read: %v", err), "the path starts at this file's folder"))
		return
	}
	r.file = path
	r.document(data, reflect.ValueOf(&c.People).Elem(), "people")
}

// anchorPaths makes the paths inside the file independent of the working directory.
func (c *Config) anchorPaths() {
	for i := range c.Audiences {
		if csv := c.Audiences[i].CSV; csv != "" {
			c.Audiences[i].CSV = c.besideFile(csv)
		}
	}
}

func (c *Config) besideFile(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.source.file), path)
}

// document parses one file into v.
func (r *reader) document(data []byte, v reflect.Value, path string) {
	if len(data) > maxFile {
		r.problems = append(r.problems, Problem{File: r.file, Message: "the file is over 1 MiB", Fix: "is it the right one?"})
		return
	}
	data, problem := r.plainText(data)
	if problem != nil {
		r.problems = append(r.problems, *problem)
		return
	}
	body, problem := r.parse(data)
	if problem != nil {
		r.problems = append(r.problems, *problem)
		return
	}
	r.read(body, v, path)
}

// parse allows a key twice so that reader can report every one of them.
func (r *reader) parse(data []byte) (ast.Node, *Problem) {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, r.syntaxProblem(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			problem := r.problemAt(doc.Body, "a second document begins here", "keep one document, without --- lines")
			return nil, &problem
		}
		body = doc.Body
	}
	if body == nil {
		return nil, &Problem{File: r.file, Message: "the file is empty", Fix: "begin with the example configs/backout.yaml"}
	}
	return body, nil
}

// syntaxProblem leaves out the source excerpt that the parser's error carries: it may hold a secret.
func (r *reader) syntaxProblem(err error) *Problem {
	problem := Problem{File: r.file, Message: "this is not YAML", Fix: "look for a missing quote, bracket or space around here"}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
		problem.Line, problem.Column = syntax.Token.Position.Line, syntax.Token.Position.Column
		problem.Message += ": " + syntax.Message
	}
	return &problem
}
