package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

func TestSize(t *testing.T) {
	example, err := os.ReadFile("backout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, wrong string
		want        configs.Size
	}{
		{"4GiB", "", 4 << 30},
		{"512KiB", "", 512 << 10},
		{"1048576", "", 1 << 20},
		{"4GB", `"4GB" is not a size; write it like 64MiB or 4GiB`, 0},
		{"-1", "is not a size", 0},
		{"99999999999GiB", "is too much", 0},
		{"10KiB", "cannot hold what Backout writes at its start", 0},
	} {
		text := strings.Replace(string(example), "max_log: 4GiB", "max_log: "+c.text, 1)
		got, err := configs.Parse(filepath.Join("backout.yaml"), []byte(text), os.LookupEnv)
		switch {
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v, want %q", c.text, err, c.wrong)
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", c.text, err)
		case c.wrong == "" && got.NATS.MaxLog != c.want:
			t.Errorf("%s is %d, want %d", c.text, got.NATS.MaxLog, c.want)
		}
	}
	if got := configs.Size(5<<30 + 600<<20).String(); got != "5.5 GiB" {
		t.Errorf("a size for people is %q", got)
	}
}
