package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
)

// noticeLook is how often a notice on its way is looked at.
const noticeLook = 5 * time.Millisecond

// noticeWorld is one Backout with its stand-ins.
type noticeWorld struct {
	*demoWorld
	got noticesRound
}

// round mails everybody once.
func (b *noticesBench) round(ctx context.Context, dir string, kill bool) (got noticesRound, err error) {
	ctx, cancel := context.WithTimeout(ctx, noticesLimit)
	defer cancel()
	s, err := sandbox.Start(ctx, sandbox.Options{ErrorRate: -1})
	if err != nil {
		return got, err
	}
	plays := filepath.Join(dir, "workflows")
	w := &noticeWorld{demoWorld: &demoWorld{
		dir: dir, died: make(chan struct{}), config: benchNoticesConfig, urls: s.URLs(), users: audience(b.recipients), serve: []string{"--workflows", plays},
	}}
	defer func() {
		w.close()
		stop, cancel := stopContext()
		defer cancel()
		err = errors.Join(err, s.Close(stop))
	}()
	if err := errors.Join(os.MkdirAll(plays, 0o700), os.WriteFile(filepath.Join(plays, "respond.yaml"), []byte(benchNoticesPlaybook), 0o600)); err != nil {
		return got, fmt.Errorf("writing the playbook: %w", err)
	}
	if err := w.startBeside(ctx); err != nil {
		return got, err
	}
	if err := w.mails(ctx, b.recipients, kill); err != nil {
		return got, err
	}
	return w.got, w.everybodyOnce(ctx, b.recipients)
}

// audience is a CSV of people, every third of whom reads Korean.
func audience(n int) string {
	var b strings.Builder
	b.WriteString("email,name,lang\n")
	for i := range n {
		lang := "en"
		if i%3 == 0 {
			lang = "ko"
		}
		fmt.Fprintf(&b, "user%07d@example.com,User %d,%s\n", i, i, lang)
	}
	return b.String()
}

// mails opens an incident, says yes to its notice, and waits until it is done.
func (w *noticeWorld) mails(ctx context.Context, people int, kill bool) error {
	asked := time.Now()
	if err := w.says(ctx, `open shop "checkout is down" --severity critical --component checkout`); err != nil {
		return err
	}
	if _, err := w.waitMail(ctx, "to ask", func(s *console.Step) bool { return s.Preview != nil }); err != nil {
		return err
	}
	w.got.Shown = time.Since(asked)
	began := time.Now()
	if err := w.says(ctx, "approve INC-1 mail"); err != nil {
		return err
	}
	if kill {
		if err := w.killHalfWay(ctx, people); err != nil {
			return err
		}
	}
	_, err := w.waitMail(ctx, "to be done", func(s *console.Step) bool { return s.State == "done" })
	w.got.Took, w.got.Killed = time.Since(began), kill
	w.remember()
	return err
}

func (w *noticeWorld) says(ctx context.Context, words string) error {
	r, err := w.you.say(ctx, words)
	if err == nil && !r.OK {
		err = errors.New(r.Text)
	}
	if err != nil {
		return fmt.Errorf("saying `%s`: %w", words, err)
	}
	return nil
}

// killHalfWay kills Backout when half of the people have their mail, starts it again, and
// has a person look for every chunk that nobody knows of.
func (w *noticeWorld) killHalfWay(ctx context.Context, people int) error {
	if err := w.wait(ctx, "half of the mails", func() (bool, error) {
		t, err := w.sent(ctx)
		return t.Mails >= people/2, err
	}); err != nil {
		return err
	}
	w.remember()
	child := w.children[len(w.children)-1]
	if err := child.Process.Kill(); err != nil {
		return fmt.Errorf("killing Backout: %w", err)
	}
	<-w.died
	w.died = make(chan struct{})
	if err := w.startBeside(ctx); err != nil {
		return err
	}
	return w.settleAll(ctx)
}

// settleAll looks in what SendGrid took for every chunk in doubt, and says what is right.
func (w *noticeWorld) settleAll(ctx context.Context) error {
	inc, err := w.waitMail(ctx, "to be in doubt, or done", func(s *console.Step) bool {
		return s.State == "done" || strings.Contains(s.WaitingOn, "a person: ")
	})
	if err != nil {
		return err
	}
	t, err := w.sent(ctx)
	if err != nil {
		return err
	}
	inDoubt := regexp.MustCompile(`\(chunk (\d+) of \d+\) at .*its attempt is (\S+)\. `)
	for _, line := range inc.Timeline {
		m := inDoubt.FindStringSubmatch(line.Text)
		if m == nil {
			continue
		}
		verb := "confirm-done"
		if w.got.Unknown++; t.ByArg[m[2]] == 0 {
			verb = "retry"
			w.got.Again++
		}
		if err := w.says(ctx, verb+" INC-1 mail chunk="+m[1]); err != nil {
			return err
		}
	}
	return nil
}

func (w *noticeWorld) sent(ctx context.Context) (t sandbox.MailTally, err error) {
	return t, fetch(ctx, w.urls.SendGrid+"/_sandbox/mails/tally?arg=backout_attempt", &t)
}

func (w *noticeWorld) everybodyOnce(ctx context.Context, people int) error {
	t, err := w.sent(ctx)
	if err == nil && (t.Mails != people || t.Recipients != people || t.Most != 1) {
		err = fmt.Errorf("%d mails went to %d people, at most %d to one; want one to each of %d", t.Mails, t.Recipients, t.Most, people)
	}
	return err
}

func (w *noticeWorld) waitMail(ctx context.Context, what string, want func(*console.Step) bool) (inc console.Incident, err error) {
	return inc, w.wait(ctx, "the mail "+what, func() (bool, error) {
		inc = console.Incident{}
		if err := w.you.get(ctx, "/api/v1/incidents/INC-1", url.Values{}, &inc); err == nil { // else it is on its way
			i := slices.IndexFunc(inc.Steps, func(s console.Step) bool { return s.ID == "mail" })
			return i >= 0 && want(&inc.Steps[i]), nil
		}
		return false, nil
	})
}

func (w *noticeWorld) wait(ctx context.Context, what string, ok func() (bool, error)) error {
	tick := time.NewTicker(noticeLook)
	defer tick.Stop()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-w.died:
			return fmt.Errorf("waiting for %s: Backout ended; see %s", what, filepath.Join(w.dir, "backout.log"))
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}

// remember notes the most memory that the Backout of now has had.
func (w *noticeWorld) remember() {
	child := w.children[len(w.children)-1]
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child.Process.Pid)); err == nil {
		w.got.Peak = max(w.got.Peak, statusKiB(status, "VmHWM:"))
	}
}
