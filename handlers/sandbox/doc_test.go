package sandbox_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDoc_tableNamesEveryTest: each behaviour in the package doc has a test that
// exists, and each test of a behaviour is in the table.
func TestDoc_tableNamesEveryTest(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			written[match[1]] = true
		}
	}
	named := regexp.MustCompile(`\bTest\w+`).FindAllString(string(doc), -1)
	for _, name := range named {
		if !written[name] {
			t.Errorf("the table names %s, which does not exist", name)
		}
	}
	for name := range written {
		if !strings.Contains(string(doc), name) && !strings.HasPrefix(name, "TestDoc_") {
			t.Errorf("%s is not in the table", name)
		}
	}
}
