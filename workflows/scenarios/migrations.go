package scenarios

import (
	"cmp"

	"github.com/aimarketplace/backout/orchestrator"
)

// ClassTold is what a migration does, as if its script had been read.
type ClassTold struct {
	Project   string       `yaml:"project"`
	Migration string       `yaml:"migration"`
	Class     string       `yaml:"class"`
	Effects   []EffectTold `yaml:"effects"`
}

// EffectTold is one thing it does. Reads and writes are those of the code from before:
// yes (when left out), no, by-rows or unknown; Counts are the words of the query that
// decides where one of them is by-rows.
type EffectTold struct {
	Does   string `yaml:"does"`
	Class  string `yaml:"class"`
	Reads  string `yaml:"reads"`
	Writes string `yaml:"writes"`
	Loss   string `yaml:"loss"`
	Counts string `yaml:"counts"`
}

// RowsTold is what the queries of a migration counted, or why they could not.
type RowsTold struct {
	Project     string  `yaml:"project"`
	Environment string  `yaml:"environment"` // production when left out
	Migration   string  `yaml:"migration"`
	Counts      []int64 `yaml:"counts"`
	Error       string  `yaml:"error"`
}

func (c *ClassTold) class() *orchestrator.MigrationClass {
	m := &orchestrator.MigrationClass{Project: c.Project, Name: c.Migration, Sum: c.Migration, Class: c.Class}
	for _, e := range c.Effects {
		told := orchestrator.MigrationEffect{
			Does: e.Does, Class: cmp.Or(e.Class, c.Class), Reads: cmp.Or(e.Reads, orchestrator.AnswerYes), Writes: cmp.Or(e.Writes, orchestrator.AnswerYes),
			Loss: e.Loss, Line: 1, Statement: e.Does,
		}
		if e.Counts != "" {
			decides := "reads"
			if e.Writes == orchestrator.AnswerByRows {
				decides = "writes"
			}
			told.Rows = []orchestrator.RowQuery{{Counts: e.Counts, SQL: "select 1", Decides: decides}}
		}
		m.Effects = append(m.Effects, told)
	}
	return m
}

func (r *RowsTold) counted(now int64) *orchestrator.MigrationRows {
	out := &orchestrator.MigrationRows{Project: r.Project, Environment: cmp.Or(r.Environment, "production"), Name: r.Migration, Sum: r.Migration, At: now}
	for _, n := range r.Counts {
		out.Counts = append(out.Counts, orchestrator.RowCount{N: n})
	}
	if r.Error != "" {
		out.Counts = append(out.Counts, orchestrator.RowCount{Error: r.Error})
	}
	return out
}
