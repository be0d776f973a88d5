package configs_test

import (
	"encoding/json"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

// TestConfig_Document shows what of the example reaches the fold.
func TestConfig_Document(t *testing.T) {
	t.Parallel()
	c, err := configs.Load("backout.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := c.Document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/document.json", string(text)+"\n")
}

func TestConfig_Document_refusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	c, err := configs.Load("backout.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	c.Mode = "bold"
	if _, err := c.Document(); err == nil {
		t.Error("a document was made of a wrong configuration")
	}
}
