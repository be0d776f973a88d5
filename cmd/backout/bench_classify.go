package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/migrations"
)

// classifyStatements is how many statements the bar is for, barClassify the bar in
// milliseconds once the parser is loaded.
const (
	classifyStatements = 5000
	barClassify        = 2000
)

// classifyLine is what was measured, in milliseconds.
type classifyLine struct {
	Statements int `json:"statements"`
	Bytes      int `json:"bytes"`
	// Load is the first statement of the process, which loads the parser: once.
	Load float64 `json:"load_ms"`
	// Classify is the whole script, Parse the parser's part of it, Scan one pass over
	// its bytes.
	Classify spread `json:"classify_ms"`
	Parse    spread `json:"control_parse_ms"`
	Scan     spread `json:"control_scan_ms"`
}

func benchClassifyCommand() *cobra.Command {
	var f benchFlags
	rounds := 0
	c := &cobra.Command{
		Use: "classify", Short: "How long it takes to class a file of migrations", Args: exactly(0),
		Long: `Class one script of 5,000 statements as Prisma writes them. The parser is loaded by
the first statement of a process; that time is told apart. In every round the class of
every statement is compared with what it must be.`,
		Example: "  backout bench classify\n  backout bench classify --count 50000",
		RunE: func(c *cobra.Command, _ []string) error {
			if rounds < 1 {
				return usageError{errors.New("--rounds must be at least 1")}
			}
			return f.measured(c, func(dir string) (*benchReport, error) {
				disk := &diskProbe{dir: dir}
				n := f.count
				if n == 0 {
					n = classifyStatements
				}
				line, err := benchClassify(n, rounds, disk, c.ErrOrStderr())
				if err != nil {
					return nil, err
				}
				return classifyReport(dir, disk, line), nil
			})
		},
	}
	f.add(c, 1)
	c.Flags().Lookup("count").Usage = "how many statements, instead of 5,000"
	_ = c.Flags().MarkHidden("seconds")
	c.Flags().IntVar(&rounds, "rounds", 5, "how often the script is classed; the median is shown")
	return c
}

func benchClassify(n, rounds int, disk *diskProbe, log io.Writer) (*classifyLine, error) {
	src, want := classifyScript(n)
	parser := &migrations.Postgres{}
	line := &classifyLine{Statements: n, Bytes: len(src)}
	start := time.Now()
	if _, err := parser.Parse("SELECT 1"); err != nil {
		return nil, fmt.Errorf("loading the parser: %w", err)
	}
	line.Load = ms(time.Since(start))
	c := migrations.NewClassifier(parser)
	var whole, parse, scan []float64
	for r := range rounds {
		if err := disk.look(); err != nil {
			return nil, err
		}
		start := time.Now()
		got := c.Script(migrations.NewScope(), src)
		whole = append(whole, ms(time.Since(start)))
		if err := sameClasses(got, want); err != nil {
			return nil, err
		}
		start = time.Now()
		if _, err := parser.Parse(string(src)); err != nil {
			return nil, fmt.Errorf("parsing the script: %w", err)
		}
		parse = append(parse, ms(time.Since(start)))
		start = time.Now()
		_ = bytes.Count(src, []byte{'\n'})
		scan = append(scan, ms(time.Since(start)))
		fmt.Fprintf(log, "round %d: %d statements in %.0f ms\n", r+1, n, whole[r])
	}
	line.Classify, line.Parse, line.Scan = spreadOf(whole), spreadOf(parse), spreadOf(scan)
	return line, disk.look()
}

// classifyScript is a script of n statements and the class of each.
func classifyScript(n int) (src []byte, want []migrations.Class) {
	var b bytes.Buffer
	shapes := []struct {
		sql   string
		class migrations.Class
	}{
		{"-- CreateTable\nCREATE TABLE \"T%[1]d\" (\n    \"id\" SERIAL NOT NULL,\n    \"name\" TEXT,\n    \"at\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,\n\n    CONSTRAINT \"T%[1]d_pkey\" PRIMARY KEY (\"id\")\n);\n", migrations.Additive},
		{"-- AlterTable\nALTER TABLE \"Old%[1]d\" ADD COLUMN     \"a\" TEXT,\nADD COLUMN     \"b\" INTEGER NOT NULL DEFAULT 0;\n", migrations.Additive},
		{"-- CreateIndex\nCREATE UNIQUE INDEX \"Old%[1]d_name_key\" ON \"Old%[1]d\"(\"name\");\n", migrations.Breaking},
		{"-- AlterEnum\nALTER TYPE \"E%[1]d\" ADD VALUE 'NEW';\n", migrations.Data},
		{"-- AddForeignKey\nALTER TABLE \"Old%[1]d\" ADD CONSTRAINT \"f%[1]d\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n", migrations.Breaking},
		{"-- AlterTable\nALTER TABLE \"Old%[1]d\" DROP COLUMN \"c\",\nALTER COLUMN \"d\" SET NOT NULL;\n", migrations.Destructive},
	}
	for i := range n {
		shape := shapes[i%len(shapes)]
		fmt.Fprintf(&b, shape.sql+"\n", i)
		want = append(want, shape.class)
	}
	return b.Bytes(), want
}

func sameClasses(got []migrations.Statement, want []migrations.Class) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d statements were classed, not %d", len(got), len(want))
	}
	for i, s := range got {
		if s.Class != want[i] {
			return fmt.Errorf("statement %d is %s, not %s: %s", i+1, s.Class, want[i], s.Text)
		}
	}
	return nil
}

func classifyReport(dir string, disk *diskProbe, l *classifyLine) *benchReport {
	r := newBenchReport("classify", dir, disk)
	r.Classify = l
	r.Note = "One script as Prisma writes them, every statement judged and its class compared. Median of the rounds, lowest to highest behind it."
	name := fmt.Sprintf("%d statements, %.1f MB", l.Statements, float64(l.Bytes)/1e6)
	bar := 0.0
	if l.Statements == classifyStatements {
		bar = barClassify
	}
	add := func(what string, s spread, bar float64) {
		r.Figures = append(r.Figures, figure{Line: name, Name: what, Measured: s.Median, Unit: "ms", Bar: bar, Detail: fmt.Sprintf("%.1f to %.1f", s.Low, s.High)})
	}
	add("classed", l.Classify, bar)
	add("control: parsed only", l.Parse, 0)
	add("control: bytes gone through", l.Scan, 0)
	r.Figures = append(r.Figures, figure{Line: name, Name: "the parser is loaded, once a process", Measured: l.Load, Unit: "ms"})
	return r
}
