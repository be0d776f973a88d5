package gateway

import (
	"strings"
	"testing"
)

func TestIsIdent_isNothingButAName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"": true, "dpl_9": true, "_x": true, "bad5eed": true, "registry.example/shop@sha256:ab": true, "v1.2-rc.3": true, strings.Repeat("a", 128): true,
		"..": false, "../../v9/projects/prj_shop": false, "a/../b": false, "/etc": false, "a//b": false, ".": false, "-y": false, "--token": false,
		"a b": false, "a?b": false, "a%2e": false, "a\n": false, "결제": false, strings.Repeat("a", 129): false,
	} {
		if got := isIdent(id); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
	}
}
