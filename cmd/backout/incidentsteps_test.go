package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestIncidentShow_saysWhatToDo prints what somebody who was woken looks for.
func TestIncidentShow_saysWhatToDo(t *testing.T) {
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	inc := &console.Incident{
		ID: "INC-1", State: "mitigating", Severity: "critical", Project: "shop", Environment: "production", Title: "5xx",
		Suspect: &orchestrator.Suspect{DeploymentID: "dpl_bad", Score: 930, Reasons: []string{"it is new"}},
		Steps: []console.Step{
			{ID: "schema", Title: "Schema", State: "skipped", Reason: notNeeded + ": env.evidence"},
			{ID: "mail", Title: "Mail", State: "skipped", Reason: "skipped by ann"},
			{
				ID: "back", Title: "Roll back", State: "awaiting", Since: at, WaitingOn: "a choice by on-call", Reason: "Vercel says skipped",
				Preview: &console.Preview{Text: "Roll shop back", Manual: "vercel rollback dpl_old"},
				Ask:     &console.Ask{Choices: []orchestrator.Choice{{Key: "retry", Text: "Try again"}}},
			},
			{
				ID: "why", Title: "Cause", State: "awaiting", Since: at, WaitingOn: "answers: cause by on-call",
				Ask: &console.Ask{Typed: []string{"cause"}, Checklist: []string{"Logs reviewed"}},
			},
		},
	}
	var out strings.Builder
	if err := printIncident(&out, inc); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"score 0.93", "skipped by ann", "since 03:00:00 UTC", "it failed: Vercel says skipped", "by hand: vercel rollback dpl_old",
		"choose INC-1 back retry", "answer INC-1 why cause=... checked=all, which confirms: Logs reviewed", "says why: schema\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	for _, no := range []string{"env.evidence", "Roll shop back"} {
		if strings.Contains(out.String(), no) {
			t.Errorf("it says %q:\n%s", no, out.String())
		}
	}
}
