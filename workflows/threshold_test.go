package workflows_test

import (
	"testing"

	"github.com/aimarketplace/backout/workflows"
)

func TestCheckThreshold(t *testing.T) {
	t.Parallel()
	for expr, ok := range map[string]bool{
		"value >= 3": true, "value != 0 && value % 2 == 0": true, "value in [1, 2]": true,
		"": false, "value": false, "value >= 1.5": false, "value >= 'a'": false, "now > value": false, "signal.severity == 'critical'": false, "valu > 1": false,
	} {
		if err := workflows.CheckThreshold(expr); (err == nil) != ok {
			t.Errorf("%q: %v", expr, err)
		}
	}
	v, err := workflows.NewEvaluator().Eval("value >= 3", map[string]any{"value": int64(3)})
	if err != nil || v != true {
		t.Errorf("%v %v", v, err)
	}
}
