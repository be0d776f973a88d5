package prisma

import (
	"regexp"
	"strings"
)

const (
	wordsMost = 700
	lastLines = 6
)

// guarded reports whether the CLI refused because it takes its caller for a machine that
// needs a person's consent.
func guarded(output string) bool {
	return strings.Contains(output, "PRISMA_USER_CONSENT") || strings.Contains(output, "Prisma Migrate detected that it was invoked by")
}

// words is what the CLI said, in one line: from its error on, otherwise its last lines.
func words(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	isError := regexp.MustCompile(`^\s*(Error\b|P\d{4}\b)`)
	from := max(0, len(lines)-lastLines)
	for i, line := range lines {
		if isError.MatchString(line) {
			from = i
			break
		}
	}
	said := []rune(strings.Join(strings.Fields(strings.Join(lines[from:], " ")), " "))
	if len(said) > wordsMost {
		return string(said[:wordsMost]) + "…"
	}
	return string(said)
}
