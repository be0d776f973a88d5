package orchestrator

// Timers calls fn for the timers of all partitions in the order they fall due,
// until fn returns false. fn must not write.
func (s *State) Timers(fn func(key []byte, t TimerFired, p int) bool) {
	s.view.Scan(BucketTimer, nil, nil, func(k, _ []byte) bool {
		t, p := ParseTimerKey(k)
		return fn(k, t, p)
	})
}

// Ready calls fn for the ready work of a partition, most urgent and oldest
// first, until fn returns false. fn must not write.
func (s *State) Ready(p int, fn func(key []byte, ref StepRef) bool) {
	s.view.Scan(BucketReady, ReadyPrefix(p), nil, func(k, _ []byte) bool {
		return fn(k, ReadyRef(k))
	})
}
