package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

//go:embed bench_notices.yaml.tmpl
var benchNoticesConfig string

//go:embed bench_notices.play.yaml
var benchNoticesPlaybook string

// noticesLimit bounds one round.
const noticesLimit = 10 * time.Minute

func benchNoticesCommand() *cobra.Command {
	var f benchFlags
	b := &noticesBench{}
	c := &cobra.Command{
		Use: "notices", Short: "A notice to a large audience, with a crash in between: e-mails per second, each recipient once", Args: exactly(0),
		Long: `Mail a notice to an audience of --recipients, from a person's yes until the step is
done, through a stand-in for SendGrid that counts who got what. In the second round
Backout is killed with half of the mails sent and started again. SendGrid cannot be
asked what it took, so of each chunk that was on its way a person looks whether its
attempt is there, and says confirm-done or retry. At the end everybody must have got
one mail and nobody two. What is taken of memory is the most that Backout had resident.`,
		Example: "  backout bench notices\n  backout bench notices --recipients 500000 -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return f.placed(c, &b.benchPlace, b.run) },
	}
	f.addRounds(c)
	c.Flags().IntVar(&b.recipients, "recipients", 100_000, "how many people the audience has")
	return c
}

// noticesBench is one run of it.
type noticesBench struct {
	benchPlace
	recipients int
}

// noticesRound is one notice. Peak is in bytes.
type noticesRound struct {
	Killed bool `json:"killed"`
	// Shown is how long it took until people could see what would be sent.
	Shown time.Duration `json:"shown_ns"`
	Took  time.Duration `json:"took_ns"`
	// Unknown is of how many chunks a person had to look, Again how many were sent again.
	Unknown int   `json:"unknown"`
	Again   int   `json:"again"`
	Peak    int64 `json:"peak_bytes"`
}

// noticesLine is what the rounds were.
type noticesLine struct {
	Recipients int            `json:"recipients"`
	Rounds     []noticesRound `json:"rounds"`
}

// The bars of DESIGN section 7, row 8: e-mails per second, and bytes.
const (
	barMails  = 5000
	barNotice = 200e6
)

func (b *noticesBench) run(ctx context.Context) (*benchReport, error) {
	if b.recipients < 2 || b.recipients > 5_000_000 {
		return nil, usageError{errors.New("--recipients must be from 2 to 5,000,000")}
	}
	line := &noticesLine{Recipients: b.recipients}
	for i, kill := range []bool{false, true} {
		if err := b.disk.look(); err != nil {
			return nil, err
		}
		got, err := b.round(ctx, filepath.Join(b.dir, fmt.Sprint(i)), kill)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		fmt.Fprintf(b.log, "round %d: %d people mailed in %.2f s; killed in between: %v\n", i+1, b.recipients, got.Took.Seconds(), kill)
		line.Rounds = append(line.Rounds, got)
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return noticesReport(b.dir, b.disk, line), nil
}

func noticesReport(dir string, disk *diskProbe, l *noticesLine) *benchReport {
	r := newBenchReport("notices", dir, disk)
	r.Notices = l
	r.Note = "From a person's yes until the step is done; everybody got one mail. The stand-in for SendGrid runs beside it, on the same processors."
	for _, g := range l.Rounds {
		name := fmt.Sprintf("%d people, nothing in between (control)", l.Recipients)
		rate := figure{Line: name, Name: "e-mails", Measured: float64(l.Recipients) / g.Took.Seconds(), Unit: "/s", AtLeast: true, Detail: fmt.Sprintf("%.2f s", g.Took.Seconds())}
		if g.Killed {
			name = fmt.Sprintf("%d people, killed and started again in between", l.Recipients)
			rate.Line, rate.Bar = name, barMails
			rate.Detail += fmt.Sprintf("; a person looked for %d chunks, %d of them were sent again", g.Unknown, g.Again)
		}
		r.Figures = append(r.Figures, rate,
			figure{Line: name, Name: "memory resident at most", Measured: float64(g.Peak) / 1e6, Unit: "MB", Bar: barNotice / 1e6},
			figure{Line: name, Name: "until people saw what would be sent", Measured: ms(g.Shown), Unit: "ms", Detail: "the audience read, every language written, kept"})
	}
	return r
}
