//go:build !crashpoints

package main

import (
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// In a build for tests (tag crashpoints) these kill the process at named points.

func instrumentedLog(l orchestrator.Log) orchestrator.Log { return l }

func instrumentedActions(a map[string]orchestrator.Action) map[string]orchestrator.Action { return a }

func instrumentedMetrics(m engine.Metrics) engine.Metrics { return m }
