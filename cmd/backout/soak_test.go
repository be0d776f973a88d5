//go:build soak

package main

import "testing"

// TestSoak_kills kills 2,000 times; it takes about half an hour.
func TestSoak_kills(t *testing.T) { killAtRandom(t, 2000, 30) }

// TestSoakCluster is TestCluster twenty times over; then the bars are asserted.
func TestSoakCluster(t *testing.T) { loseInstances(t, 20) }
