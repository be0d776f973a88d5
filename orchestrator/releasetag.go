package orchestrator

import "strings"

// commitMark is where the commit stands in the pattern of a release tag.
const commitMark = "{commit}"

// The length of a commit as releases write it.
const maxCommit = 40

// commitOf takes the commit out of a release tag by a pattern such as
// `shop@*+{commit}`; "" when the tag does not fit.
func commitOf(pattern, release string) string {
	before, after, ok := strings.Cut(pattern, commitMark)
	if !ok {
		return ""
	}
	for i := range len(release) {
		end := i
		for end < len(release) && isHex(release[end]) {
			end++
		}
		if n := end - i; n >= shortCommit && n <= maxCommit && fits(before, release[:i]) && fits(after, release[end:]) {
			return release[i:end]
		}
	}
	return ""
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

// fits reports whether a text is as a pattern in which * stands for anything.
func fits(pattern, text string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, before) {
		return false
	}
	for rest := text[len(before):]; ; rest = rest[1:] {
		if fits(after, rest) {
			return true
		}
		if rest == "" {
			return false
		}
	}
}

// nameRelease lets an event say the commit where its project says how a release tag
// holds it. The summary keeps the tag's own words.
func (p *pass) nameRelease(ev *Event) {
	if !p.v2() || ev.Release == "" {
		return
	}
	pr, ok := p.s.Config().Project(ev.Project)
	if !ok || pr.ReleaseTag == "" {
		return
	}
	if commit := commitOf(pr.ReleaseTag, ev.Release); commit != "" {
		ev.Release = commit
	}
}
