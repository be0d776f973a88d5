package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// Of the people: how many answer side by side, how often each looks, and how long they
// wait for one answer of Backout. A call of the step is held for killHold, so that a
// kill hits some of them in the middle.
const (
	killPeople = 4
	killLook   = 20 * time.Millisecond
	killWait   = 5 * time.Second
	killHold   = 5 * time.Millisecond
)

// benchStep is the step behind the question.
const benchStep = "step1"

// killWorld is the process that is killed, and who speaks to it.
type killWorld struct {
	*openMeasure
	publishing
	// asked are the environments whose event was acknowledged.
	asked chan int
	// opened is how many events that open an incident were handed to the publisher.
	opened int
	// people guards what changes while they answer.
	people    sync.Mutex
	you       *client
	at        string
	confirmed map[int]bool
	line      killLine
}

// world makes a folder with the token of a person, and starts the process on it.
func (b *killBench) world(ctx context.Context, dir string) (*killWorld, error) {
	count := b.kills*killOpens + 1 // the last environment is that of the noise
	w := &killWorld{
		openMeasure: &openMeasure{dir: dir, count: count, log: b.log, acknowledged: map[uint64]bool{}},
		asked:       make(chan int, count), confirmed: map[int]bool{}, line: killLine{Seed: b.seed, Kills: b.kills},
	}
	w.noise = noise{"bench", benchProject(count - 1), benchEnvironment(count - 1)}
	w.urgent, w.noted, w.address = make(chan event, count), w.note, w.natsNow
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: dir, World: lastWorld(count), Action: &benchAction{}, Log: b.log})
	if err != nil {
		return nil, err
	}
	w.token, err = rig.benchToken(ctx)
	if err := errors.Join(err, rig.close()); err != nil {
		return nil, err
	}
	if w.target, err = startBenchTarget(ctx); err != nil {
		return nil, err
	}
	w.target.hold = killHold
	if err := w.startAgain(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *killWorld) close() error {
	w.openMeasure.close()
	return nil
}

// startAgain starts the process; who speaks to Backout speaks to it from then on.
func (w *killWorld) startAgain(ctx context.Context) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	w.people.Lock()
	defer w.people.Unlock()
	w.you = &client{base: w.process.url, token: w.token, http: &http.Client{Timeout: killWait, Transport: &http.Transport{MaxIdleConnsPerHost: killPeople}}}
	w.at = w.process.nats
	return nil
}

// now is the client for the process of now.
func (w *killWorld) now() *client {
	w.people.Lock()
	defer w.people.Unlock()
	return w.you
}

func (w *killWorld) natsNow() string {
	w.people.Lock()
	defer w.people.Unlock()
	return w.at
}

// note is told of each acknowledged event; those that open incidents are to be answered.
func (w *killWorld) note(_, id string) {
	if i, err := strconv.Atoi(strings.TrimPrefix(id, "bench/e")); err == nil {
		w.asked <- i
	}
}

// openMore hands events to the publisher that open an incident each.
func (w *killWorld) openMore() error {
	for range killOpens {
		body, err := benchCloudEvent(w.opened)
		if err != nil {
			return err
		}
		w.urgent <- event{"alert", body}
		w.opened++
	}
	return nil
}

// answers answers the questions one after another until the context ends.
func (w *killWorld) answers(ctx context.Context) {
	for {
		select {
		case i := <-w.asked:
			w.answersOne(ctx, i)
		case <-ctx.Done():
			return
		}
	}
}

// answersOne says go to the incident of an environment, again until it was taken.
func (w *killWorld) answersOne(ctx context.Context, i int) {
	tick := time.NewTicker(killLook)
	defer tick.Stop()
	words := "choose " + orchestrator.IncidentName(uint64(i)+1) + " " + benchAsk + " " + benchAnswer
	for {
		state := w.state(ctx, i, benchAsk)
		if state == orchestrator.StepDone {
			return // it was taken, and its acknowledgement was lost in a kill
		}
		if state == orchestrator.StepAwaiting {
			if r, err := w.now().say(ctx, words); err == nil && r.OK {
				w.people.Lock()
				w.confirmed[i] = true
				w.people.Unlock()
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// state is the state of a step of an environment's incident; empty when it cannot be
// read now.
func (w *killWorld) state(ctx context.Context, i int, step string) orchestrator.StepState {
	var inc console.Incident
	if w.now().get(ctx, "/api/v1/incidents/"+strconv.Itoa(i+1), nil, &inc) != nil || inc.Environment != benchEnvironment(i) {
		return ""
	}
	at := slices.IndexFunc(inc.Steps, func(s console.Step) bool { return s.ID == step })
	if at < 0 {
		return ""
	}
	return orchestrator.StepState(inc.Steps[at].State)
}

// settles looks for every step that nobody knows the outcome of whether its call
// arrived, and says what is right, until the context ends.
func (w *killWorld) settles(ctx context.Context) {
	pace(ctx, func() {
		var open []console.Incident
		if w.now().get(ctx, "/api/v1/incidents", url.Values{"open": {"true"}, "limit": {"1000"}}, &open) != nil {
			return
		}
		for _, inc := range open {
			if slices.ContainsFunc(inc.WaitingOn, func(text string) bool { return strings.Contains(text, benchStep) || strings.Contains(text, "person") }) {
				w.settle(ctx, &inc)
			}
		}
	})
}

func (w *killWorld) settle(ctx context.Context, inc *console.Incident) {
	i, err := strconv.Atoi(strings.TrimPrefix(inc.Environment, "e"))
	if err != nil || w.state(ctx, i, benchStep) != orchestrator.StepUnknown {
		return
	}
	words, again := "confirm-done", 0
	if w.target.calls(inc.Environment) == 0 {
		words, again = "retry", 1
	}
	if r, err := w.now().say(ctx, fmt.Sprintf("%s %s %s", words, inc.ID, benchStep)); err == nil && r.OK {
		w.people.Lock()
		w.line.InDoubt, w.line.Again = w.line.InDoubt+1, w.line.Again+again
		w.people.Unlock()
	}
}
