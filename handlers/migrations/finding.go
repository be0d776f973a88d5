package migrations

// The findings, as rules make them. Each may be changed before it is returned.

func additive(does, why string) Finding {
	return Finding{Does: does, Class: Additive, Reads: Yes, Writes: Yes, Why: why}
}

// fresh is a change of what the old code does not know.
func fresh(does string) Finding {
	return additive(does, "it was made after the old code was built, which does not know it")
}

func unknown(does, why string) Finding {
	return Finding{Does: does, Class: Unknown, Reads: Unsure, Writes: Unsure, Why: why}
}

// notUnderstood is a known kind of statement with a part that its rule has not read.
func notUnderstood(does, part string) Finding {
	return unknown(does, "its part "+part+" is none that Backout has a rule for")
}

func breaks(does string, reads, writes Answer, why string) Finding {
	return Finding{Does: does, Class: Breaking, Reads: reads, Writes: writes, Why: why}
}

func destroys(does, loss, why string) Finding {
	return Finding{Does: does, Class: Destructive, Reads: No, Writes: No, Why: why, Loss: loss}
}

func changesRows(does string, reads Answer, why string) Finding {
	return Finding{Does: does, Class: Data, Reads: reads, Writes: Yes, Why: why}
}

// byRows is a change that the old code survives as long as the evidence counts 0.
func byRows(does, why string, e Evidence) Finding {
	f := Finding{Does: does, Class: Data, Reads: Yes, Writes: Yes, Why: why, Evidence: []Evidence{e}}
	if e.Decides == decidesReads {
		f.Reads = ByRows
	} else {
		f.Writes = ByRows
	}
	return f
}

func (f Finding) locking(l ...Lock) Finding {
	f.Locks = append(f.Locks, l...)
	return f
}

func (f Finding) told(e Evidence) Finding {
	f.Evidence = append(f.Evidence, e)
	return f
}

func (f Finding) losing(what string) Finding {
	f.Loss = what
	return f
}

// The locks, by PostgreSQL's documentation of ALTER TABLE, CREATE INDEX and so on.

func exclusive(table string) Lock {
	return Lock{Mode: "ACCESS EXCLUSIVE", Table: table, Blocks: "reads and writes"}
}

func rewriting(table string) Lock {
	l := exclusive(table)
	l.Scans = true
	return l
}

func shareRow(table string, scans bool) Lock {
	return Lock{Mode: "SHARE ROW EXCLUSIVE", Table: table, Blocks: "writes", Scans: scans}
}

func share(table string) Lock {
	return Lock{Mode: "SHARE", Table: table, Blocks: "writes", Scans: true}
}

func shareUpdate(table string) Lock {
	return Lock{Mode: "SHARE UPDATE EXCLUSIVE", Table: table, Blocks: "schema changes", Scans: true}
}
