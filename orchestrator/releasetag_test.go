package orchestrator

import "testing"

func TestCommitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, release, want string }{
		{"shop@{commit}", "shop@9f3c2e1", "9f3c2e1"},
		{"shop@{commit}", "shop@9f3c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f", "9f3c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f"},
		{"shop@*+{commit}", "shop@2.41.0+9f3c2e1", "9f3c2e1"},
		{"{commit}", "9f3c2e1", "9f3c2e1"},
		{"{commit}-*", "9f3c2e1-vercel", "9f3c2e1"},
		{"*-{commit}-*", "web-9f3c2e1-prod", "9f3c2e1"},
		{"shop@{commit}", "api@9f3c2e1", ""},
		{"shop@{commit}", "shop@2.41.0", ""},
		{"shop@{commit}", "shop@9f3c2", ""},
		{"shop@{commit}", "shop@9f3c2e1-dirty", ""},
		{"shop@{commit}", "shop@9f3c2e1aa0b1c2d3e4f5061728394a5b6c7d8e9f0", ""},
		{"{commit}", "", ""},
		{"no mark", "9f3c2e1", ""},
	} {
		if got := commitOf(c.pattern, c.release); got != c.want {
			t.Errorf("%s in %s: got %q, want %q", c.pattern, c.release, got, c.want)
		}
	}
}
