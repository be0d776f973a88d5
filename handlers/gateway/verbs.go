package gateway

import "strings"

const verbNote = "note"

// verb is one command: how it is written, what it does, and how the words behind
// it are read.
type verb struct {
	name  string
	form  string
	about string
	// options are the --names, pairs the name=value it knows; "*" is any.
	options []string
	pairs   []string
	read    func(*reading) error
}

// verbs are all commands, in the order in which help shows them.
func verbs() []verb {
	reason := []string{"reason"}
	preview := []string{"preview"}
	chunk := []string{"reason", "chunk"}
	return []verb{
		{"open", `open PROJECT "what people see" [--severity S] [--component C] [--environment E] [--since T] [--playbook P]`, "open an incident by hand", []string{"severity", "component", "environment", "since", "playbook", "reason"}, nil, readOpen},
		{"rollback", `rollback PROJECT [--reason "..."] [--environment E] [--component C] [--severity S] [--since T]`, "go back to the newest safe deployment", []string{"severity", "component", "environment", "since", "reason"}, nil, readRollback},
		{"emergency", `emergency PROJECT ["what is wrong with the data"] [--component C] [--since T] [--environment E] [--severity S]`, "data is wrong or gone: stop the writes, then repair or restore; for a dba or devops-lead", []string{"severity", "component", "environment", "since", "reason"}, nil, readRollback},
		{"ack", "ack [INC-n]", "say that you have it", reason, nil, readWhole},
		{"approve", "approve [INC-n] [STEP] [preview=HASH] [confirm=NAME] [--reason \"...\"]", "agree to what was shown", []string{"reason", "preview", "confirm"}, []string{"preview", "confirm"}, readStep},
		{"now", "now [INC-n] [STEP] [preview=HASH]", "do not wait for the veto time", []string{"reason", "preview"}, preview, readStep},
		{"reject", "reject [INC-n] [STEP] [--reason \"...\"]", "call a step off", []string{"reason", "preview"}, preview, readStep},
		{"choose", "choose [INC-n] [STEP] KEY", "answer a question with one of its choices", []string{"reason", "choice"}, []string{"choice"}, readChoose},
		{"answer", "answer [INC-n] [STEP] name=value ... checked=all", "answer a question or confirm a checklist", reason, []string{"*"}, readAnswer},
		{"retry", "retry [INC-n] [STEP] [chunk=N|all]", "try a failed or unknown step again", chunk, chunk[1:], readStep},
		{"skip", "skip [INC-n] [STEP] [chunk=N|all]", "go on without a step", chunk, chunk[1:], readStep},
		{"confirm-done", "confirm-done [INC-n] [STEP] [chunk=N|all]", "say that a step is done, whoever did it", chunk, chunk[1:], readStep},
		{"stop", "stop [INC-n]", "end the plan; nothing is undone", reason, nil, readWhole},
		{"snooze", "snooze [INC-n] 4h", "no pages for a while, at most 8h", []string{"reason", "for"}, []string{"for"}, readSnooze},
		{verbNote, "note [INC-n] text", "write a line into the timeline", nil, nil, readNote},
		{"update", `update [INC-n] "what users should know"`, "say more on the public status page", nil, nil, readNote},
		{"flag", `flag off|on [INC-n] [COMPONENT] [--reason "..."]`, "switch a component off, or on again, beside the plan", []string{"reason", "component"}, nil, readFlag},
		{"writes", `writes off|on [INC-n] [--reason "..."]`, "take the right to write to the database from the application, or give it back", reason, nil, readWrites},
		{"revert", `revert [INC-n] [NUMBER] [--reason "..."]`, "open a pull request that reverts the one behind the suspect, or the one you name", []string{"reason", "pull"}, nil, readRevert},
		{"resolve", "resolve [INC-n]", "say that users are well again", reason, nil, readWhole},
		{"close", "close [INC-n]", "end a resolved incident", reason, nil, readWhole},
		{"reopen", "reopen [INC-n]", "take a resolved incident up again", reason, nil, readWhole},
		{"dismiss", "dismiss [INC-n]", "say that it was no incident", reason, nil, readWhole},
		{"hold", "hold set|lift PROJECT [--until 18:00|4h] [--environment E] [--reason \"...\"] | hold list", "keep new deployments away from production, or let them in", []string{"reason", "environment", "until"}, nil, readHold},
		{"pause", "pause [PROJECT] [--reason \"...\"]", "no new effects, on one project or on all", reason, nil, readPause},
		{"unpause", "unpause [PROJECT]", "allow effects again and re-arm the breaker", reason, nil, readPause},
		{"merge", "merge INC-n INC-m", "make one incident of two: the first becomes part of the second", reason, []string{"into"}, readMerge},
		{"split", "split INC-n PROJECT[/ENVIRONMENT]", "take a project out of an incident it was joined to", reason, nil, readSplit},
		{"silence", `silence PROJECT 2h --reason "..." [--component C] [--source S] [--name N] | silence end ID`, "signals of a project open and page nothing for a while, at most 7d", []string{"reason", "environment", "component", "source", "name", "for"}, nil, readSilence},
		{"shadow", "shadow right|wrong|unclear [INC-n] [STEP]", "say whether what Backout would have done was right", reason, nil, readShadow},
		{"clock", "clock accept", "say that a clock that jumped is right now", reason, nil, readClock},
		{"help", "help", "show this list", nil, nil, func(*reading) error { return nil }},
	}
}

func verbNamed(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// Help lists the commands, one per line.
func Help() string {
	var b strings.Builder
	for _, v := range verbs() {
		b.WriteString(v.form + "\n    " + v.about + "\n")
	}
	b.WriteString("INC-n and STEP may be left out when exactly one thing waits for you.\n")
	return b.String()
}

// nearestVerb suggests what was meant.
func nearestVerb(name string) string {
	all := verbs()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	if best := nearest(name, names); best != "" {
		return "did you mean `" + best + "`?"
	}
	return "`help` lists the commands"
}
