package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

const smallest = "version: 1\n# people\npeople:\n  - {id: ann, name: Ann, email: ann@example.com, roles: [on-call]}\nprojects:\n  - {id: shop, environments: {staging: {kind: staging}}}\n"

// TestLoad_ofOtherEditors: a mark before the first line and two signs at the end of each
// change nothing, not the place of a mistake either; other encodings are refused by name.
func TestLoad_ofOtherEditors(t *testing.T) {
	t.Parallel()
	wrong := strings.Replace(smallest, "id: shop", "id: Shop", 1)
	for name, c := range map[string]struct{ text, want string }{
		"a mark":             {"\xef\xbb\xbf" + smallest, ""},
		"two signs":          {strings.ReplaceAll(smallest, "\n", "\r\n"), ""},
		"a mistake":          {wrong, ":6:10: "},
		"a mistake further":  {strings.ReplaceAll(wrong, "\n", "\r\n"), ":6:10: "},
		"latin 1":            {strings.Replace(smallest, "Ann,", "Ren\xe9,", 1), ":4:24: this is not UTF-8 text; save the file as UTF-8"},
		"two bytes a letter": {"\xff\xfev\x00e\x00", ":1:1: this is not UTF-8 text"},
	} {
		path := filepath.Join(t.TempDir(), "backout.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := configs.Load(path, noEnv)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestWarnOfActions: a misspelt action decides nothing, and that is said.
func TestWarnOfActions(t *testing.T) {
	t.Parallel()
	text := strings.Replace(smallest, "id: shop,", "id: shop, modes: {vercel.promot: shadow, my.own: shadow},", 1) +
		"policies:\n  autonomy:\n    - {action: vercel.rolback, do: auto}\n    - {action: vercel.rollback, do: auto}\n"
	c, err := configs.Parse("backout.yaml", []byte(text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	c.WarnOfActions([]string{"vercel.rollback", "vercel.promote"})
	got := c.Warnings.Error()
	if !strings.Contains(got, `:9:16: no action is called "vercel.rolback", so this line decides nothing; did you mean "vercel.rollback"?`) || !strings.Contains(got, `did you mean "vercel.promote"?`) || strings.Contains(got, "my.own") {
		t.Errorf("the warnings are\n%s", got)
	}
}

// TestResolve_warnsOfReaders: a secret that everybody may read is told of, its value not.
func TestResolve_warnsOfReaders(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := configs.Parse("backout.yaml", []byte(smallest+"providers: {vercel: {token: file:"+file+"}}\n"), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	before := len(c.Warnings)
	if err := c.Resolve(); err != nil || len(c.Warnings) != before {
		t.Fatalf("%v, %v", err, c.Warnings)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // said once, however often it is read
		if err := c.Resolve(); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Warnings.Error(); strings.Count(got, "everybody on this machine may read "+file) != 1 || strings.Contains(got, "hunter2") {
		t.Errorf("the warnings are\n%s", got)
	}
}
