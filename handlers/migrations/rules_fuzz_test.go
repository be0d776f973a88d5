package migrations_test

import (
	"encoding/json"
	"testing"

	"github.com/aimarketplace/backout/handlers/migrations"
)

// tree is a parser that has one answer.
type tree struct {
	kind string
	node migrations.Node
}

func (p tree) Parse(string) ([]migrations.Parsed, error) {
	return []migrations.Parsed{{Kind: p.kind, Tree: p.node}}, nil
}

// FuzzRules: whatever tree comes, the rules give a class, and a kind without a rule is
// unknown. FuzzClassify has the real parser, which takes longer to load when a fuzzer
// counts its branches than a short run lasts.
func FuzzRules(f *testing.F) {
	f.Add("CreateStmt", `{"relation":{"relname":"t","inh":true,"relpersistence":"p"},"oncommit":"ONCOMMIT_NOOP"}`)
	f.Add("AlterTableStmt", `{"relation":{"relname":"t"},"objtype":"OBJECT_TABLE","cmds":[{"AlterTableCmd":{"subtype":"AT_AddColumn","def":{"ColumnDef":{"colname":"a"}}}}]}`)
	f.Add("DropStmt", `{"objects":[{"List":{"items":[{"String":{"sval":"t"}}]}}],"removeType":"OBJECT_TABLE"}`)
	f.Add("Strange", `{"a":[1,null,{"DeleteStmt":{}}]}`)
	f.Fuzz(func(t *testing.T, kind, src string) {
		var n migrations.Node
		if json.Unmarshal([]byte(src), &n) != nil {
			return
		}
		got := migrations.NewClassifier(tree{kind, n}).Script(migrations.NewScope(), []byte("x"))
		if len(got) != 1 || got[0].Class == 0 || len(got[0].Findings) == 0 {
			t.Fatalf("%+v", got)
		}
		if kind == "Strange" && got[0].Class < migrations.Unknown {
			t.Errorf("%+v", got)
		}
	})
}
